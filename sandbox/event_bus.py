"""Live news for the console: deliveries and device changes, to whoever listens to `/_sandbox/events`."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

MAX_QUEUED_EVENTS = 10_000


class EventBus:
    """Hands each event to every listener; one that lags `MAX_QUEUED_EVENTS` events behind is sent away."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[tuple[str, dict[str, Any]] | None]] = set()

    def __bool__(self) -> bool:
        """Whether anyone listens."""
        return bool(self._listeners)

    def publish(self, name: str, event: dict[str, Any]) -> None:
        """Hand an event to the listeners."""
        for queue in list(self._listeners):
            if queue.qsize() < MAX_QUEUED_EVENTS:
                queue.put_nowait((name, event))
            else:
                self._listeners.discard(queue)
                queue.put_nowait(None)

    async def listen(self) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """Yield (name, event) from now on, until the bus closes or the listener lags too far."""
        queue: asyncio.Queue[tuple[str, dict[str, Any]] | None] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while (item := await queue.get()) is not None:
                yield item
        finally:
            self._listeners.discard(queue)

    def close(self) -> None:
        """Send every listener away."""
        for queue in self._listeners:
            queue.put_nowait(None)
        self._listeners.clear()
