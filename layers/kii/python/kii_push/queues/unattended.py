"""Deliver where nobody waits for the answer: the queue and schedule doors."""

from dataclasses import dataclass

from kii_push.common import observability
from kii_push.errors import Outcome, PushError
from kii_push.push import request
from kii_push.push.delivery import Delivery
from kii_push.queues import sqs as queues

# The push is over: nothing for a person to look at.
_OVER = frozenset({Outcome.EXPIRED, Outcome.DUPLICATE})


@dataclass(frozen=True)
class Settled:
    """How a push ended (None after a fault of our own), and whether to try it again, when at the earliest."""

    outcome: Outcome | None
    again: bool = False
    retry_after: int = 0


def settle(body: str, name: str, delivery: Delivery, *, own_id: bool = False) -> Settled:
    """Deliver the push request in `body`, and dead-letter it with the reason if it can never be sent.

    `name` is its ID if it has none, unless it must have an `own_id`; then only the dead letter is named so.
    Raises nothing: one push must not take the rest of its batch along.
    """
    try:
        return _settle(body, name, delivery, own_id=own_id)
    except Exception as error:  # noqa: BLE001 (logged, and the push comes back)
        observability.crashed(error)
        return Settled(None, again=True)


def _settle(body: str, name: str, delivery: Delivery, *, own_id: bool) -> Settled:
    push_id, on_unknown = name, "hold"
    try:
        push = request.parse(body, default_id=None if own_id else name)
        push_id, on_unknown = push.id, push.on_unknown
        receipt = delivery.deliver(push)
    except PushError as error:
        observability.failed(push_id, error)
        resend = error.outcome == Outcome.UNKNOWN and on_unknown == "resend"
        if error.outcome == Outcome.NOT_SENT or resend:
            return Settled(error.outcome, again=True, retry_after=error.retry_after or 0)
        if error.outcome not in _OVER:
            queues.dead_letter(body, push_id, error)
        return Settled(error.outcome)
    observability.sent(push_id, receipt.outcome)
    return Settled(receipt.outcome)
