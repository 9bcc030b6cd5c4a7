"""The log of requests that reached Kii's REST API, which tests and the console read."""

import itertools
from collections import deque
from dataclasses import dataclass, field
from typing import Any

MAX_LOGGED_REQUESTS = 100_000


@dataclass
class RequestLog:
    """The latest requests that reached Kii's REST API: method, path and status, never bodies or headers."""

    entries: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MAX_LOGGED_REQUESTS))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self, at_ms: int, method: str, path: str) -> dict[str, Any]:
        """Enter a request; its `status` is to be filled in once known, and stays None if none was sent."""
        entry = {"seq": next(self._numbers), "at": at_ms, "method": method, "path": path, "status": None}
        self.entries.append(entry)
        return entry
