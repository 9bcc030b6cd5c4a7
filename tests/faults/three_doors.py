"""The same push through all three doors at once, and what the ledger says became of each."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx

from local.doors import Doors
from local.faults.bundle import Bundle
from local.faults.kii import USER, push_request
from tests.support import wait_until


class ThreeDoors:
    """One push for each door; `http`, `queue` and `schedule` are their IDs, new for each instance."""

    def __init__(self, doors: Doors, bundle: Bundle) -> None:
        self._doors = doors
        self._bundle = bundle
        mark = uuid4().hex[:8]
        self.http, self.queue, self.schedule = (f"{door}-{mark}" for door in ("http", "queue", "schedule"))
        self.ids = [self.http, self.queue, self.schedule]

    def send(self, **more: Any) -> httpx.Response:
        """Send a push through each door; return the HTTPS door's answer once all three are over.

        `more` are the push request's other fields, such as `notAfter`, or others in place of its own. The
        schedule's function is given what the scheduler would give it, who does not say when it is done.
        """
        with ThreadPoolExecutor(2) as threads:
            scheduled = threads.submit(self._doors.run_schedule, push_request(self.schedule) | more)
            answer = threads.submit(self.post, **more)
            self._doors.enqueue(json.dumps(push_request(self.queue) | more))
        scheduled.result()
        return answer.result()

    def post(self, *, timeout: float = 35, **more: Any) -> httpx.Response:
        """Send the push through the HTTPS door alone; wait for its answer up to `timeout` seconds."""
        body = {name: value for name, value in (push_request(self.http) | more).items() if name != "target"}
        user = more.get("target", {"user": USER})["user"]
        return self._doors.http.post(f"/users/{user}/push/messages", json=body, timeout=timeout)

    def all_end_as(self, outcome: str, *, within: float = 90) -> bool:
        """Wait until every one of the three has come to this outcome."""
        wanted = dict.fromkeys(self.ids, outcome)
        return wait_until(lambda: wanted.items() <= self._bundle.outcomes().items(), within=within)
