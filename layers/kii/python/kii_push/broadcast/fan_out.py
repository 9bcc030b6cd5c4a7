"""Turn a broadcast into a message on a queue for each recipient; hand over when the time runs out."""

import contextlib
import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import msgspec

from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.request import Job
from kii_push.broadcast.store import MAX_LINE_BYTES, Broadcasts, Line, SourceGone
from kii_push.common import observability
from kii_push.common.backoff import equal_jitter, full_jitter
from kii_push.common.decode import ready
from kii_push.common.strict_json import MAX_BYTES, TooLarge
from kii_push.errors import Cancelled, InvalidRequest, LedgerError, QueueError, Violation
from kii_push.push.ledger import Ledger
from kii_push.push.stop_switch import StopSwitch
from kii_push.queues import sqs
from kii_push.queues.sqs import OutgoingMessage, Queue

# Do not start another chunk with less time than this. A chunk cut off by the timeout is redelivered only
# after the queue's visibility timeout.
RESERVE_MS = 60_000
# A chunk is what is sent side by side before the time and the stop switch are looked at again.
_CHUNK_LINES = 64 * sqs.BATCH_SIZE
_CHUNK_BYTES = _CHUNK_LINES * MAX_LINE_BYTES
_THREADS = 8
# Attempts for entries that SQS refuses, with exponential backoff and full jitter.
_ATTEMPTS = 4
_BACKOFF_SECONDS = 0.2
# A message that failed is retried after this long; the time doubles with each failure, up to the maximum.
_RETRY_SECONDS = 30
_MAX_RETRY_SECONDS = 900
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Position:
    """Where in a broadcast's recipients the fan-out is: the byte `offset` at which `line` (from 1) begins.

    `blank` lines before it are no recipients.
    """

    broadcast: str
    offset: int = 0
    line: int = 1
    blank: int = 0

    @property
    def push_id(self) -> str:
        """The ID of the next recipient's push."""
        return f"broadcast:{self.broadcast}:{self.line}"

    def after(self, lines: Sequence[Line]) -> "Position":
        """Return the position behind these lines."""
        return Position(
            self.broadcast,
            self.offset + sum(line.size for line in lines),
            self.line + len(lines),
            self.blank + sum(text == b"" for _, text in self.numbered(lines)),
        )

    def numbered(self, lines: Iterable[Line]) -> Iterator[tuple[int, bytes | None]]:
        """Yield each line's number and text from here on, bare of white space and a byte order mark."""
        for number, line in enumerate(lines, self.line):
            text = line.text
            if text is not None:
                text = (text.removeprefix(_BOM) if number == 1 else text).strip()
            yield number, text


def begin(broadcast_id: str, positions: Queue) -> None:
    """Have a broadcast fanned out from its first recipient. Raises QueueError."""
    _hand_over(Position(broadcast_id), positions)


