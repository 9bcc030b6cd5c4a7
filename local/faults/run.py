"""One fault run from the first push to the table: `make faults`."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from local.faults.bundle import Bundle
from local.faults.kii import Kii, push_request
from local.faults.phases import Phases
from local.faults.verdict import Facts, Tally, strangers, tally
from local.process import LocalError
from local.stack import LocalStack

PARAMETERS = {"InFlightSeconds": "75", "VisibilitySeconds": "60"}
"""The template's parameters for a run: what a killed sender held comes back soon, and not after minutes."""
# One push in eleven says `onUnknown: resend`; the others are held.
_HELD_PUSHES_PER_RESENT = 10
# How often the progress is shown.
_PROGRESS_SECONDS = 10

type Say = Callable[[str], None]


@dataclass(frozen=True)
class Report:
    """What came out: the `seconds` it took, the pushes by `onUnknown`, and each broken promise."""

    seconds: float
    hold: Tally
    resend: Tally
    broken: list[str]

    def table(self) -> str:
        """Return the table for the README, in Markdown."""
        columns = (self.hold, self.resend)
        rows = [
            ("Pushes", *(f"{each.pushes:,}" for each in columns)),
            ("`sent`", *(f"{each.outcomes['sent']:,}" for each in columns)),
            ("`unknown`, a dead letter for a person", *(f"{each.outcomes['unknown']:,}" for each in columns)),
            ("... of these delivered all the same", *(f"{each.unknown_delivered:,}" for each in columns)),
            ("Any other end", *(f"{_others(each):,}" for each in columns)),
            ("Lost", *(f"{each.lost:,}" for each in columns)),
            ("Deliveries beyond the first of a push", *(f"{each.extra:,}" for each in columns)),
            ("Seconds until the queue was empty", *(f"{self.seconds:,.0f}" for _ in columns)),
        ]
        head = ["| | `onUnknown: hold` | `onUnknown: resend` |", "| --- | ---: | ---: |"]
        return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in rows)])


def run(stack: LocalStack, pushes: int, say: Say) -> Report:
    """Send so many pushes, and a tenth of it with `resend` beside them, through the stack's queue.

    The stack must have been started with PARAMETERS, and its queues and ledger be empty. Raises LocalError
    when a fault cannot be made to happen, or the queue does not run empty.
    """
    begun = time.monotonic()
    held = [f"hold-{number:06}" for number in range(pushes)]
    resent = [f"resend-{number:06}" for number in range(pushes // _HELD_PUSHES_PER_RESENT)]
    with Kii(stack.sandbox_url) as kii, Bundle(stack) as bundle:
        kii.reset()
        # Side by side on the queue, so that every fault meets both.
        every = [(push_id, "hold") for push_id in held]
        for place, push_id in enumerate(resent):
            every.insert(place * (_HELD_PUSHES_PER_RESENT + 1), (push_id, "resend"))
        requests = [push_request(push_id, onUnknown=on_unknown) for push_id, on_unknown in every]
        phases = Phases(stack, kii, bundle, requests)
        for phase in phases.run():
            say(f"{phase}; {bundle.waiting()}")
        # A push that met many faults is put off for up to 15 minutes.
        _drained(bundle, say, within=960 + pushes / 20)
        seconds = time.monotonic() - begun
        outcomes, reasons = bundle.ends()
        facts = Facts(kii.deliveries(), outcomes, bundle.dead_letters(), reasons)
        found_dead = bundle.ended_for("an earlier try of this push may have reached Kii")
    hold, resend = tally(held, "hold", facts), tally(resent, "resend", facts)
    broken = [*hold.broken, *resend.broken, *strangers([*held, *resent], facts)]
    unknown = hold.outcomes["unknown"]
    if unknown > phases.may_be_unknown:
        broken.append(f"{unknown} are unknown, but only {phases.may_be_unknown} met what makes them so")
    if found_dead < phases.killed:
        broken.append(f"the senders were killed {phases.killed} times, which {found_dead} pushes met")
    return Report(seconds, hold, resend, broken)


def _drained(bundle: Bundle, say: Say, within: float) -> None:
    """Wait until the queue is empty."""
    deadline = time.monotonic() + within
    word = time.monotonic() + _PROGRESS_SECONDS
    while (waiting := bundle.waiting()).all:
        now = time.monotonic()
        if now > deadline:
            raise LocalError(f"The queue did not run empty in {within:.0f} s: {waiting}.")
        if now > word:
            say(str(waiting))
            word = now + _PROGRESS_SECONDS
        time.sleep(0.5)


def _others(each: Tally) -> int:
    return each.pushes - each.outcomes["sent"] - each.outcomes["unknown"]
