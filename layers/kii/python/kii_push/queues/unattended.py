"""Deliver where no caller waits for the answer: the queue and schedule doors."""

from dataclasses import dataclass

from kii_push.common import observability
from kii_push.errors import InvalidRequest, Outcome, PushError
from kii_push.push import request
from kii_push.push.delivery import Delivery
from kii_push.queues.sqs import OutgoingMessage, Queue

# The push is over, and there is nothing for a person to look at.
_OVER = frozenset({Outcome.EXPIRED, Outcome.DUPLICATE})


@dataclass(frozen=True)
class Settlement:
    """How a push ended (None after a fault of our own), and whether and when to retry it at the earliest."""

    outcome: Outcome | None
    retry: bool = False
    retry_after_seconds: int = 0


class UnattendedDelivery:
    """Delivers a push, and dead-letters it with the reason if it can never be sent."""

    def __init__(self, delivery: Delivery, dead_letters: Queue) -> None:
        self._delivery = delivery
        self._dead_letters = dead_letters

    def deliver(self, body: str, name: str, *, needs_id: bool = False) -> Settlement:
        """Deliver the push request in `body`.

        `name` is its ID if it has none. With `needs_id` it must have one, and `name` is only for its dead
        letter. Raises nothing: one push must not take the rest of its batch along.
        """
        try:
            return self._deliver(body, name, needs_id=needs_id)
        except Exception as error:  # noqa: BLE001 (logged, and the push is retried)
            observability.crashed(error)
            return Settlement(None, retry=True)

    def _deliver(self, body: str, name: str, *, needs_id: bool) -> Settlement:
        push_id, on_unknown = name, "hold"
        try:
            push = request.parse(body, default_id=None if needs_id else name)
            push_id, on_unknown = push.id, push.on_unknown
            receipt = self._delivery.deliver(push)
        except PushError as error:
            observability.failed(push_id, error)
            resend = error.outcome == Outcome.UNKNOWN and on_unknown == "resend"
            if error.outcome == Outcome.NOT_SENT or resend:
                return Settlement(error.outcome, retry=True, retry_after_seconds=error.retry_after or 0)
            if error.outcome not in _OVER:
                self._dead_letters.send(_dead_letter(body, push_id, error))
            return Settlement(error.outcome)
        observability.sent(push_id, receipt.outcome)
        return Settlement(receipt.outcome)


def _dead_letter(body: str, push_id: str, error: PushError) -> OutgoingMessage:
    """Return a push request for a person to look at, with the reason as message attributes.

    Attributes: `pushID`, `outcome`, `reason`, and where known `errorCode` and `field` (the first one that is
    wrong). `body` stays as it came, so that it can be sent again.
    """
    attributes = {"pushID": push_id, "outcome": str(error.outcome), "reason": error.reason}
    if error.error_code:
        attributes["errorCode"] = error.error_code
    if isinstance(error, InvalidRequest) and error.violations[0].field:
        attributes["field"] = error.violations[0].field
    return OutgoingMessage(body, attributes=attributes)
