"""Faults on demand: rules that delay, refuse, drip or cut requests, before or after they take effect."""

import fnmatch
import random
from typing import Annotated, Any, Literal

import msgspec

HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]+$")]
HeaderText = Annotated[str, msgspec.Meta(pattern=r"^[\x20-\x7e]*$")]


class RequestPattern(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which requests: an HTTP method, and a shell pattern for the whole decoded path (`*/push/messages`)."""

    method: str | None = None
    path: str = "*"


class FaultRule(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """One fault, for the requests it matches.

    `match`: `method` and `path`, a shell pattern for the whole decoded path (`*/push/messages`); absent: all.
    `times`: how many requests it still applies to, without end when absent. `probability`: 0 to 1, for each.
    `delayMs`: wait this long, then go on; a caller who hangs up meanwhile is not served. `status` (with
    `body`, any JSON, and `headers`): answer so without acting. `drop`: cut the TCP connection without an
    answer, `before` or `after` the request took effect. `after`: let the request act first; `delayMs` and
    `status` then apply to its answer. `dripMs`: send the answer a byte at a time, each after so many
    milliseconds: an interim `102 Processing`, the head, the body; the connection is closed after it. With
    `drop`, the interim answer is all that comes before the cut. A drip ends when the caller hangs up.
    """

    match: RequestPattern = msgspec.field(default_factory=RequestPattern)
    times: Annotated[int, msgspec.Meta(ge=0)] | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0
    status: Annotated[int, msgspec.Meta(ge=200, le=599)] | None = None
    body: Any = None
    headers: dict[HeaderName, HeaderText] = {}
    drop: Literal["before", "after"] | None = None
    after: bool = False
    drip_ms: Annotated[int, msgspec.Meta(ge=0, le=3_600_000)] = 0


class Faults:
    """The rules in force. The first that matches a request applies to it, the others do not."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []

    def set(self, rules: list[FaultRule]) -> None:
        """Put `rules` in force in place of all others."""
        self.rules = rules

    def take_rule(self, method: str, path: str) -> FaultRule | None:
        """Return the rule for this request and count it, or None."""
        for rule in self.rules:
            if rule.times == 0 or rule.match.method not in (None, method):
                continue
            if not fnmatch.fnmatchcase(path, rule.match.path):
                continue
            if rule.probability < 1 and random.random() >= rule.probability:  # noqa: S311 (no secret)
                continue
            if rule.times is not None:
                rule.times -= 1
            return rule
        return None
