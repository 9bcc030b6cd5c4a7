"""Dead letters: what waits for a person, grouped by cause with its age, put back or dropped by cause.

A cause is `unknown`; `rejected` with Kii's error code or the wrong field (`rejected USER_NOT_FOUND`);
`exhausted`, received too often without coming to an end, usually `not_sent` through a long outage; or
`fault`, a schedule's push whose function crashed.
"""

import os
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws
from kii_push.dead_letters import scan
from kii_push.dead_letters.letter import Letter
from kii_push.dead_letters.scan import Sweep
from kii_push.queues import sqs as queues

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# Seconds that letters stay hidden while causes are put back or dropped, over several calls of the function.
HIDDEN = 900

# What to do with letters of the cause; gives what became of each, as a field of Dealt.
type _Act = Callable[[Sequence[Letter], Sweep], list[str]]
# A letter, and the message that goes back.
type _Push = tuple[Letter, str]


@dataclass(frozen=True)
class Group:
    """The letters of one cause; ages are in seconds, `examples` are IDs of pushes."""

    cause: str
    count: int
    oldest: int
    newest: int
    examples: list[str]


@dataclass(frozen=True)
class Listing:
    """The letters that could be seen, `count` of them, grouped by cause, the largest group first.

    `about` is how many there are in all by SQS's approximate counts. It is not `complete` when that is more:
    the time was too short, others were hidden, or they stand behind ten of their message group, of which SQS
    shows no more at a time.
    """

    groups: list[Group]
    count: int
    about: int
    complete: bool


@dataclass(frozen=True, kw_only=True)
class Dealt:
    """What became of a cause's letters in one call.

    `put_back` on their queue; `dropped`: put back as well, but their time had passed, so the queue's function
    ends them `expired`, or leaves those `unknown` that may have been sent; `deleted`; `failed`: SQS did not
    take them back or delete them, so they stay. `others` stay too: letters of other causes, and those that
    came after `before` (Unix seconds). `hidden` is about how many another call hid when this one began.

    If it is not `complete` a call with the same `before` goes on; what stays is hidden till then, HIDDEN
    seconds at most. With `full` that is no use: SQS hides no more letters, so that the others cannot be seen.
    """

    cause: str
    put_back: int
    dropped: int
    deleted: int
    failed: int
    others: int
    hidden: int
    before: float
    complete: bool
    full: bool


def groups(time_left: Callable[[], int]) -> Listing:
    """Return the letters grouped by cause, as far as half of the time (ms) goes."""
    about = scan.amount().letters
    # Nobody is there any more to show them again when it is over.
    seen, to_the_end = Sweep(time_left, time_left() // 1000 + 1, goes_on=False).run(
        lambda letters: [(each.cause, each.sent_at, each.push_id) for each in letters]
    )
    by_cause: dict[str, list[tuple[float, str]]] = {}
    for cause, sent_at, push_id in seen:
        by_cause.setdefault(cause, []).append((sent_at, push_id))
    return Listing(
        groups=sorted(
            (_group(cause, letters) for cause, letters in by_cause.items()),
            key=lambda group: (-group.count, group.cause),
        ),
        count=len(seen),
        about=max(about, len(seen)),
        complete=to_the_end and len(seen) >= about,
    )


def redrive(cause: str, time_left: Callable[[], int], before: float | None = None) -> Dealt:
    """Put the letters of one cause back on their queues.

    Only those that were there `before` (Unix seconds, by default now): one that comes straight back, because
    what was wrong still is, stays. A push that is `unknown` goes back with `onUnknown: resend`: this is what
    asking for that cause means. A letter is taken off only after it was put back, so an interruption repeats
    and does not lose.
    """
    return _deal(cause, time_left, before, _put_back)


def drop(cause: str, time_left: Callable[[], int], before: float | None = None) -> Dealt:
    """Delete the letters of one cause that were there `before`; the ledger keeps what it says of them."""
    return _deal(cause, time_left, before, _delete)


def _deal(cause: str, time_left: Callable[[], int], before: float | None, act: _Act) -> Dealt:
    until = time.time() if before is None else before
    hidden = scan.amount().hidden
    passing = Sweep(time_left, HIDDEN, goes_on=True)

    def deal(letters: Sequence[Letter]) -> list[str]:
        meant = [each for each in letters if each.cause == cause and each.sent_at <= until]
        return ["others"] * (len(letters) - len(meant)) + act(meant, passing)

    became, complete = passing.run(deal)
    count = Counter(became)
    return Dealt(
        cause=cause,
        put_back=count["put_back"],
        dropped=count["dropped"],
        deleted=count["deleted"],
        failed=count["failed"],
        others=count["others"],
        hidden=hidden,
        before=until,
        complete=complete,
        full=passing.full,
    )


def _put_back(letters: Sequence[Letter], passing: Sweep) -> list[str]:
    pushes = ((each, each.again()) for each in letters)
    back = [each for some in queues.batches(pushes, lambda push: push[1]) for each in _sent(some)]
    left = len(letters) - passing.delete(back)
    return ["dropped" if each.is_stale() else "put_back" for each in back] + ["failed"] * left


def _delete(letters: Sequence[Letter], passing: Sweep) -> list[str]:
    deleted = passing.delete(letters)
    return ["deleted"] * deleted + ["failed"] * (len(letters) - deleted)


def _sent(pushes: Sequence[_Push]) -> list[Letter]:
    """Put up to ten letters of one queue back; return those that SQS has taken."""
    in_order = pushes[0][0].queue_url == os.environ["DEAD_LETTER_FIFO_QUEUE_URL"]
    try:
        answer = aws.sqs().send_message_batch(
            QueueUrl=os.environ["PUSH_FIFO_QUEUE_URL"] if in_order else os.environ["PUSH_QUEUE_URL"],
            Entries=[
                _entry(str(place), each, body, in_order=in_order) for place, (each, body) in enumerate(pushes)
            ],
        )
    except ClientError as error:
        if len(pushes) > 1:
            # It may be one that SQS refuses, and all the others with it.
            return [each for push in pushes for each in _sent([push])]
        scan.refused(error)
        return []
    except BotoCoreError as error:
        scan.refused(error)
        return []
    scan.not_done(answer.get("Failed", ()))
    return [pushes[int(each["Id"])][0] for each in answer.get("Successful", ())]


def _entry(name: str, letter: Letter, body: str, *, in_order: bool) -> "SendMessageBatchRequestEntryTypeDef":
    entry: SendMessageBatchRequestEntryTypeDef = {"Id": name, "MessageBody": body}
    if letter.group is not None:
        entry["MessageGroupId"] = letter.group
    if in_order:
        # By its content it could pass for the message it once was, and SQS would drop it.
        entry["MessageDeduplicationId"] = uuid.uuid4().hex
    return entry


def _group(cause: str, letters: Sequence[tuple[float, str]]) -> Group:
    ages = [int(time.time() - sent_at) for sent_at, _ in letters]
    return Group(cause, len(letters), max(ages), min(ages), [push_id for _, push_id in letters[:3]])
