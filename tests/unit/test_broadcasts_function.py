"""broadcasts: what its handler accepts, and what it answers."""

import json
from types import ModuleType
from typing import Any

import pytest

from kii_push.broadcast.request import BroadcastRequest
from kii_push.errors import QueueError
from kii_push.queues.sqs import OutgoingMessage
from tests import apps
from tests.doubles.gateway import CALLER, REQUEST_ID, request_context

BROADCAST = {"message": {"title": "Sale", "body": "Today"}, "recipients": ["u-1"]}


class Accepted:
    """Broadcasts as `broadcasts` and the fan-out's queue take them."""

    def __init__(self) -> None:
        self.requests: list[BroadcastRequest] = []
        self.begun: list[str] = []
        self.queue_answers = True

    def accept(self, request: BroadcastRequest) -> bool:
        self.requests.append(request)
        return True

    def send(self, message: OutgoingMessage) -> None:
        self.begun.append(json.loads(message.body)["broadcast"])
        if not self.queue_answers:
            raise QueueError("the queue did not answer")


@pytest.fixture
def accepted() -> Accepted:
    return Accepted()


@pytest.fixture
def app(accepted: Accepted, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    app = apps.load("broadcasts", monkeypatch)
    monkeypatch.setattr(app, "broadcasts", accepted)
    monkeypatch.setattr(app, "positions", accepted)
    return app


def post(app: ModuleType, body: dict[str, Any], key: str | None = None) -> tuple[int, Any]:
    """Return the status and the body of the answer to a POST."""
    headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
    answer = app.handler(
        {
            "httpMethod": "POST",
            "resource": "/broadcasts",
            "headers": headers,
            "multiValueQueryStringParameters": None,
            "body": json.dumps(body),
            "requestContext": request_context(),
        },
        None,
    )
    assert answer["headers"]["X-Request-ID"] == REQUEST_ID
    return answer["statusCode"], json.loads(answer["body"])


def test_a_broadcast_without_an_id_is_refused_and_not_begun(app: ModuleType, accepted: Accepted) -> None:
    status, problem = post(app, BROADCAST)
    assert (status, [each["field"] for each in problem["errors"]]) == (400, ["id"])
    assert "would send twice" in problem["detail"]
    assert problem["requestID"] == REQUEST_ID
    assert not accepted.requests
    assert not accepted.begun


@pytest.mark.parametrize(("more", "key"), [({"id": "sale"}, None), ({}, "sale"), ({"id": "sale"}, "sale")])
def test_its_id_stands_in_the_body_or_in_the_header(
    app: ModuleType, accepted: Accepted, more: dict[str, str], key: str | None
) -> None:
    assert post(app, {**BROADCAST, **more}, key) == (202, {"id": "sale", "requestID": REQUEST_ID})
    [request] = accepted.requests
    assert request.job.sender == CALLER
    assert accepted.begun == ["sale"]


def test_it_is_in_doubt_whether_a_broadcast_began_if_the_queue_does_not_answer(
    app: ModuleType, accepted: Accepted
) -> None:
    accepted.queue_answers = False
    status, problem = post(app, {**BROADCAST, "id": "sale"})
    assert (status, problem["id"], problem["requestID"]) == (503, "sale", REQUEST_ID)
    assert "outcome" not in problem
    assert problem["detail"].startswith("Repeat the call with the same id")


def test_one_id_in_the_body_and_another_in_the_header_are_refused(
    app: ModuleType, accepted: Accepted
) -> None:
    status, _ = post(app, {**BROADCAST, "id": "sale"}, "another")
    assert status == 400
    assert not accepted.requests
