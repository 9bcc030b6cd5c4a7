"""What an update must leave as it was: each push sent, once, in order; the broadcast complete."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.faults.verdict import Facts, tally


@dataclass(frozen=True)
class Broadcast:
    """A broadcast: the mark that each recipient's push carries, and its progress before and after."""

    marks: Sequence[str]
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def unsent(ids: Iterable[str], outcomes: Mapping[str, str]) -> list[str]:
    """Return a line for each push that did not end `sent`: an update must leave none in doubt either."""
    ends = {each: outcomes.get(each, "no outcome") for each in ids}
    return [f"{each}: ended as {end}" for each, end in ends.items() if end != "sent"]


def broken_pushes(ids: Iterable[str], facts: Facts) -> list[str]:
    """Return a line for each promise that was not kept to these pushes."""
    ids = list(ids)
    return list(dict.fromkeys([*unsent(ids, facts.outcomes), *tally(ids, "hold", facts).broken]))


def broken_order(groups: Mapping[str, Sequence[str]], delivered: Sequence[str]) -> list[str]:
    """Return a line for each group of which the pushes were not delivered in their order."""
    return [
        f"{group}: its pushes came in another order"
        for group, ids in groups.items()
        if list(dict.fromkeys(each for each in delivered if each in set(ids))) != list(ids)
    ]


def broken_broadcast(broadcast: Broadcast, facts: Facts) -> list[str]:
    """Return a line for each promise that was not kept to a broadcast whose recipients can all be sent to."""
    broken = [
        f"{each}: delivered {times} times"
        for each in broadcast.marks
        if (times := facts.deliveries[each]) != 1
    ]
    number, before, after = len(broadcast.marks), broadcast.before, broadcast.after
    if before["status"] == "done":
        broken.append("the broadcast ended before the update did: there was nothing to go on with")
    if (after["status"], after["recipients"]) != ("done", number) or before["recipients"] != number:
        broken.append(f"the broadcast to {number} was {before} before the update and is {after} after it")
    if {outcome: count for outcome, count in after["counts"].items() if count} != {"sent": number}:
        broken.append(f"of the broadcast's {number} pushes {after['counts']} are counted")
    return broken
