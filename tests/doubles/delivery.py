"""A delivery whose pushes end as a test says."""

from kii_push.errors import PushError
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Receipt
from kii_push.push.preflight import Preflight
from kii_push.push.request import PushRequest
from tests.doubles.mock_kii import MockKii


class ScriptedDelivery(Delivery):
    """Ends each push as it is told to, and remembers it; only a dry run reaches Kii."""

    def __init__(self, end: Receipt | PushError | None = None, mock: MockKii | None = None) -> None:
        self.kii = (mock or MockKii()).client()
        self.preflight = Preflight()
        self.end = end or Receipt("m-1")
        self.requests: list[PushRequest] = []

    def deliver(self, request: PushRequest, *, give_up: str | None = None) -> Receipt:  # noqa: ARG002
        self.requests.append(request)
        if isinstance(self.end, PushError):
            raise self.end
        return self.end
