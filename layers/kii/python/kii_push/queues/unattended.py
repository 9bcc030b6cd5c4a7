"""Deliver where no caller waits for the answer: the queue and schedule doors."""

import json
import time
from dataclasses import dataclass
from typing import Any

from kii_push.common import observability, strict_json
from kii_push.errors import DoubtRemains, InvalidRequest, Outcome, PushError
from kii_push.push import request
from kii_push.push.delivery import Delivery
from kii_push.push.request import Origin, PushRequest
from kii_push.queues.sqs import OutgoingMessage, Queue

# A push that waited this long is given up, a day before SQS would drop it without an outcome.
MAX_WAIT_DAYS = 11
_DAY_SECONDS = 86_400
# The push is over, and there is nothing for a person to look at.
_OVER = frozenset({Outcome.EXPIRED, Outcome.CANCELLED, Outcome.DUPLICATE})


@dataclass(frozen=True)
class UnattendedPush:
    """A push request as it came in.

    `name` is its ID if it has none. With `needs_id` it must have one, and `name` is only for its dead letter.
    `queue` is the name of the queue that it came from, `group` its message group there, and `queued_at` (Unix
    seconds) when it was put there.
    """

    body: str
    name: str
    origin: Origin
    needs_id: bool = False
    queue: str | None = None
    group: str | None = None
    queued_at: float | None = None


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

    def deliver(self, push: UnattendedPush) -> Settlement:
        """Deliver the push. Raises nothing: one push must not take the rest of its batch along."""
        try:
            return self._deliver(push)
        except Exception as error:  # noqa: BLE001 (logged, and the push is retried)
            observability.crashed(error)
            return Settlement(None, retry=True)

    def _deliver(self, push: UnattendedPush) -> Settlement:
        push_id, on_unknown = push.name, "hold"
        try:
            asked = _read(push)
            push_id, on_unknown = asked.id, asked.on_unknown
            receipt = self._delivery.deliver(asked, give_up=_too_old(push))
        except PushError as error:
            observability.failed(push_id, error)
            if _is_retried(error, on_unknown):
                return Settlement(error.outcome, retry=True, retry_after_seconds=error.retry_after or 0)
            if error.outcome not in _OVER:
                self._dead_letters.send(_dead_letter(push, push_id, error))
            return Settlement(error.outcome)
        observability.sent(push_id, receipt.outcome)
        return Settlement(receipt.outcome)


def _read(push: UnattendedPush) -> PushRequest:
    return request.parse(push.body, default_id=None if push.needs_id else push.name, origin=push.origin)


def _too_old(push: UnattendedPush) -> str | None:
    """Return the reason to give a push up, None if it may still be sent."""
    if push.queued_at is None or time.time() - push.queued_at < MAX_WAIT_DAYS * _DAY_SECONDS:
        return None
    return f"it waited on its queue for {MAX_WAIT_DAYS} days"


def _is_retried(error: PushError, on_unknown: str) -> bool:
    if error.outcome == Outcome.NOT_SENT:
        return True
    doubtful = error.outcome == Outcome.UNKNOWN and not isinstance(error, DoubtRemains)
    return doubtful and on_unknown == "resend"


def _dead_letter(push: UnattendedPush, push_id: str, error: PushError) -> OutgoingMessage:
    """Return a push request for a person to look at, with the reason as message attributes.

    Attributes: `pushID`, `outcome`, `reason`, and where known `errorCode`, `field` (the first one that is
    wrong), `sender`, and `queue` and `group`, where it goes back to.
    """
    attributes: dict[str, str | None] = {
        "pushID": push_id,
        "outcome": str(error.outcome),
        "reason": error.reason,
        "errorCode": error.error_code,
        "sender": push.origin.sender,
        "queue": push.queue,
        "group": push.group,
    }
    if isinstance(error, InvalidRequest):
        attributes["field"] = error.violations[0].field
    given = {name: value for name, value in attributes.items() if value}
    return OutgoingMessage(_with_id(push.body, push_id), attributes=given)


def _with_id(body: str, push_id: str) -> str:
    """Return the body with its ID in it, so that it is the same push through any door; else as it came."""
    try:
        value: Any = strict_json.loads(body)
    except InvalidRequest:
        return body
    if not isinstance(value, dict) or "id" in value:
        return body
    # Written out anew, it could be longer than a queue takes.
    rest = body.lstrip()[1:]
    return f'{{"id":{json.dumps(push_id)}{"," if value else ""}{rest}'
