"""Dead letters as the functions write them."""

from typing import TYPE_CHECKING, Any, NoReturn, cast

from kii_push.errors import PushError
from kii_push.push.request import PushRequest
from kii_push.queues.sqs import Queue
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.push_requests import queued

if TYPE_CHECKING:
    from kii_push.push.delivery import Delivery


class _FailingDelivery:
    def __init__(self, error: PushError) -> None:
        self._error = error

    def deliver(self, _request: PushRequest, *, give_up: str | None = None) -> NoReturn:  # noqa: ARG002
        raise self._error


def put(dead_letters: Queue, *letters: tuple[str, PushError], **more: Any) -> None:
    """Put push requests, as text, on the queue as dead letters, each with what it failed with.

    `more` is what else is known of them, such as the `queue` they came from.
    """
    for text, error in letters:
        unattended = UnattendedDelivery(cast("Delivery", _FailingDelivery(error)), dead_letters)
        settlement = unattended.deliver(queued(text, **more))
        assert settlement == Settlement(error.outcome)