class FanOut:
    """Puts a broadcast's pushes on the queue `pushes`, and the position to go on from on `positions`."""

    def __init__(
        self,
        broadcasts: Broadcasts,
        ledger: Ledger,
        stop_switch: StopSwitch,
        *,
        pushes: Queue,
        positions: Queue,
    ) -> None:
        self._broadcasts = broadcasts
        self._ledger = ledger
        self._stop_switch = stop_switch
        self._pushes = pushes
        self._positions = positions

    def run(self, message: str, time_left: Callable[[], int]) -> None:
        """Queue the pushes from the position in `message` on; hand the rest over when the time (ms) runs out.

        A recipient that cannot be addressed is `rejected` in the ledger. Running a chunk twice queues its
        pushes twice, under the same IDs, so each is sent once. A broadcast that was stopped, or cannot go on
        because its list was overwritten or deleted, ends here.

        After an error the rest is handed over too, if a chunk was queued before it: each message gets further
        than the one it follows, so that this ends. Otherwise raises QueueError or LedgerError, for the
        message to be retried: what fails at one place again and again ends in the dead-letter queue.
        """
        start = position = msgspec.json.decode(message, type=ready(Position))
        try:
            job = self._broadcasts.job(start.broadcast)
            self._broadcasts.set_phase(job.id, "queueing")
            with contextlib.closing(self._queue_chunks(job, start)) as positions:
                for position in positions:
                    if time_left() < RESERVE_MS:
                        _hand_over(position, self._positions)
                        return
            self._broadcasts.set_phase(job.id, "queued", position.line - 1 - position.blank)
        except Cancelled as stopped:
            observability.failed(position.push_id, stopped)
        except SourceGone as gone:
            observability.failed(position.push_id, gone)
            reason = f"{gone.reason}; queued were the lines before {position.line}"
            if self._broadcasts.fail(start.broadcast, reason):
                observability.broadcast_failed(start.broadcast, reason)
        except (QueueError, LedgerError) as error:
            observability.failed(position.push_id, error)
            if position == start:
                raise
            _hand_over(position, self._positions, delay_seconds=error.retry_after or 0)

    def postpone(self, record: Mapping[str, Any]) -> None:
        """Have a message that failed retried soon, and later each time. Raises QueueError.

        By itself it would come back only after the visibility timeout, which is meant for a function that
        died.
        """
        receives = int(record["attributes"]["ApproximateReceiveCount"])
        longest = min(_MAX_RETRY_SECONDS, _RETRY_SECONDS * 2**receives)
        self._positions.hide(record["receiptHandle"], round(equal_jitter(longest)))

    def _queue_chunks(self, job: Job, position: Position) -> Generator[Position]:
        """Queue what comes from the position on; yield each position up to which all is queued."""
        with (
            contextlib.closing(self._broadcasts.lines(job, position.offset)) as lines,
            ThreadPoolExecutor(_THREADS) as threads,
        ):
            while chunk := _chunk(lines):
                self._stop_switch.check(job.id)
                bodies = self._bodies(job, position.numbered(chunk))
                attributes = {"sender": job.sender} if job.sender else {}
                messages = (OutgoingMessage(body, attributes=attributes) for body in bodies)
                list(threads.map(self._send, sqs.batches(messages, lambda message: message.body)))
                position = position.after(chunk)
                yield position

    def _bodies(self, job: Job, lines: Iterable[tuple[int, bytes | None]]) -> Iterator[str]:
        for number, line in lines:
            if line == b"":
                continue
            try:
                yield _body(job, number, line)
            except InvalidRequest as error:
                observability.failed(job.push_id(number), error)
                self._ledger.reject(job.push_id(number), job.id, error)

    def _send(self, messages: Sequence[OutgoingMessage]) -> None:
        left = list(messages)
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(full_jitter(_BACKOFF_SECONDS * 2 ** (attempt - 1)))
            refused = self._pushes.send_batch(left)
            left = [left[place] for place in sorted(refused)]
            if not left:
                return
        raise QueueError(f"the queue refused {len(left)} of {len(messages)} messages {_ATTEMPTS} times")


def _chunk(lines: Iterable[Line]) -> list[Line]:
    """Take the next lines: fewer than usual if they are so long that reading them takes its time."""
    chunk: list[Line] = []
    size = 0
    for line in islice(lines, _CHUNK_LINES):
        chunk.append(line)
        size += line.size
        if size > _CHUNK_BYTES:
            break
    return chunk


def _body(job: Job, number: int, line: bytes | None) -> str:
    """Return the message for the recipient on this line. Raises InvalidRequest."""
    if line is None:
        raise TooLarge(Violation("", f"the line is longer than {MAX_LINE_BYTES} bytes"))
    # In ASCII: SQS refuses some characters, and with them the whole batch.
    body = json.dumps(job.push(number, broadcast_request.recipient(line)))
    if len(body) > MAX_BYTES:
        raise TooLarge(Violation("", f"the push has {len(body)} bytes; at most {MAX_BYTES} are taken"))
    return body


def _hand_over(position: Position, positions: Queue, delay_seconds: int = 0) -> None:
    positions.send(OutgoingMessage(msgspec.json.encode(position).decode(), delay_seconds))
