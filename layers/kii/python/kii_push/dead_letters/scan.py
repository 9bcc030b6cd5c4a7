"""Read the dead-letter queues, several letters side by side; letters that stay are shown again afterwards."""

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched, chain

from kii_push.common import observability
from kii_push.dead_letters import letter
from kii_push.dead_letters.letter import Letter
from kii_push.errors import HiddenLimitReached, QueueError
from kii_push.queues.sqs import BATCH_SIZE, Queue

_THREADS = 8
# Reserved for calls in flight (with boto3's retries) and for answering.
_RESERVE_MS = 10_000
# SQS hides about 120,000 messages of a queue at a time. A long poll then finds nothing, and gives no error.
_MAX_HIDDEN_MESSAGES = 110_000


@dataclass(frozen=True)
class LetterCount:
    """Letters by SQS's own approximate counts: all of them, and those that are hidden now.

    `full` says that SQS hides no more, so that letters which are not hidden cannot be read.
    """

    letters: int
    hidden: int
    full: bool


def count(queues: Iterable[Queue]) -> LetterCount:
    """Return how many letters the queues hold. Raises QueueError."""
    counts = [queue.counts() for queue in queues]
    return LetterCount(
        letters=sum(visible + hidden for visible, hidden in counts),
        hidden=sum(hidden for _, hidden in counts),
        full=any(visible and hidden >= _MAX_HIDDEN_MESSAGES for visible, hidden in counts),
    )


class LetterScan:
    """Reads letters for half of the time (`time_left`, in ms) and hides them for `hide_seconds`.

    The other half is for showing again the letters that stay, which are all that were not deleted. With
    `goes_on` they stay hidden when the time was too short, so that the next scan reads others. `full` says
    afterwards that SQS hides no more letters.
    """

    def __init__(
        self, queues: Iterable[Queue], time_left: Callable[[], int], hide_seconds: int, *, goes_on: bool
    ) -> None:
        self._queues = tuple(queues)
        self._time_left = time_left
        self._reserve_ms = time_left() // 2
        self._hide_seconds = hide_seconds
        self._goes_on = goes_on
        self._held: dict[str, Queue] = {}
        self._broken = threading.Event()
        self.full = False

    def each[T](self, handle: Callable[[list[Letter]], Iterable[T]]) -> tuple[list[T], bool]:
        """Return what `handle` made of the letters, and whether it has seen all that are not hidden.

        `handle` gets up to ten letters of one queue. Several threads call it. Raises QueueError if a queue
        cannot be read, and what `handle` raises.
        """
        show_again = True
        try:
            with ThreadPoolExecutor(_THREADS) as threads:
                readers = [threads.submit(self._read, handle) for _ in range(_THREADS)]
            found, ends = zip(*(reader.result() for reader in readers), strict=True)
            self.full = self.full or count(self._queues).full
            show_again = all(ends) or not self._goes_on
            return list(chain.from_iterable(found)), all(ends) and not self.full
        finally:
            if show_again:
                self._show_again()

    def delete(self, letters: Sequence[Letter]) -> int:
        """Delete up to ten letters of one queue; return how many SQS has deleted."""
        if not letters:
            return 0
        try:
            refused = letters[0].queue.delete_batch(each.receipt_handle for each in letters)
        except QueueError as error:
            call_failed(error)
            return 0
        entries_refused(refused)
        for place, each in enumerate(letters):
            if place not in refused:
                del self._held[each.receipt_handle]
        return len(letters) - len(refused)

    def _read[T](self, handle: Callable[[list[Letter]], Iterable[T]]) -> tuple[list[T], bool]:
        found: list[T] = []
        try:
            for queue in self._queues:
                while not self._broken.is_set() and self._time_left() > self._reserve_ms:
                    letters = self._receive(queue)
                    if not letters:
                        break
                    found += handle(letters)
                else:
                    return found, False
        except BaseException:
            self._broken.set()
            raise
        return found, True

    def _receive(self, queue: Queue) -> list[Letter]:
        try:
            messages = queue.receive(hide_seconds=self._hide_seconds)
        except HiddenLimitReached:
            self.full = True
            return []
        self._held.update((each["ReceiptHandle"], queue) for each in messages)
        return [letter.from_message(queue, each) for each in messages]

    def _show_again(self) -> None:
        held = self._held.items()
        with ThreadPoolExecutor(_THREADS) as threads:
            for queue in self._queues:
                handles = [handle for handle, of_queue in held if of_queue is queue]
                for some in batched(handles, BATCH_SIZE, strict=False):
                    threads.submit(self._show, queue, some)

    def _show(self, queue: Queue, handles: Iterable[str]) -> None:
        """Show letters again while there is time. Others show themselves when their time is over."""
        if self._time_left() <= _RESERVE_MS:
            return
        try:
            entries_refused(queue.hide_batch((handle, 0) for handle in handles))
        except QueueError as error:
            call_failed(error)


def call_failed(error: QueueError) -> None:
    """Log a call that SQS refused or did not answer. The letters in it stay."""
    observability.logger.warning("dead_letters", error_code=error.aws_code)


def entries_refused(refused: dict[int, str]) -> None:
    """Log what SQS refused of a call. Those letters stay."""
    for code in refused.values():
        observability.logger.warning("dead_letters", error_code=code)
