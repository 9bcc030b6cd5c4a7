"""scheduled_push: what its handler does with each end of a push."""

import json
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from kii_push.errors import KiiUnreachable, NoAnswer, PushError, QueueError
from kii_push.push.request import Origin
from kii_push.queues.sqs import OutgoingMessage, Queue
from kii_push.queues.unattended import UnattendedDelivery
from tests import apps
from tests.doubles.delivery import ScriptedDelivery

PUSH = {"target": {"user": "u-1"}, "message": {"title": "Your day", "body": "Three things"}}
WITH_ID = {"id": "digest-1", **PUSH}
CONTEXT: Any = SimpleNamespace(aws_request_id="invocation-1")


class Outbox:
    """A queue that takes messages, or does not answer."""

    name = "pushes"

    def __init__(self, *, answers: bool = True) -> None:
        self.sent: list[OutgoingMessage] = []
        self._answers = answers

    def send(self, message: OutgoingMessage) -> None:
        if not self._answers:
            raise QueueError("the queue did not answer")
        self.sent.append(message)


@pytest.fixture
def pushes() -> Outbox:
    """The push queue."""
    return Outbox()


@pytest.fixture
def app(pushes: Outbox, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    app = apps.load("scheduled_push", monkeypatch)
    monkeypatch.setattr(app, "push_queue", pushes)
    monkeypatch.setattr(app, "calls", SimpleNamespace(write=lambda: None))
    return app


def run(
    app: ModuleType, event: Any, end: PushError | None = None, dead_letters: Outbox | None = None
) -> ScriptedDelivery:
    """Run the handler; pushes come to this end."""
    delivery = ScriptedDelivery(end)
    vars(app)["delivery"] = UnattendedDelivery(delivery, cast("Queue", dead_letters or Outbox()))
    app.handler(event, CONTEXT)
    return delivery


def test_a_push_is_sent_and_its_door_is_on_record(app: ModuleType, pushes: Outbox) -> None:
    [request] = run(app, WITH_ID).requests
    assert (request.id, request.origin) == ("digest-1", Origin("schedule"))
    assert not pushes.sent


def test_what_kii_did_not_take_goes_to_the_push_queue(app: ModuleType, pushes: Outbox) -> None:
    run(app, WITH_ID, KiiUnreachable("no connection"))
    [message] = pushes.sent
    assert (json.loads(message.body), message.delay_seconds) == (WITH_ID, 10)


def test_a_push_without_an_id_is_a_dead_letter(app: ModuleType, pushes: Outbox) -> None:
    dead_letters = Outbox()
    assert not run(app, PUSH, dead_letters=dead_letters).requests
    [letter] = dead_letters.sent
    assert letter.attributes["field"] == "id"
    assert not pushes.sent


@pytest.mark.parametrize(("event", "end"), [(PUSH, None), (WITH_ID, NoAnswer("timeout"))])
def test_while_the_dead_letter_queue_does_not_answer_nothing_goes_to_the_push_queue(
    app: ModuleType, pushes: Outbox, event: dict[str, Any], end: PushError | None
) -> None:
    """Lambda runs the function again, and keeps the event in the end."""
    with pytest.raises(app.DeliveryFault):
        run(app, event, end, Outbox(answers=False))
    assert not pushes.sent
