"""Dead letters: what waits for a person, grouped by cause with its age, put back or dropped by cause.

A cause is `unknown`; `rejected` with Kii's error code or the wrong field (`rejected USER_NOT_FOUND`);
`exhausted`, not sent in fifty tries or 11 days, or given up by SQS; or `fault`, a schedule's push whose
function crashed.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from kii_push.dead_letters import scan
from kii_push.dead_letters.letter import Letter
from kii_push.dead_letters.scan import LetterScan
from kii_push.errors import QueueError, QueueRefused
from kii_push.queues.sqs import OutgoingMessage, Queue, batches

# At most so many groups are listed, the largest. Senders choose the names of wrong fields, each of which is a
# cause, and a function can answer 6 MB.
MAX_GROUPS = 1000
# How long letters stay hidden while a cause is put back or dropped, over several calls of the function.
HIDE_SECONDS = 900

# What to do with letters of the cause; gives what became of each, as a field of RedriveResult.
type _Act = Callable[[Sequence[Letter], LetterScan], list[str]]
# A letter, and the message that goes back.
type _Return = tuple[Letter, OutgoingMessage]


@dataclass(frozen=True)
class CauseGroup:
    """The letters of one cause; ages are in seconds, `examples` are IDs of pushes."""

    cause: str
    count: int
    oldest: int
    newest: int
    examples: list[str]


@dataclass(frozen=True)
class CauseList:
    """The letters that could be seen, `count` of them, grouped by cause, the largest group first.

    `about` is how many there are in all by SQS's approximate counts. It is not `complete` when that is more:
    the time was too short, there are more than MAX_GROUPS causes, others were hidden, or they stand behind
    ten of their message group, of which SQS shows no more at a time.
    """

    groups: list[CauseGroup]
    count: int
    about: int
    complete: bool


@dataclass(frozen=True, kw_only=True)
class RedriveResult:
    """What became of a cause's letters in one call.

    `put_back` on their queue; `dropped`: put back as well, but their time had passed, so the queue's function
    ends them `expired`, or leaves those `unknown` that may have been sent; `deleted`; `failed`: SQS did not
    take them back or delete them, so they stay. `others` stay too: letters of other causes, and those that
    came after `before` (Unix seconds). `hidden` is about how many another call hid when this one began.

    If it is not `complete` a call with the same `before` goes on; what stays is hidden till then,
    HIDE_SECONDS at most. With `full` that is no use: SQS hides no more letters, so that the others cannot be
    seen.
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


