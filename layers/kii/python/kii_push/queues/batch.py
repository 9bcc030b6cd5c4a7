"""Deliver a batch of SQS messages side by side: in order within a group, retried later and later, on time."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import batched
from typing import Any

from kii_push.common import observability
from kii_push.common.backoff import full_jitter
from kii_push.errors import QueueError
from kii_push.push.request import Origin
from kii_push.queues.sqs import BATCH_SIZE, Queue
from kii_push.queues.unattended import Settlement, UnattendedDelivery, UnattendedPush

# None begins with less time left: a send, a login and a second send take 12 s each at most, and the table has
# the rest. A wait for the lease on the token, or a third send, is not counted.
WORST_CASE_MS = 45_000
# The first retry comes after up to this long; each further one after up to twice the last, at most the
# maximum. After many receives the maximum grows: SQS gives up a message that it handed out 1,000 times.
RETRY_SECONDS = 5
MAX_RETRY_SECONDS = 900
MAX_LATE_RETRY_SECONDS = 3600
LATE_RECEIVES_COUNT = 100

type Record = Mapping[str, Any]


@dataclass(frozen=True)
class Postponed:
    """A message that goes back to its queue for `seconds`."""

    record: Record
    seconds: int


class BatchDelivery:
    """Delivers the records of SQS events from `queues`, as many side by side as there are threads.

    Only `broadcast_queue`, which only the bundle fills, brings the pushes of broadcasts. `redrive_role_id` is
    the ID of the role of the function that puts dead letters back.
    """

    def __init__(
        self,
        delivery: UnattendedDelivery,
        queues: Iterable[Queue],
        threads: ThreadPoolExecutor,
        *,
        broadcast_queue: Queue,
        redrive_role_id: str,
    ) -> None:
        self._delivery = delivery
        self._queues = {queue.name: queue for queue in (*queues, broadcast_queue)}
        self._threads = threads
        self._broadcast_queue = broadcast_queue.name
        self._redrive_role_id = redrive_role_id

    def deliver(self, records: Sequence[Record], time_left: Callable[[], int]) -> list[str]:
        """Deliver the records of one event; return the IDs of the messages that go back to their queue.

        Records of one message group are delivered in order, up to the first that must be retried: those
        behind it go back with it. A record is not begun when less than WORST_CASE_MS is left (`time_left`, in
        ms); it goes back at once.
        """
        lanes = self._threads.map(lambda lane: self._deliver_lane(lane, time_left), _lanes(records))
        postponed: list[Postponed] = []
        for settlements, back in lanes:
            postponed += back
            for each in settlements:
                observability.count(each.outcome)
        for some in batched(postponed, BATCH_SIZE, strict=False):
            self.postpone(some)
        return [each.record["messageId"] for each in postponed]

    def postpone(self, messages: Sequence[Postponed]) -> None:
        """Hide each message for its time. One that SQS does not hide comes back after the queue's time."""
        queue = self._queues.get(_queue_name(messages[0].record))
        if queue is None:
            observability.not_postponed("UnknownQueue")
            return
        try:
            refused = queue.hide_batch((each.record["receiptHandle"], each.seconds) for each in messages)
        except QueueError as error:
            observability.crashed(error)
            return
        for code in refused.values():
            observability.not_postponed(code)

    def _deliver_lane(
        self, lane: Sequence[Record], time_left: Callable[[], int]
    ) -> tuple[list[Settlement], list[Postponed]]:
        done: list[Settlement] = []
        for place, record in enumerate(lane):
            if time_left() < WORST_CASE_MS:
                return done, [Postponed(each, 0) for each in lane[place:]]
            settlement = self._delivery.deliver(self._push(record))
            done.append(settlement)
            if settlement.retry:
                receives = int(record["attributes"]["ApproximateReceiveCount"])
                seconds = retry_seconds(receives, settlement.retry_after_seconds)
                return done, [Postponed(each, seconds) for each in lane[place:]]
        return done, []

    def _push(self, record: Record) -> UnattendedPush:
        system = record["attributes"]
        queue = _queue_name(record)
        if queue == self._broadcast_queue:
            origin = Origin("broadcast", _attribute(record, "sender"))
        else:
            sender = system.get("SenderId")
            # A role's ID, a colon, and the session's name, which whoever takes the role chooses.
            redriven = sender is not None and sender.startswith(f"{self._redrive_role_id}:")
            origin = Origin("queue", _attribute(record, "sender") if redriven else sender, redriven)
        return UnattendedPush(
            record["body"],
            record["messageId"],
            origin,
            queue=queue,
            group=system.get("MessageGroupId"),
            queued_at=int(system["SentTimestamp"]) / 1000,
        )


def retry_seconds(receives: int, retry_after_seconds: int) -> int:
    """Return the time to the next try: `retry_after_seconds`, and on top exponential with full jitter."""
    maximum = MAX_LATE_RETRY_SECONDS if receives > LATE_RECEIVES_COUNT else MAX_RETRY_SECONDS
    longest = min(maximum, RETRY_SECONDS * 2 ** min(receives - 1, 10))
    return retry_after_seconds + round(full_jitter(longest))


def _lanes(records: Iterable[Record]) -> list[list[Record]]:
    """Return the records that must keep their order together; in a standard queue each stands alone."""
    lanes: dict[str, list[Record]] = {}
    for record in records:
        # Standard queues accept message groups too (fair queues), but do not order by them.
        is_fifo = _queue_name(record).endswith(".fifo")
        lane = f"group {record['attributes']['MessageGroupId']}" if is_fifo else record["messageId"]
        lanes.setdefault(lane, []).append(record)
    return list(lanes.values())


def _attribute(record: Record, name: str) -> str | None:
    value: str | None = record.get("messageAttributes", {}).get(name, {}).get("stringValue")
    return value


def _queue_name(record: Record) -> str:
    name: str = record["eventSourceARN"].rpartition(":")[2]
    return name
