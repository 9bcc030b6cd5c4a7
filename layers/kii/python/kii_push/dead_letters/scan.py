"""A pass over the dead-letter queues, several letters side by side; what stays there is shown again."""

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched, chain
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws, observability
from kii_push.dead_letters import letter
from kii_push.dead_letters.letter import Letter
from kii_push.queues.sqs import BATCH

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import BatchResultErrorEntryTypeDef

_THREADS = 8
# Milliseconds in which the calls under way are over, with boto3's retries; kept for the answer.
_LAST_CALLS = 10_000
# SQS hides about 120,000 messages of a queue at a time. To a long poll it then gives nothing, and no error.
_MOST_HIDDEN = 110_000


@dataclass(frozen=True)
class Amount:
    """Letters by SQS's own approximate counts: all of them, and those that are hidden now.

    `full` says that SQS hides no more, so that nobody sees those which are not hidden.
    """

    letters: int
    hidden: int
    full: bool


def amount() -> Amount:
    """Return how many letters the queues hold."""
    counts = [_counts(url) for url in _urls()]
    return Amount(
        letters=sum(visible + hidden for visible, hidden in counts),
        hidden=sum(hidden for _, hidden in counts),
        full=any(visible and hidden >= _MOST_HIDDEN for visible, hidden in counts),
    )


class Sweep:
    """Reads letters for half of the time (`time_left`, in ms) and hides them for `hide` seconds.

    The other half is for showing again those that stay, which is all that were not deleted. With `goes_on`
    they stay hidden when the time was too short, so that the next sweep sees others. `full` says afterwards
    that SQS hides no more letters.
    """

    def __init__(self, time_left: Callable[[], int], hide: int, *, goes_on: bool) -> None:
        self._time_left = time_left
        self._reserve = time_left() // 2
        self._hide = hide
        self._goes_on = goes_on
        self._held: dict[str, str] = {}
        self._broken = threading.Event()
        self.full = False

    def run[T](self, deal: Callable[[list[Letter]], Iterable[T]]) -> tuple[list[T], bool]:
        """Return what `deal` made of the letters, and whether it has seen all that are not hidden.

        `deal` gets up to ten letters of one queue. Several threads call it.
        """
        show_again = True
        try:
            with ThreadPoolExecutor(_THREADS) as threads:
                readers = [threads.submit(self._read, deal) for _ in range(_THREADS)]
            found, ends = zip(*(each.result() for each in readers), strict=True)
            self.full = self.full or amount().full
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
            answer = aws.sqs().delete_message_batch(
                QueueUrl=letters[0].queue_url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": each.receipt_handle}
                    for place, each in enumerate(letters)
                ],
            )
        except (ClientError, BotoCoreError) as error:
            refused(error)
            return 0
        not_done(answer.get("Failed", ()))
        deleted = answer.get("Successful", ())
        for each in deleted:
            del self._held[letters[int(each["Id"])].receipt_handle]
        return len(deleted)

    def _read[T](self, deal: Callable[[list[Letter]], Iterable[T]]) -> tuple[list[T], bool]:
        found: list[T] = []
        try:
            for url in _urls():
                while not self._broken.is_set() and self._time_left() > self._reserve:
                    letters = self._receive(url)
                    if not letters:
                        break
                    found += deal(letters)
                else:
                    return found, False
        except BaseException:
            self._broken.set()
            raise
        return found, True

    def _receive(self, url: str) -> list[Letter]:
        try:
            answer = aws.sqs().receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=self._hide,
                # A short poll asks some of SQS's servers only, and may find nothing where there is something.
                WaitTimeSeconds=1,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
        except aws.sqs().exceptions.OverLimit:
            self.full = True
            return []
        messages = answer.get("Messages", ())
        self._held.update((each["ReceiptHandle"], url) for each in messages)
        return [letter.from_message(url, each) for each in messages]

    def _show_again(self) -> None:
        held = self._held.items()
        with ThreadPoolExecutor(_THREADS) as threads:
            for url in _urls():
                handles = [handle for handle, of_queue in held if of_queue == url]
                for some in batched(handles, BATCH, strict=False):
                    threads.submit(self._show, url, some)

    def _show(self, url: str, handles: Iterable[str]) -> None:
        """Show letters again while there is time; any others show themselves once `hide` is over."""
        if self._time_left() <= _LAST_CALLS:
            return
        try:
            answer = aws.sqs().change_message_visibility_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(place), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for place, handle in enumerate(handles)
                ],
            )
        except (ClientError, BotoCoreError) as error:
            refused(error)
            return
        not_done(answer.get("Failed", ()))


def refused(error: ClientError | BotoCoreError) -> None:
    """Log a call that SQS refused or did not answer. The letters in it stay."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    observability.logger.warning("dead_letters", error_code=code)


def not_done(failed: "Iterable[BatchResultErrorEntryTypeDef]") -> None:
    """Log what SQS did not do of a call. The letters stay."""
    for each in failed:
        observability.logger.warning("dead_letters", error_code=each["Code"])


def _urls() -> tuple[str, str]:
    return os.environ["DEAD_LETTER_QUEUE_URL"], os.environ["DEAD_LETTER_FIFO_QUEUE_URL"]


def _counts(url: str) -> tuple[int, int]:
    """Return how many messages of a queue are visible, and how many are hidden."""
    found = aws.sqs().get_queue_attributes(
        QueueUrl=url,
        AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
    )["Attributes"]
    return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])
