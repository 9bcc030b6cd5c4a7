"""Dead letters: what waits for a person, grouped by cause with its age, and put back by cause.

A cause is `unknown`; `rejected` with Kii's error code or the wrong field (`rejected USER_NOT_FOUND`);
`exhausted`, received too often without coming to an end, usually `not_sent` through a long outage; or
`fault`, a schedule's push whose function crashed.
"""

import json
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import batched, groupby
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from kii_push import aws, request, strict_json
from kii_push.errors import InvalidRequest, Outcome

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

# Seconds that letters stay hidden while they are looked at; afterwards they show themselves again.
_HIDDEN = 120
# The most that ChangeMessageVisibilityBatch takes.
_BATCH = 10


@dataclass(frozen=True)
class Letter:
    """A message in a dead-letter queue.

    `push_id` is what the ledger knows the push by; `sent_at` is when the message was put there, or by SQS
    itself on the queue that gave it up, in Unix seconds; `group` is its message group.
    """

    queue_url: str
    receipt_handle: str
    body: str
    cause: str
    push_id: str
    sent_at: float
    group: str | None


@dataclass(frozen=True)
class Group:
    """The letters of one cause; ages are in seconds, `examples` are IDs of pushes.

    Of a message group SQS shows ten letters at a time, so no more of it are counted.
    """

    cause: str
    count: int
    oldest: int
    newest: int
    examples: list[str]


@dataclass(frozen=True)
class Redriven:
    """What became of a cause's letters: put back on their queue, or dropped because their time has passed.

    Those that came after `before` (Unix seconds) were left alone. If it is not `complete` the time was too
    short for the others.
    """

    cause: str
    put_back: int
    dropped: int
    before: float
    complete: bool


def groups(time_left: Callable[[], int]) -> list[Group]:
    """Return the letters grouped by cause, the largest group first, as far as half of the time (ms) goes."""
    letters = list(_letters(time_left, time_left() // 2))
    _show_again(letters)
    causes = {letter.cause for letter in letters}
    found = [_group(cause, [each for each in letters if each.cause == cause]) for cause in causes]
    return sorted(found, key=lambda group: (-group.count, group.cause))


def redrive(cause: str, time_left: Callable[[], int], before: float | None = None) -> Redriven:
    """Put the letters of one cause back on their queues; drop those whose `notAfter` has passed.

    Only those that were there `before` (Unix seconds, by default now): one that comes straight back, because
    what was wrong still is, stays. A push that is `unknown` goes back with `onUnknown: resend`: this is what
    asking for that cause means. A letter is taken off only after it was put back, so an interruption repeats
    and does not lose.
    """
    until = time.time() if before is None else before
    half = time_left() // 2
    put_back = dropped = 0
    others: list[Letter] = []
    for letter in _letters(time_left, half):
        if letter.cause != cause or letter.sent_at > until:
            others.append(letter)
            continue
        if _is_stale(letter):
            dropped += 1
        else:
            _put_back(letter)
            put_back += 1
        aws.sqs().delete_message(QueueUrl=letter.queue_url, ReceiptHandle=letter.receipt_handle)
    complete = time_left() > half
    _show_again(others)
    return Redriven(cause, put_back, dropped, until, complete)


def _letters(time_left: Callable[[], int], reserve: int) -> Iterator[Letter]:
    """Yield the letters, which are hidden from then on, until there are no more or only `reserve` ms left."""
    for url in (os.environ["DEAD_LETTER_QUEUE_URL"], os.environ["DEAD_LETTER_FIFO_QUEUE_URL"]):
        while time_left() > reserve:
            answer = aws.sqs().receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=_BATCH,
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
    # A message that SQS gave up has its sender's attributes, of any type.
    given = {name: each.get("StringValue", "") for name, each in message.get("MessageAttributes", {}).items()}
    failure = _failure(message["Body"])
    body = json.dumps(failure.request_payload, ensure_ascii=False) if failure else message["Body"]
    named = failure.request_context.request_id if failure else given.get("pushID", message["MessageId"])
    system = message["Attributes"]
    return Letter(
        queue_url=queue_url,
        receipt_handle=message["ReceiptHandle"],
        body=body,
        cause="fault" if failure else _cause(given),
        push_id=_own_id(body) or named,
        sent_at=int(system["SentTimestamp"]) / 1000,
        group=system.get("MessageGroupId"),
    )


def _cause(given: Mapping[str, str]) -> str:
    outcome = given.get("outcome", "exhausted")
    why = given.get("errorCode") or given.get("field") or ""
    return f"{outcome} {why}".rstrip() if outcome == Outcome.REJECTED else outcome


class _Invocation(Struct, rename="camel"):
    request_id: str


class _Failure(Struct, rename="camel"):
    """What Lambda keeps of an asynchronous invocation that failed."""

    request_context: _Invocation
    request_payload: Any


def _failure(body: str) -> _Failure | None:
    try:
        return msgspec.json.decode(body, type=_Failure)
    except (ValueError, RecursionError):
        return None


def _own_id(body: str) -> str | None:
    """Return the ID that a push request gives itself."""
    value = _request(body)
    own = value.get("id") if value else None
    return own if isinstance(own, str) else None


def _request(body: str) -> dict[str, Any] | None:
    """Return the push request in a body, None if there is none."""
    try:
        value = strict_json.loads(body)
    except InvalidRequest:
        return None
    return value if isinstance(value, dict) else None


def _group(cause: str, letters: Sequence[Letter]) -> Group:
    ages = [int(time.time() - letter.sent_at) for letter in letters]
    return Group(cause, len(letters), max(ages), min(ages), [letter.push_id for letter in letters[:3]])


def _is_stale(letter: Letter) -> bool:
    try:
        return request.parse(letter.body, default_id="unused").expired()
    except InvalidRequest:
        # It will be refused again, with the reason; nothing is dropped that cannot be read.
        return False


def _put_back(letter: Letter) -> None:
    body = letter.body
    value = _request(body)
    if value is not None:
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


def _show_again(letters: Iterable[Letter]) -> None:
    for url, of_queue in groupby(letters, lambda letter: letter.queue_url):
        for some in batched(of_queue, _BATCH, strict=False):
            aws.sqs().change_message_visibility_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": each.receipt_handle, "VisibilityTimeout": 0}
                    for place, each in enumerate(some)
                ],
            )
