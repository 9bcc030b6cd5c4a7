"""A value that takes long to make, made once for all threads that want it."""

import threading
from collections.abc import Callable

from kii_push.errors import PushError


class SingleFlight[T]:
    """Holds the value. Threads that want a new one wait for one attempt, and share its failure.

    Otherwise ten threads would each wait out the same timeout in turn, and the function would time out.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: T | None = None
        self._failures = 0
        self._failure: PushError | None = None

    @property
    def value(self) -> T | None:
        """The value at hand, good or not."""
        return self._value

    def get(
        self,
        good: Callable[[T], bool],
        make: Callable[[], T],
        meanwhile: Callable[[T], bool] = lambda _: False,
    ) -> T:
        """Return the value at hand if it is `good`, else what `make` returns, and keep that.

        While one thread makes a new one, the others use the old one if it will do `meanwhile`. Raises what
        `make` raises; the old value then stays.
        """
        failures_before = self._failures
        if self._value is not None and meanwhile(self._value) and self._lock.locked():
            return self._value
        with self._lock:
            if self._value is not None and good(self._value):
                return self._value
            if self._failure is not None and self._failures > failures_before:
                raise self._failure
            try:
                self._value = make()
            except PushError as failure:
                self._failure = failure
                self._failures += 1
                raise
            return self._value
