"""The time by which tokens and MQTT endpoints expire: the machine's, moved by `PUT /_sandbox/clock`."""

import time


class Clock:
    """Wall-clock time in Unix milliseconds, `offset_ms` ahead of the machine's."""

    def __init__(self, offset_ms: int = 0) -> None:
        self.offset_ms = offset_ms

    def now_ms(self) -> int:
        """Return the sandbox's time in Unix milliseconds."""
        return time.time_ns() // 1_000_000 + self.offset_ms

    def set_now(self, now_ms: int) -> None:
        """Make it `now_ms` (Unix milliseconds) now; the clock keeps running from there."""
        self.offset_ms += now_ms - self.now_ms()
