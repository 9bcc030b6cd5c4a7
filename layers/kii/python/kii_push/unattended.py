"""Deliver where nobody waits for the answer: the queue and schedule doors."""

from dataclasses import dataclass

from kii_push import observability, queues, request
from kii_push.client import KiiClient
from kii_push.delivery import deliver
from kii_push.errors import Outcome, PushError

# Nothing to settle by hand: the push is over and was counted.
_OVER = frozenset({Outcome.EXPIRED, Outcome.DUPLICATE})


@dataclass(frozen=True)
class Settled:
    """How a push ended (None after a fault of our own) and whether it is to be tried again."""

    outcome: Outcome | None
    again: bool


def settle(body: str, default_id: str, kii: KiiClient) -> Settled:
    """Deliver the push request in `body`, and dead-letter it with the reason if it can never be sent.

    Raises nothing: one push must not take the rest of its batch along.
    """
    push_id = default_id
    on_unknown = "hold"
    try:
        try:
            push = request.parse(body, default_id=default_id)
            push_id, on_unknown = push.id, push.on_unknown
            deliver(push, kii)
        except PushError as error:
            observability.failed(push_id, error)
            again = error.outcome == Outcome.NOT_SENT or (
                error.outcome == Outcome.UNKNOWN and on_unknown == "resend"
            )
            if not again and error.outcome not in _OVER:
                queues.dead_letter(body, push_id, error)
            return Settled(error.outcome, again)
    except Exception as error:  # noqa: BLE001 (logged, and the push comes back)
        observability.crashed(error)
        return Settled(None, again=True)
    observability.sent(push_id)
    return Settled(Outcome.SENT, again=False)
