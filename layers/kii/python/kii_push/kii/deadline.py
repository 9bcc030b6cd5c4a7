"""A total deadline for an exchange: connecting, sending, and an answer that may come a byte at a time.

httpx's timeouts begin anew with each read and write, so a server that sends a byte now and then holds its
caller for ever. The connections of `kii.bounded_connections` give each operation what is left of the deadline
of the thread that runs it.
"""

import contextlib
import time
from collections.abc import Iterator
from contextvars import ContextVar

_ends_at: ContextVar[float | None] = ContextVar("exchange_ends_at", default=None)


@contextlib.contextmanager
def total_deadline(seconds: float) -> Iterator[None]:
    """Let what the block does by a bounded client end within `seconds`.

    Past it, connecting raises httpx.ConnectTimeout, sending WriteTimeout and reading ReadTimeout.
    """
    token = _ends_at.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _ends_at.reset(token)


def time_left(timeout: float | None, past: type[Exception]) -> float | None:
    """Return the seconds that an operation has, None without an end. Raises `past` after the deadline."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return timeout
    left = ends_at - time.monotonic()
    if left <= 0:
        raise past("the exchange has taken too long")
    return left if timeout is None else min(timeout, left)
