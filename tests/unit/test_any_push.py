"""Whatever is sent to a door, it takes little time and gives a short answer, letter and log."""

import json
import time
from collections.abc import Callable, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kii_push.kii.installations import Registration
from kii_push.push.ledger import Receipt
from kii_push.push.request import PushRequest
from kii_push.queues.sqs import OutgoingMessage
from tests import apps
from tests.doubles.delivery import ScriptedDelivery
from tests.doubles.gateway import request_context
from tests.unit.any_input import ANY_INPUT, JSON, SETTINGS, TEXT, bounded, check_text, near

pytestmark = ANY_INPUT

TO_ALL_NETWORKS = {
    "data": {"n": "1"},
    "gcm": {"enabled": True, "data": {"n": "1"}, "notification": {"title": "t"}},
    "fcm": {"enabled": True, "data": {"n": "1"}},
    "apns": {"enabled": True, "alert": {"title": "t", "locArgs": ["a"]}, "data": {"n": 1}},
    "jpush": {"enabled": True, "data": {"n": 1}},
    "mqtt": {"enabled": True, "data": {"n": 1}},
}
SHORT = {"title": "t", "body": "b", "data": {"n": 1}, "networks": ["fcm"]}
PUSHES = (
    {"id": "order-1", "target": {"user": "bob"}, "message": SHORT, "notAfter": "2036-01-01T00:00:00Z"},
    {"id": "order-1", "target": {"topic": "news", "group": "team"}, "message": TO_ALL_NETWORKS},
    {"id": "order-1", "target": {"bucket": "notes"}, "object": {"a": 1}, "objectID": "note-1"},
)
INSTALLATION = {"deviceType": "ANDROID", "installationRegistrationID": "r-1", "userID": "bob"}
BROADCAST = {"id": "sale", "template": SHORT, "recipients": ["bob"], "confirm": True}
# JSON in any form, and what only looks like it.
BODIES = (
    near(*PUSHES, SHORT, TO_ALL_NETWORKS, INSTALLATION, BROADCAST).map(json.dumps)
    | JSON.map(json.dumps)
    | TEXT
)


class CheckingDelivery(ScriptedDelivery):
    """Checks each push as a real one does, and takes it for sent."""

    def deliver(self, request: PushRequest, **more: Any) -> Receipt:
        self.preflight.check(request.message, request.target, "app")
        return super().deliver(request, **more)


class Taken:
    """A queue that takes everything, and a counter that writes nothing."""

    name = "taken"

    def __init__(self) -> None:
        self.messages: list[OutgoingMessage] = []

    def send(self, message: OutgoingMessage) -> None:
        self.messages.append(message)

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        self.messages += messages
        return {}

    def write(self) -> None: ...

    def check_letters(self) -> None:
        """Check that the last push became one letter at most, with short attributes, and forget it."""
        assert len(self.messages) <= 1
        for message in self.messages:
            for value in message.attributes.values():
                check_text(value, 1001)
        self.messages.clear()


class Context:
    """Lambda's context."""

    aws_request_id = "request-1"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Import a function whose pushes reach nobody."""

    def load(function: str) -> ModuleType:
        app = apps.load(function, monkeypatch)
        monkeypatch.setattr(app, "calls", Taken())
        return app

    return load


@pytest.fixture
def letters() -> Taken:
    """The dead-letter queue."""
    return Taken()


@pytest.fixture
def unattended(
    load: Callable[[str], ModuleType], letters: Taken, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], ModuleType]:
    """Import a function of a door where nobody waits."""

    def load_unattended(function: str) -> ModuleType:
        app = load(function)
        monkeypatch.setattr(app.delivery, "_delivery", CheckingDelivery())
        monkeypatch.setattr(app.delivery, "_dead_letters", letters)
        return app

    return load_unattended


def test_any_body_by_https(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {
        "direct_push": ("/users/{userID}/push/messages", {"userID": "bob"}),
        "topic_push": ("/topics/{topicID}/push/messages", {"topicID": "news"}),
        "bucket_push": ("/buckets/{bucketID}/objects", {"bucketID": "notes"}),
        "installations": ("/installations", {}),
        "broadcasts": ("/broadcasts", {}),
    }
    functions = {name: apps.load(name, monkeypatch) for name in paths}
    for name, app in functions.items():
        monkeypatch.setattr(app, "calls", Taken(), raising=False)
        if name == "installations":
            monkeypatch.setattr(app.accounts, "by_id", lambda _kii, owner: owner)
            monkeypatch.setattr(app.installations, "register", lambda *_, **__: Registration("i-1"))
        elif name == "broadcasts":
            monkeypatch.setattr(app, "broadcasts", SimpleNamespace(accept=lambda _broadcast: True))
            monkeypatch.setattr(app, "positions", Taken())
        else:
            monkeypatch.setattr(app, "delivery", CheckingDelivery())

    @SETTINGS
    @given(st.sampled_from(sorted(paths)), BODIES, st.none() | st.just("key-1") | TEXT)
    @example("direct_push", json.dumps({**SHORT, f"x` - at `$KKK{'k' * 200_000}": 1}), None)
    def check(function: str, body: str, key: str | None) -> None:
        resource, parameters = paths[function]
        event = {
            "httpMethod": "POST",
            "resource": resource,
            "pathParameters": parameters,
            "multiValueQueryStringParameters": None,
            "headers": {"Content-Type": "application/json"}
            | ({} if key is None else {"Idempotency-Key": key}),
            "body": body,
            "requestContext": request_context(),
        }
        with bounded():
            answer = functions[function].handler(event, None)
        assert answer["statusCode"] in {201, 202, 400, 409, 410, 413}
        assert len(answer["body"]) < 20_000
        said = json.loads(answer["body"])
        for text in (
            said.get("detail", ""),
            *(text for each in said.get("errors", ()) for text in each.values()),
        ):
            check_text(text, 1001)

    check()


def test_any_message_on_the_queue(unattended: Callable[[str], ModuleType], letters: Taken) -> None:
    app = unattended("queue_push")

    @SETTINGS
    @given(BODIES)
    def check(body: str) -> None:
        record = {
            "messageId": "sqs-1",
            "receiptHandle": "r",
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": str(int(time.time() * 1000)),
                "SenderId": "AIDA",
            },
            "messageAttributes": {},
            "eventSourceARN": "arn:aws:sqs:ap-northeast-1:123456789012:pushes",
        }
        with bounded():
            answer = app.handler({"Records": [record]}, Context())
        assert answer == {"batchItemFailures": []}, "it is sent, or has become a dead letter"
        letters.check_letters()

    check()


def test_any_input_of_a_schedule(
    unattended: Callable[[str], ModuleType], letters: Taken, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = unattended("scheduled_push")
    monkeypatch.setattr(app, "push_queue", Taken())

    @SETTINGS
    @given(near(*PUSHES) | JSON)
    @example("\ud800")
    def check(event: Any) -> None:
        with bounded():
            app.handler(event, Context())
        assert app.push_queue.messages == []
        letters.check_letters()

    check()
