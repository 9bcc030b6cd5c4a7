"""Turn a broadcast into a message on a queue for each recipient; hand over when the time runs out."""

import contextlib
import json
import os
import random
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.request import Job
from kii_push.broadcast.store import Broadcasts, Gone
from kii_push.common import aws, observability
from kii_push.common.strict_json import MAX_BYTES, TooLarge
from kii_push.errors import Expired, InvalidRequest, LedgerError, QueueError, Violation
from kii_push.push.ledger import Ledger
from kii_push.push.stop_switch import StopSwitch
from kii_push.queues import sqs as queues

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# Milliseconds that must be left to begin another stretch of batches. With AWS at its slowest one takes long,
# and what is cut off comes back only after the queue's visibility.
STRETCH_TIME = 60_000
# Batches sent side by side before the time and the stop are looked at again.
_STRETCH = 64
# Calls for what SQS refuses of a batch; the longest pause before the second, in seconds, doubled each time.
_TRIES = 4
_PAUSE = 0.2
# Seconds until a message that failed is taken again: at first, and after many times.
_SOON, _LATE = 30, 900
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
        return f"{self.broadcast}:{self.line}"

    def after(self, lines: Sequence[bytes]) -> "Position":
        """Return the position behind these lines."""
        return Position(
            self.broadcast,
            self.offset + sum(map(len, lines)),
            self.line + len(lines),
            self.blank + sum(not text for _, text in self.numbered(lines)),
        )

    def numbered(self, lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
        """Yield each of the lines from here on with its number, bare of white space and a byte order mark."""
        for number, line in enumerate(lines, self.line):
            yield number, (line.removeprefix(_BOM) if number == 1 else line).strip()


def begin(broadcast_id: str) -> None:
    """Have a broadcast fanned out from its first recipient. Raises QueueError."""
    _hand_over(Position(broadcast_id))


def run(
    message: str, broadcasts: Broadcasts, ledger: Ledger, stop: StopSwitch, time_left: Callable[[], int]
) -> None:
    """Queue the pushes from the position in `message` on; hand the rest over when the time runs out.

    A recipient who cannot be addressed is `rejected` in the ledger. Running a stretch twice queues its
    pushes twice, under the same IDs, so each is sent once. A broadcast that was stopped, or cannot go on
    because its list was overwritten or deleted, ends here.

    After an error the rest is handed over too, if a stretch was queued before it: each message gets further
    than the one it follows, so that this ends. Otherwise raises QueueError or LedgerError, for the message to
    come back: what fails at one place again and again ends in the dead-letter queue.
    """
    start = position = msgspec.json.decode(message, type=Position)
    try:
        job = broadcasts.job(start.broadcast)
        broadcasts.set_phase(job.id, "queueing")
        with contextlib.closing(_queued(job, start, broadcasts, ledger, stop)) as positions:
            for position in positions:
                if time_left() < STRETCH_TIME:
                    _hand_over(position)
                    return
        broadcasts.set_phase(job.id, "queued", position.line - 1 - position.blank)
    except Expired as stopped:
        observability.failed(position.push_id, stopped)
    except Gone as gone:
        observability.failed(position.push_id, gone)
        broadcasts.fail(start.broadcast, f"{gone.reason}; queued were the lines before {position.line}")
    except (QueueError, LedgerError) as error:
        observability.failed(position.push_id, error)
        if position == start:
            raise
        _hand_over(position, delay=error.retry_after)


def postpone(record: Mapping[str, Any]) -> None:
    """Have a message that failed taken again soon, and later each time.

    By itself it would come back after the queue's visibility only, which is there for a function that died.
    """
    longest = min(_LATE, _SOON * 2 ** int(record["attributes"]["ApproximateReceiveCount"]))
    with aws.failing_as(QueueError, "the queue"):
        aws.sqs().change_message_visibility(
            QueueUrl=os.environ["FAN_OUT_QUEUE_URL"],
            ReceiptHandle=record["receiptHandle"],
            VisibilityTimeout=random.randint(longest // 2, longest),  # noqa: S311 (no secret)
        )


def _queued(
    job: Job, position: Position, broadcasts: Broadcasts, ledger: Ledger, stop: StopSwitch
) -> Generator[Position]:
    """Queue what comes from the position on; yield each position up to which all is queued."""
    with (
        contextlib.closing(broadcasts.lines(job, position.offset)) as lines,
        ThreadPoolExecutor(8) as threads,
    ):
        while stretch := list(islice(lines, _STRETCH * queues.BATCH)):
            stop.check(job.id)
            pushes = _pushes(job, position.numbered(stretch), ledger)
            list(threads.map(_send, queues.batches(pushes, str)))
            position = position.after(stretch)
            yield position


def _pushes(job: Job, lines: Iterable[tuple[int, bytes]], ledger: Ledger) -> Iterator[str]:
    for number, line in lines:
        if not line:
            continue
        try:
            # In ASCII: SQS refuses some characters, and with them the whole batch.
            body = json.dumps(job.push(number, broadcast_request.recipient(line)))
            if len(body) > MAX_BYTES:
                raise TooLarge(
                    Violation("", f"the push has {len(body)} bytes; at most {MAX_BYTES} are taken")
                )
            yield body
        except InvalidRequest as error:
            observability.failed(job.push_id(number), error)
            ledger.refuse(job.push_id(number), job.id, error)


def _send(bodies: Sequence[str]) -> None:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)
    ]
    for tried in range(_TRIES):
        if tried:
            time.sleep(random.uniform(0, _PAUSE * 2 ** (tried - 1)))  # noqa: S311 (no secret)
        with aws.failing_as(QueueError, "the queue"):
            answer = aws.sqs().send_message_batch(QueueUrl=os.environ["BROADCAST_QUEUE_URL"], Entries=entries)
        refused = {each["Id"] for each in answer.get("Failed", ())}
        entries = [each for each in entries if each["Id"] in refused]
        if not entries:
            return
    raise QueueError(f"the queue refused {len(entries)} of {len(bodies)} messages {_TRIES} times")


def _hand_over(position: Position, delay: int = 0) -> None:
    with aws.failing_as(QueueError, "the queue"):
        aws.sqs().send_message(
            QueueUrl=os.environ["FAN_OUT_QUEUE_URL"],
            MessageBody=msgspec.json.encode(position).decode(),
            DelaySeconds=delay,
        )
