"""The contract rate: how many push messages and object changes Kii takes from an app in a second.

How Kii counts is not documented, so there are three ways. Each is a value that knows what has been accepted;
its `take` returns the next value, or None for a request beyond the rate. A refused request is not counted.
Times are in milliseconds. A clock that is set back begins a count anew.
"""

from typing import Annotated, Literal, NamedTuple, Self

import msgspec

SECOND_MS = 1000
# Above what any sandbox serves; a sliding count remembers the times of one second.
MAX_REQUESTS_PER_SECOND = 100_000
MAX_RETRY_AFTER_SECONDS = 86_400


class FixedCount(NamedTuple):
    """So many in each second of the clock, and none carried over."""

    second: int = 0
    accepted: int = 0

    def take(self, now_ms: int, per_second: int) -> Self | None:
        """Accept one more, or return None."""
        second = now_ms // SECOND_MS
        accepted = self.accepted if second == self.second else 0
        return self._replace(second=second, accepted=accepted + 1) if accepted < per_second else None


class SlidingCount(NamedTuple):
    """So many in any second, wherever it begins."""

    times: tuple[int, ...] = ()

    def take(self, now_ms: int, per_second: int) -> Self | None:
        """Accept one more, or return None."""
        set_back = self.times and now_ms < self.times[-1]
        recent = () if set_back else tuple(at for at in self.times if at > now_ms - SECOND_MS)
        return self._replace(times=(*recent, now_ms)) if len(recent) < per_second else None


class BucketCount(NamedTuple):
    """So many at once from a full bucket, which fills evenly: one second fills an empty one.

    `missing` is what it lacks, in thousandths of a request: a millisecond fills a whole number of them.
    """

    missing: int = 0
    at_ms: int = 0

    def take(self, now_ms: int, per_second: int) -> Self | None:
        """Accept one more, or return None."""
        filled = (now_ms - self.at_ms) * per_second
        missing = SECOND_MS + (max(0, self.missing - filled) if filled >= 0 else 0)
        return self._replace(missing=missing, at_ms=now_ms) if missing <= per_second * SECOND_MS else None


Count = FixedCount | SlidingCount | BucketCount
_COUNTS: dict[str, type[Count]] = {"fixed": FixedCount, "sliding": SlidingCount, "bucket": BucketCount}


class ContractRate(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The rate of every app, counted for each by itself; requests beyond it are answered 429 without a body.

    `perSecond`: how many push messages and changes of objects and their bodies; 0: no limit. `window`:
    `fixed` counts each second of the clock, `sliding` any second wherever it begins, `bucket` lets
    `perSecond` through at once and fills up evenly in a second. `retryAfter`: seconds, for the header
    `Retry-After` of the 429; absent: no header. A request counts when it acts, whatever it is answered; one
    refused by the rate does not.
    """

    per_second: Annotated[int, msgspec.Meta(ge=0, le=MAX_REQUESTS_PER_SECOND)]
    window: Literal["fixed", "sliding", "bucket"] = "fixed"
    retry_after: Annotated[int, msgspec.Meta(ge=0, le=MAX_RETRY_AFTER_SECONDS)] | None = None


NO_RATE = ContractRate(per_second=0)


class RateCounter:
    """The rate in force, and what each app has used of it."""

    def __init__(self) -> None:
        self.rate = NO_RATE
        self._counts: dict[str, Count] = {}

    def set(self, rate: ContractRate) -> None:
        """Put `rate` in force; every app's count starts anew."""
        self.rate = rate
        self._counts = {}

    def take(self, app_id: str, now_ms: int) -> bool:
        """Count one request of the app; return whether it is within the rate."""
        if self.rate.per_second == 0:
            return True
        count = self._counts.get(app_id) or _COUNTS[self.rate.window]()
        after = count.take(now_ms, self.rate.per_second)
        if after is None:
            return False
        self._counts[app_id] = after
        return True
