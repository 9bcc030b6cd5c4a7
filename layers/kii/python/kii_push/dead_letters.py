"""Dead letters: what waits for a person, grouped by cause with its age, and put back by cause.

A cause is `unknown`; `rejected` with Kii's error code or the wrong field (`rejected USER_NOT_FOUND`);
`exhausted`, received too often without coming to an end, usually `not_sent` through a long outage; or
`fault`, a schedule's push whose function crashed.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kii_push import aws, request, strict_json
from kii_push.errors import InvalidRequest, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Seconds that letters stay hidden while they are looked at; afterwards they show themselves again.
_HIDDEN = 120
# Milliseconds that must be left to take more letters up.
_RESERVE = 10_000


@dataclass(frozen=True)
class Letter:
    """A message in a dead-letter queue. `sent_at` is when it was put there, in Unix seconds."""

    queue_url: str
    receipt_handle: str
    body: str
    cause: str
    push_id: str | None
    sent_at: float
    group: str | None


@dataclass(frozen=True)
class Group:
    """The letters of one cause; ages are in seconds, `examples` are IDs of pushes."""

    cause: str
    count: int
    oldest: int
    newest: int
    examples: list[str]


@dataclass(frozen=True)
class Redriven:
    """What became of a cause's letters: put back on their queue, or dropped because their time has passed."""

    cause: str
    put_back: int
    dropped: int


def groups(time_left: Callable[[], int]) -> list[Group]:
    """Return the letters grouped by cause, the largest group first, as far as the time (ms) goes."""
    letters = list(_letters(time_left))
    for letter in letters:
        _show_again(letter)
    causes = {letter.cause for letter in letters}
    found = [_group(cause, [each for each in letters if each.cause == cause]) for cause in causes]
    return sorted(found, key=lambda group: (-group.count, group.cause))


def redrive(cause: str, time_left: Callable[[], int]) -> Redriven:
    """Put the letters of one cause back on their queues; drop those whose `notAfter` has passed.

    A push that is `unknown` goes back with `onUnknown: resend`: this is what asking for that cause means. A
    letter is taken off only after it was put back, so an interruption repeats and does not lose.
    """
    put_back = dropped = 0
    others: list[Letter] = []
    for letter in _letters(time_left):
        if letter.cause != cause:
            others.append(letter)
            continue
        if _is_stale(letter):
            dropped += 1
        else:
            _put_back(letter)
            put_back += 1
        aws.sqs().delete_message(QueueUrl=letter.queue_url, ReceiptHandle=letter.receipt_handle)
    for letter in others:
        _show_again(letter)
    return Redriven(cause, put_back, dropped)


def _letters(time_left: Callable[[], int]) -> Iterator[Letter]:
    """Yield the letters, which are hidden from then on, until there are no more or the time is short."""
    for url in (os.environ["DEAD_LETTER_QUEUE_URL"], os.environ["DEAD_LETTER_FIFO_QUEUE_URL"]):
        while time_left() > _RESERVE:
            answer = aws.sqs().receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=_HIDDEN,
                # A short poll asks some of SQS's servers only, and may find nothing where there is something.
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                break
            yield from (_letter(url, message) for message in answer["Messages"])


def _letter(queue_url: str, message: "MessageTypeDef") -> Letter:
    given = {name: each["StringValue"] for name, each in message.get("MessageAttributes", {}).items()}
    failed = _failed_invocation(message["Body"])
    system = message["Attributes"]
    return Letter(
        queue_url=queue_url,
        receipt_handle=message["ReceiptHandle"],
        body=message["Body"] if failed is None else json.dumps(failed, ensure_ascii=False),
        cause=_cause(given) if failed is None else "fault",
        push_id=given.get("pushID"),
        sent_at=int(system["SentTimestamp"]) / 1000,
        group=system.get("MessageGroupId"),
    )


def _cause(given: Mapping[str, str]) -> str:
    outcome = given.get("outcome", "exhausted")
    why = given.get("errorCode") or given.get("field") or ""
    return f"{outcome} {why}".rstrip() if outcome == Outcome.REJECTED else outcome


def _failed_invocation(body: str) -> Any:
    """Return what a function was invoked with, if this is what Lambda keeps of an invocation that failed."""
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value.get("requestPayload") if isinstance(value, dict) else None


def _group(cause: str, letters: Sequence[Letter]) -> Group:
    ages = [int(time.time() - letter.sent_at) for letter in letters]
    ids = [letter.push_id for letter in letters if letter.push_id]
    return Group(cause, len(letters), max(ages), min(ages), ids[:3])


def _is_stale(letter: Letter) -> bool:
    try:
        return request.parse(letter.body, default_id=letter.push_id or "unknown").expired()
    except InvalidRequest:
        # It will be refused again, with the reason; nothing is dropped that cannot be read.
        return False


def _put_back(letter: Letter) -> None:
    body = letter.body
    try:
        value = strict_json.loads(body)
    except InvalidRequest:
        value = None
    if isinstance(value, dict):
        if letter.push_id:
            # The ID under which the ledger knows it, whichever message brings it.
            value.setdefault("id", letter.push_id)
        if letter.cause == Outcome.UNKNOWN:
            value["onUnknown"] = "resend"
        body = json.dumps(value, ensure_ascii=False)
    if letter.group is None:
        aws.sqs().send_message(QueueUrl=os.environ["PUSH_QUEUE_URL"], MessageBody=body)
    else:
        aws.sqs().send_message(
            QueueUrl=os.environ["PUSH_FIFO_QUEUE_URL"],
            MessageBody=body,
            MessageGroupId=letter.group,
            # By its content it could pass for the message it once was, and SQS would drop it.
            MessageDeduplicationId=uuid.uuid4().hex,
        )


def _show_again(letter: Letter) -> None:
    aws.sqs().change_message_visibility(
        QueueUrl=letter.queue_url, ReceiptHandle=letter.receipt_handle, VisibilityTimeout=0
    )
