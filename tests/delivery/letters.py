"""Dead letters as the functions write them."""

import json
from typing import TYPE_CHECKING, NoReturn, cast

from kii_push.errors import PushError
from kii_push.push.request import PushRequest
from kii_push.queues.sqs import Queue
from kii_push.queues.unattended import Settlement, UnattendedDelivery

if TYPE_CHECKING:
    from kii_push.push.delivery import Delivery


class _FailingDelivery:
    def __init__(self, error: PushError) -> None:
        self._error = error

    def deliver(self, _request: PushRequest) -> NoReturn:
        raise self._error


def put(dead_letters: Queue, *letters: tuple[str, PushError]) -> None:
    """Put push requests, as text, on the queue as dead letters, each with what it failed with."""
    for text, error in letters:
        unattended = UnattendedDelivery(cast("Delivery", _FailingDelivery(error)), dead_letters)
        settlement = unattended.deliver(text, json.loads(text).get("id", "sqs-1"))
        assert settlement == Settlement(error.outcome)
