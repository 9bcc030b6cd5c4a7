"""Pushes that flow through all doors: slowly while the stack is updated, all that are left at once after."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import batched

from local.doors import Doors
from local.faults.kii import USER, push_request
from local.process import LocalError

_PUSH_PATH = f"/users/{USER}/push/messages"
# Of so many pushes one goes by HTTPS, and one through the FIFO queue.
_PUSHES_PER_POSTED = 32
_SCHEDULED_PUSHES = 10
_SCHEDULE_SECONDS = 3
_GROUP_COUNT = 3
# The most that SendMessageBatch takes.
_BATCH_SIZE = 10
# While the stack is updated, a hundredth of what is left of a door's pushes goes at each tick: however long
# it takes, some are left at its end.
_TICK_SECONDS = 0.2
_TICK_FRACTION = 0.01
# How often a push is repeated by HTTPS, as a client would after an error of the server.
_MAX_ATTEMPTS = 10


class Flow:
    """The pushes of an update run, by the door that they go through.

    `answers` counts the HTTPS door's answers by status.
    """

    def __init__(self, doors: Doors, pushes: int) -> None:
        """Plan so many pushes."""
        self._doors = doors
        share = pushes // _PUSHES_PER_POSTED
        self.scheduled = _named("schedule", _SCHEDULED_PUSHES)
        self.posted = _named("https", share)
        self.fifo = {
            f"group-{group}": _named(f"fifo-{group}", share // _GROUP_COUNT) for group in range(_GROUP_COUNT)
        }
        ordered = [push_id for ids in self.fifo.values() for push_id in ids]
        self.queued = _named("queue", pushes - _SCHEDULED_PUSHES - share - len(ordered))
        self.ids = [*self.queued, *ordered, *self.posted, *self.scheduled]
        self.answers: Counter[int] = Counter()
        self._hurry = threading.Event()

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Let pushes flow during the block, and at its end send what is left."""
        self._schedule()
        with ThreadPoolExecutor(2 + len(self.fifo)) as threads:
            feeds = [threads.submit(self._enqueue, self.queued), threads.submit(self._post)]
            feeds += [threads.submit(self._enqueue, ids, group) for group, ids in self.fifo.items()]
            try:
                yield
            finally:
                self._hurry.set()
        for feed in feeds:
            feed.result()

    def post(self, push_id: str) -> HTTPStatus:
        """Send a push by HTTPS, again as long as the answer is an error of the server; return the status."""
        request = {name: value for name, value in push_request(push_id).items() if name != "target"}
        for _ in range(_MAX_ATTEMPTS):
            answer = self._doors.post(_PUSH_PATH, request)
            self.answers[answer.status_code] += 1
            if answer.is_success:
                return HTTPStatus(answer.status_code)
            time.sleep(1)
        raise LocalError(f"The HTTPS door does not take {push_id}: {answer.status_code} {answer.text}")

    def _schedule(self) -> None:
        """Make a schedule for each push, to be due one after the other."""
        now = datetime.now(UTC).replace(microsecond=0)
        for number, push_id in enumerate(self.scheduled, start=1):
            due = now + timedelta(seconds=number * _SCHEDULE_SECONDS)
            self._doors.schedule(push_id, due, push_request(push_id))

    def _enqueue(self, ids: list[str], group: str | None = None) -> None:
        for some in self._paced(ids):
            for batch in batched(some, _BATCH_SIZE, strict=False):
                self._doors.enqueue(*(json.dumps(push_request(each)) for each in batch), group=group)

    def _post(self) -> None:
        for some in self._paced(self.posted):
            for push_id in some:
                self.post(push_id)

    def _paced(self, ids: list[str]) -> Iterator[list[str]]:
        """Yield the pushes that are to go now, until there is none left."""
        sent = 0
        while left := len(ids) - sent:
            some = left if self._hurry.wait(_TICK_SECONDS) else max(1, int(left * _TICK_FRACTION))
            yield ids[sent : sent + some]
            sent += some


def _named(door: str, count: int) -> list[str]:
    """Return the IDs of so many pushes."""
    return [f"{door}-{number:04}" for number in range(count)]
