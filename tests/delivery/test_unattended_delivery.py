"""The queue and schedule doors: done, dead-lettered with the reason, or to come back."""

import json

import httpx
import pytest

from kii_push.errors import Outcome
from kii_push.push.delivery import Delivery
from kii_push.queues.sqs import enqueue
from kii_push.queues.unattended import Settlement, settle
from tests.delivery.conftest import Kii, body
from tests.delivery.test_delivery import answer, fail
from tests.support import Queue


def text(**more: object) -> str:
    return json.dumps(body(**more))  # type: ignore[arg-type]


def test_a_sent_push_is_done_and_a_repeated_one_too(kii: Kii, pushes: Delivery, dead_letters: Queue) -> None:
    assert settle(text(), "sqs-1", pushes) == Settlement(Outcome.SENT)
    assert settle(text(), "sqs-1", pushes) == Settlement(Outcome.DUPLICATE)
    assert len(kii.sent) == 1
    assert not dead_letters.messages()


def test_a_push_without_an_id_takes_the_messages(pushes: Delivery, kii: Kii) -> None:
    nameless = json.dumps({key: value for key, value in body().items() if key != "id"})
    assert settle(nameless, "sqs-1", pushes).outcome == Outcome.SENT
    assert settle(nameless, "sqs-1", pushes).outcome == Outcome.DUPLICATE
    assert settle(nameless, "sqs-2", pushes).outcome == Outcome.SENT
    assert len(kii.sent) == 2


def test_a_push_that_must_name_itself_is_dead_lettered_without_an_id(
    pushes: Delivery, kii: Kii, dead_letters: Queue
) -> None:
    nameless = json.dumps({key: value for key, value in body().items() if key != "id"})
    assert settle(nameless, "invocation-1", pushes, own_id=True) == Settlement(Outcome.REJECTED)
    (message,) = dead_letters.messages()
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert (attributes["field"], attributes["pushID"]) == ("id", "invocation-1")
    assert settle(text(), "invocation-1", pushes, own_id=True) == Settlement(Outcome.SENT)
    assert len(kii.sent) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ('{"id": "p-1"', None),
        (text(colour="red"), "colour"),
        (text(message={"data": {"from": "me"}, "gcm": {"enabled": True}}), "message.data.from"),
    ],
)
def test_a_push_that_can_never_be_sent_is_dead_lettered_as_it_came(
    pushes: Delivery, dead_letters: Queue, wrong: str, field: str | None
) -> None:
    assert settle(wrong, "sqs-1", pushes) == Settlement(Outcome.REJECTED)
    (message,) = dead_letters.messages()
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert message["Body"] == wrong
    assert attributes["outcome"] == "rejected"
    assert attributes.get("field") == field
    assert attributes["reason"]


def test_kiis_refusal_is_dead_lettered_with_its_code(kii: Kii, pushes: Delivery, dead_letters: Queue) -> None:
    kii.answers.append(answer(404, errorCode="USER_NOT_FOUND"))
    assert settle(text(), "sqs-1", pushes) == Settlement(Outcome.REJECTED)
    (message,) = dead_letters.messages()
    assert message["MessageAttributes"]["errorCode"]["StringValue"] == "USER_NOT_FOUND"
    assert message["MessageAttributes"]["pushID"]["StringValue"] == "p-1"


def test_what_kii_did_not_take_comes_back(kii: Kii, pushes: Delivery, dead_letters: Queue) -> None:
    kii.answers.append(fail(httpx.ConnectError))
    assert settle(text(), "sqs-1", pushes) == Settlement(Outcome.NOT_SENT, again=True, retry_after=10)
    assert settle(text(), "sqs-1", pushes) == Settlement(Outcome.SENT)
    assert not dead_letters.messages()


def test_an_unknown_push_is_held_for_a_person(kii: Kii, pushes: Delivery, dead_letters: Queue) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert settle(text(), "sqs-1", pushes) == Settlement(Outcome.UNKNOWN)
    (message,) = dead_letters.messages()
    assert message["MessageAttributes"]["outcome"]["StringValue"] == "unknown"


def test_an_unknown_push_comes_back_when_resending_is_asked_for(
    kii: Kii, pushes: Delivery, dead_letters: Queue
) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert settle(text(onUnknown="resend"), "sqs-1", pushes) == Settlement(Outcome.UNKNOWN, again=True)
    assert settle(text(onUnknown="resend"), "sqs-1", pushes) == Settlement(Outcome.SENT)
    assert not dead_letters.messages()


def test_an_expired_push_is_over(pushes: Delivery, dead_letters: Queue) -> None:
    assert settle(text(notAfter="2020-01-01T00:00:00Z"), "sqs-1", pushes) == Settlement(Outcome.EXPIRED)
    assert not dead_letters.messages()


def test_a_fault_of_our_own_brings_the_push_back_and_is_logged_without_its_words(
    kii: Kii, pushes: Delivery, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_: httpx.Request) -> None:
        raise ValueError("secret words")

    kii.before = crash
    assert settle(text(), "sqs-1", pushes) == Settlement(None, again=True)
    logged = str([vars(record) for record in caplog.records])
    assert "ValueError" in logged
    assert "secret words" not in logged


def test_a_dead_letter_queue_out_of_reach_brings_the_push_back(
    pushes: Delivery, monkeypatch: pytest.MonkeyPatch, queue: Queue
) -> None:
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", queue.url + "-missing")
    assert settle("{", "sqs-1", pushes) == Settlement(None, again=True)


def test_a_schedules_push_goes_to_the_queue_with_a_delay(queue: Queue) -> None:
    enqueue("now", 0)
    enqueue("much later", 10_000)
    assert [each["Body"] for each in queue.messages()] == ["now"]
