"""A dead letter: why it lies there, which push it is, and what goes back on its queue."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec import Struct

from kii_push.common import strict_json
from kii_push.common.decode import ready
from kii_push.errors import MAX_FIELD_CHARS, InvalidRequest, Outcome, readable
from kii_push.push import request
from kii_push.push.request import Origin
from kii_push.queues.sqs import Queue, as_message

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# `rejected` and the field that is wrong.
MAX_CAUSE_CHARS = 16 + MAX_FIELD_CHARS
# As many as an ID of a push has.
MAX_NAMED_CHARS = 128


@dataclass(frozen=True)
class Letter:
    """A message in a dead-letter queue.

    `push_id` is what the ledger knows the push by. `sent_at` (Unix seconds) is when the message was put
    there; for one that SQS itself moved, when it was first queued. `source` is the name of the queue that it
    came from, None if that is not known; `group` is its message group there. `sender` sent it, as far as is
    known. `is_of_a_broadcast` is only for letters of release 0.1.0, which do not name their queue: so a
    letter says by its body, which the bundle itself queued or a sender wrote.
    """

    queue: Queue
    receipt_handle: str
    body: str
    cause: str
    push_id: str
    sent_at: float
    group: str | None = None
    source: str | None = None
    sender: str | None = None
    is_of_a_broadcast: bool = False

    def is_stale(self) -> bool:
        """Say whether the push's `notAfter` has passed."""
        try:
            return request.parse(self.body, default_id="unused", origin=Origin("broadcast")).expired()
        except InvalidRequest:
            # It will be refused again, with the reason.
            return False

    def again(self) -> str:
        """Return the message that goes back: the push, under the ID that the ledger knows.

        An `unknown` one says `onUnknown: resend`. What cannot be read goes back as it is.
        """
        value = _request(self.body)
        if value is None:
            return self.body
        value.setdefault("id", self.push_id)
        if self.cause == Outcome.UNKNOWN:
            value["onUnknown"] = "resend"
        return as_message(value)


def from_message(queue: Queue, message: "MessageTypeDef") -> Letter:
    """Return the letter in a message, received with all its attributes."""
    system = cast("Mapping[str, str]", message["Attributes"])
    moved_from = system.get("DeadLetterQueueSourceArn")
    # A message that SQS itself moved has its sender's attributes, which may say anything.
    own = {} if moved_from else message.get("MessageAttributes", {})
    given = {name: each.get("StringValue", "") for name, each in own.items()}
    # Lambda's records have no attributes; letters of the bundle and the scheduler do, and if one of these
    # looks like a record, a sender made it so.
    failure = None if moved_from or own else _failure(message["Body"])
    body = bytes(failure.request_payload).decode() if failure else message["Body"]
    named = failure.request_context.request_id if failure else given.get("pushID", message["MessageId"])
    return Letter(
        queue=queue,
        receipt_handle=message["ReceiptHandle"],
        body=body,
        cause="fault" if failure else _cause(given),
        push_id=_own_id(body) or readable(named, MAX_NAMED_CHARS),
        sent_at=int(system["SentTimestamp"]) / 1000,
        group=system.get("MessageGroupId") or given.get("group"),
        source=moved_from.rpartition(":")[2] if moved_from else given.get("queue"),
        sender=given.get("sender"),
        is_of_a_broadcast="pushID" in given
        and "queue" not in given
        and "broadcast" in (_request(body) or {}),
    )


def _cause(given: Mapping[str, str]) -> str:
    outcome = given.get("outcome", "exhausted")
    why = given.get("errorCode") or given.get("field") or ""
    cause = f"{outcome} {why}".rstrip() if outcome == Outcome.REJECTED else outcome
    return readable(cause, MAX_CAUSE_CHARS)


class _RequestContext(Struct, rename="camel"):
    request_id: str


class _FailedInvocation(Struct, rename="camel"):
    """What Lambda keeps of an asynchronous invocation that failed."""

    request_context: _RequestContext
    request_payload: msgspec.Raw


def _failure(body: str) -> _FailedInvocation | None:
    try:
        return msgspec.json.decode(body, type=ready(_FailedInvocation))
    except (ValueError, RecursionError):
        return None


def _own_id(body: str) -> str | None:
    """Return the ID that a push request gives itself, None if no push can have it."""
    value = _request(body)
    own = value.get("id") if value else None
    try:
        return request.push_id(own) if isinstance(own, str) else None
    except InvalidRequest:
        return None


def _request(body: str) -> dict[str, Any] | None:
    """Return the push request in a body, None if there is none."""
    try:
        value = strict_json.loads(body)
    except InvalidRequest:
        return None
    return value if isinstance(value, dict) else None
