"""Settle a batch of SQS messages side by side: order within a message group, growing delays, no overtime."""

import os
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws, observability
from kii_push.push.delivery import Delivery
from kii_push.queues.sqs import BATCH
from kii_push.queues.unattended import Settled, settle

# Milliseconds in which a push is over: a send, a login and a second send, each of which takes up to 13 s, and
# what the ledger takes besides.
WORST_CASE = 45_000
# Seconds: the first delay may be up to BASE, each further one up to twice the last, up to CAP.
BASE = 5
CAP = 900

type Record = Mapping[str, Any]


@dataclass(frozen=True)
class Back:
    """A message that comes back, after `delay` seconds."""

    record: Record
    delay: int


def settle_batch(
    records: Sequence[Record], delivery: Delivery, threads: ThreadPoolExecutor, time_left: Callable[[], int]
) -> list[str]:
    """Settle the records of one SQS event; return the message IDs that are to come back.

    Records of one message group are settled in order, and stop at the first that has to come back: those
    behind it come back with it. Records are not begun when fewer than WORST_CASE milliseconds are left
    (`time_left`): they come back at once.
    """
    lanes = threads.map(lambda lane: _settle_lane(lane, delivery, time_left), _lanes(records))
    back: list[Back] = []
    for settled, returned in lanes:
        back += returned
        for each in settled:
            observability.count(each.outcome)
    for some in batched(back, BATCH, strict=False):
        postpone(some)
    return [each.record["messageId"] for each in back]


def delay(receives: int, retry_after: int) -> int:
    """Return the seconds to the next try: at least `retry_after`, then exponential with full jitter."""
    longest = min(CAP, BASE * 2 ** min(receives - 1, 10))
    return retry_after + round(random.uniform(0, longest))  # noqa: S311 (no secret)


def _lanes(records: Iterable[Record]) -> list[list[Record]]:
    """Return the records that must keep their order together; in a standard queue each stands alone."""
    lanes: dict[str, list[Record]] = {}
    for record in records:
        # A standard queue's messages may have groups as well: SQS is fair by them and keeps no order.
        fifo = record["eventSourceARN"].endswith(".fifo")
        lane = f"group {record['attributes']['MessageGroupId']}" if fifo else record["messageId"]
        lanes.setdefault(lane, []).append(record)
    return list(lanes.values())


def _settle_lane(
    lane: Sequence[Record], delivery: Delivery, time_left: Callable[[], int]
) -> tuple[list[Settled], list[Back]]:
    done: list[Settled] = []
    for place, record in enumerate(lane):
        if time_left() < WORST_CASE:
            return done, [Back(each, 0) for each in lane[place:]]
        settled = settle(record["body"], record["messageId"], delivery)
        done.append(settled)
        if settled.again:
            seconds = delay(int(record["attributes"]["ApproximateReceiveCount"]), settled.retry_after)
            return done, [Back(each, seconds) for each in lane[place:]]
    return done, []


def postpone(back: Sequence[Back]) -> None:
    """Let each message stay hidden for its delay; if that fails it comes back after the queue's own."""
    try:
        answer = aws.sqs().change_message_visibility_batch(
            QueueUrl=_queue_url(back[0].record),
            Entries=[
                {
                    "Id": str(place),
                    "ReceiptHandle": each.record["receiptHandle"],
                    "VisibilityTimeout": each.delay,
                }
                for place, each in enumerate(back)
            ],
        )
    except (ClientError, BotoCoreError) as error:
        observability.crashed(error)
        return
    for failed in answer.get("Failed", ()):
        observability.not_postponed(failed["Code"])


def _queue_url(record: Record) -> str:
    """Return the URL of the queue that the record came from, one of those the function is mapped to.

    Of any other its name, with which SQS will not postpone anything: that must not stop the batch.
    """
    name = record["eventSourceARN"].rpartition(":")[2]
    return next((url for url in os.environ["QUEUE_URLS"].split() if url.rpartition("/")[2] == name), name)
