"""Hold what the ledger and the dead-letter queue say of each push against what Kii delivered."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_LOST = "lost"
# How often Kii may have delivered a push at most, by its `onUnknown`.
_MOST_DELIVERIES = {"hold": 1, "resend": 3}
# What the ledger says of a push that Kii may have accepted. Whatever else it says proves that Kii did not.
_DOUBTS = re.compile(
    r"Kii gave no whole answer \((ReadTimeout|WriteTimeout|ReadError|WriteError|RemoteProtocolError)\)"
    r"|Kii answered 50[024]\b"
    r"|.*\btr(y|ies)( of this push)? may have reached Kii"
)


@dataclass(frozen=True)
class Facts:
    """What is known of all pushes once the queue is empty, each by the push's ID.

    `deliveries`: how often Kii delivered it. `outcomes` and `reasons`: the ledger's word. `dead_letters`: the
    outcomes that its messages in the dead-letter queue carry.
    """

    deliveries: Counter[str]
    outcomes: Mapping[str, str]
    dead_letters: Mapping[str, list[str]]
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Tally:
    """Pushes of one `onUnknown`, counted.

    `unknown_delivered`: those of unknown end that Kii did deliver. `extra`: deliveries beyond the first of
    each push. `broken`: the promises that were not kept, a line for each.
    """

    pushes: int
    outcomes: Counter[str]
    unknown_delivered: int
    lost: int
    extra: int
    broken: list[str]


def tally(ids: Iterable[str], on_unknown: str, facts: Facts) -> Tally:
    """Count the pushes `ids`, which were all sent with this `onUnknown`."""
    ids = list(ids)
    outcomes = Counter(facts.outcomes.get(each, "no outcome") for each in ids)
    unknown = [each for each in ids if facts.outcomes.get(each) == "unknown"]
    broken = [f"{each}: {wrong}" for each in ids for wrong in _broken(each, on_unknown, facts)]
    return Tally(
        pushes=len(ids),
        outcomes=outcomes,
        unknown_delivered=sum(1 for each in unknown if facts.deliveries[each]),
        lost=sum(_LOST in each for each in broken),
        extra=sum(max(0, facts.deliveries[each] - 1) for each in ids),
        broken=broken,
    )


def strangers(ids: Iterable[str], facts: Facts) -> list[str]:
    """Return a line for each ID that turned up somewhere and was never sent."""
    known = set(ids)
    found = facts.deliveries.keys() | facts.outcomes.keys() | facts.dead_letters.keys()
    return [f"{each}: nobody sent it" for each in sorted(found - known)]


def _broken(push_id: str, on_unknown: str, facts: Facts) -> Iterable[str]:
    """Yield what is wrong with one push, in words."""
    outcome = facts.outcomes.get(push_id)
    delivered = facts.deliveries[push_id]
    letters = facts.dead_letters.get(push_id, [])
    if delivered > _MOST_DELIVERIES[on_unknown]:
        yield f"delivered {delivered} times"
    match outcome:
        case "sent":
            if not delivered:
                yield f"{_LOST}: sent by the ledger, never delivered"
            if letters:
                yield f"sent, and a dead letter as well ({', '.join(letters)})"
        case "unknown":
            if set(letters) != {"unknown"}:
                yield f"{_LOST}: unknown, and no dead letter tells a person so"
            # A sender that died leaves no reason.
            reason = facts.reasons.get(push_id)
            if reason and not _DOUBTS.match(reason):
                yield f"unknown, though Kii cannot have accepted it: {reason}"
        case None:
            yield f"{_LOST}: no outcome, delivered {delivered} times"
        case _:
            # None of the faults makes a push be refused or expire, or lasts for fifty tries.
            yield f"ended as {outcome}, delivered {delivered} times"