class DeadLetters:
    """The dead-letter queues, each with the queue for its letters whose own queue is not known.

    Letters go back to the queue they came from, which is one of those or `broadcast_queue`. `time_left` is in
    ms. Every method raises QueueError if the dead-letter queues cannot be read.
    """

    def __init__(self, sources: Mapping[Queue, Queue], broadcast_queue: Queue) -> None:
        self._sources = sources
        self._broadcast_queue = broadcast_queue
        self._targets = {queue.name: queue for queue in (*sources.values(), broadcast_queue)}

    def causes(self, time_left: Callable[[], int]) -> CauseList:
        """Return the letters grouped by cause, as far as half of the time goes."""
        about = scan.count(self._sources).letters
        # A listing has no next round, so it hides letters no longer than this invocation can last.
        hide_seconds = time_left() // 1000 + 1
        seen, to_the_end = LetterScan(self._sources, time_left, hide_seconds, goes_on=False).each(
            lambda letters: [(each.cause, each.sent_at, each.push_id) for each in letters]
        )
        by_cause: dict[str, list[tuple[float, str]]] = {}
        for cause, sent_at, push_id in seen:
            by_cause.setdefault(cause, []).append((sent_at, push_id))
        groups = sorted(
            (_group(cause, letters) for cause, letters in by_cause.items()),
            key=lambda group: (-group.count, group.cause),
        )[:MAX_GROUPS]
        count = sum(group.count for group in groups)
        about = max(about, len(seen))
        return CauseList(groups, count, about, complete=to_the_end and count == about)

    def redrive(self, cause: str, time_left: Callable[[], int], before: float | None = None) -> RedriveResult:
        """Put the letters of one cause back on their queues.

        Only those that were there `before` (Unix seconds, by default now): a push that fails again at once is
        left alone. A push that is `unknown` goes back with `onUnknown: resend`, which is what redriving that
        cause means. A letter is deleted only after it was put back, so an interruption repeats pushes and
        loses none.
        """
        return self._act_on(cause, time_left, before, self._put_back)

    def drop(self, cause: str, time_left: Callable[[], int], before: float | None = None) -> RedriveResult:
        """Delete the letters of one cause that were there `before`; the ledger keeps what it says of them."""
        return self._act_on(cause, time_left, before, _delete)

    def _act_on(
        self, cause: str, time_left: Callable[[], int], before: float | None, act: _Act
    ) -> RedriveResult:
        until = time.time() if before is None else before
        hidden = scan.count(self._sources).hidden
        letter_scan = LetterScan(self._sources, time_left, HIDE_SECONDS, goes_on=True)

        def handle(letters: Sequence[Letter]) -> list[str]:
            meant = [each for each in letters if each.cause == cause and each.sent_at <= until]
            return ["others"] * (len(letters) - len(meant)) + act(meant, letter_scan)

        became, complete = letter_scan.each(handle)
        count = Counter(became)
        return RedriveResult(
            cause=cause,
            put_back=count["put_back"],
            dropped=count["dropped"],
            deleted=count["deleted"],
            failed=count["failed"],
            others=count["others"],
            hidden=hidden,
            before=until,
            complete=complete,
            full=letter_scan.full,
        )

    def _put_back(self, letters: Sequence[Letter], letter_scan: LetterScan) -> list[str]:
        by_target: dict[Queue, list[_Return]] = {}
        for letter in letters:
            target = self._target(letter)
            by_target.setdefault(target, []).append((letter, _message(letter, target)))
        back = [
            letter
            for target, returns in by_target.items()
            for some in batches(returns, lambda entry: entry[1].body)
            for letter in _sent(target, some)
        ]
        left = len(letters) - letter_scan.delete(back)
        return ["dropped" if each.is_stale() else "put_back" for each in back] + ["failed"] * left

    def _target(self, letter: Letter) -> Queue:
        if letter.source in self._targets:
            return self._targets[letter.source]
        # Letters of release 0.1.0 do not say where they came from.
        return self._broadcast_queue if letter.is_of_a_broadcast else self._sources[letter.queue]


def _message(letter: Letter, target: Queue) -> OutgoingMessage:
    # Content-based deduplication would take it for the original and drop it.
    unique = uuid.uuid4().hex if target.is_fifo else None
    group = letter.group or letter.push_id if target.is_fifo else letter.group
    attributes = {"sender": letter.sender} if letter.sender else {}
    return OutgoingMessage(letter.again(), group=group, deduplication_id=unique, attributes=attributes)


def _sent(target: Queue, returns: Sequence[_Return]) -> list[Letter]:
    """Put up to ten letters back on a queue; return those that SQS has taken."""
    try:
        refused = target.send_batch([message for _, message in returns])
    except QueueRefused as error:
        if len(returns) > 1:
            # One message may be to blame for the refusal of all.
            return [letter for each in returns for letter in _sent(target, [each])]
        scan.call_failed(error)
        return []
    except QueueError as error:
        scan.call_failed(error)
        return []
    scan.entries_refused(refused)
    return [letter for place, (letter, _) in enumerate(returns) if place not in refused]


def _delete(letters: Sequence[Letter], letter_scan: LetterScan) -> list[str]:
    deleted = letter_scan.delete(letters)
    return ["deleted"] * deleted + ["failed"] * (len(letters) - deleted)


def _group(cause: str, letters: Sequence[tuple[float, str]]) -> CauseGroup:
    ages = [int(time.time() - sent_at) for sent_at, _ in letters]
    return CauseGroup(cause, len(letters), max(ages), min(ages), [push_id for _, push_id in letters[:3]])
