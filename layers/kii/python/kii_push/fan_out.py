"""Turn a broadcast into a message on a queue for each recipient; hand over when the time runs out."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

from kii_push import aws, broadcast, observability
from kii_push.broadcast import Job
from kii_push.broadcasts import Broadcasts
from kii_push.errors import InvalidRequest, QueueError, Violation
from kii_push.ledger import Ledger
from kii_push.stop import StopSwitch
from kii_push.strict_json import MAX_BYTES, TooLarge

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# Milliseconds that must be left to begin another stretch of batches.
STRETCH_TIME = 15_000
# SQS's own: messages of one call, and their bytes (its limit is 1 MiB; older regions' 256 KiB).
_BATCH = 10
_BATCH_BYTES = 240_000
# Batches sent side by side before the time and the stop are looked at again.
_STRETCH = 64


@dataclass(frozen=True)
class Position:
    """Where in a broadcast's recipients the fan-out is: the byte `offset` at which `line` (from 1) begins."""

    broadcast: str
    offset: int = 0
    line: int = 1


def begin(broadcast_id: str) -> None:
    """Have a broadcast fanned out from its first recipient."""
    _hand_over(Position(broadcast_id))


def run(
    message: str, broadcasts: Broadcasts, ledger: Ledger, stop: StopSwitch, time_left: Callable[[], int]
) -> None:
    """Queue the pushes from the position in `message` on; hand the rest over when the time runs out.

    A recipient who cannot be addressed is `rejected` in the ledger. Running a stretch twice queues its
    pushes twice, under the same IDs, so each is sent once. Raises Expired once it was stopped, QueueError
    and LedgerError; then it can be run again from the same position.
    """
    position = msgspec.json.decode(message, type=Position)
    job = broadcasts.job(position.broadcast)
    broadcasts.set_phase(job.id, "queueing")
    lines = broadcasts.lines(job, position.offset)
    with ThreadPoolExecutor(8) as threads:
        while stretch := list(islice(lines, _STRETCH * _BATCH)):
            stop.check(job.id)
            first = position.line
            list(threads.map(_send, _batches(_pushes(job, stretch, first, ledger))))
            position = Position(job.id, position.offset + sum(map(len, stretch)), first + len(stretch))
            if time_left() < STRETCH_TIME:
                _hand_over(position)
                return
    broadcasts.set_phase(job.id, "queued", position.line - 1)


def _pushes(job: Job, lines: Iterable[bytes], first: int, ledger: Ledger) -> Iterator[str]:
    for number, line in enumerate(lines, first):
        try:
            # In ASCII: SQS refuses some characters, and with them the whole batch.
            body = json.dumps(job.push(number, broadcast.recipient(line)))
            if len(body) > MAX_BYTES:
                raise TooLarge(
                    Violation("", f"the push has {len(body)} bytes; at most {MAX_BYTES} are taken")
                )
            yield body
        except InvalidRequest as error:
            observability.failed(job.push_id(number), error)
            ledger.refuse(job.push_id(number), job.id, error)


def _batches(bodies: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in bodies:
        length = len(body)
        if batch and (len(batch) == _BATCH or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += length
    if batch:
        yield batch


def _send(bodies: Sequence[str]) -> None:
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(place), "MessageBody": body} for place, body in enumerate(bodies)
    ]
    answer = aws.sqs().send_message_batch(QueueUrl=os.environ["BROADCAST_QUEUE_URL"], Entries=entries)
    if answer.get("Failed"):
        raise QueueError(f"the queue refused {len(answer['Failed'])} of {len(entries)} messages")


def _hand_over(position: Position) -> None:
    aws.sqs().send_message(
        QueueUrl=os.environ["FAN_OUT_QUEUE_URL"], MessageBody=msgspec.json.encode(position).decode()
    )
