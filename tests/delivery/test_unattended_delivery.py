"""The queue and schedule doors: done, dead-lettered with the reason, or to come back."""

import httpx
import pytest

from kii_push.errors import Outcome
from kii_push.push.delivery import Delivery
from kii_push.queues.sqs import OutgoingMessage
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.push_requests import as_text, queued, without_id
from tests.doubles.scripted_kii import ScriptedKii, answer, fail
from tests.support import Queue


def test_a_sent_push_is_done_and_a_repeated_one_too(
    kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: Queue
) -> None:
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.SENT)
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.DUPLICATE)
    assert len(kii.sent) == 1
    assert not dead_letters.messages()


def test_a_push_without_an_id_takes_the_messages(unattended: UnattendedDelivery, kii: ScriptedKii) -> None:
    assert unattended.deliver(queued(without_id())).outcome == Outcome.SENT
    assert unattended.deliver(queued(without_id())).outcome == Outcome.DUPLICATE
    assert unattended.deliver(queued(without_id(), "sqs-2")).outcome == Outcome.SENT
    assert len(kii.sent) == 2


def test_a_push_that_must_name_itself_is_dead_lettered_without_an_id(
    unattended: UnattendedDelivery, kii: ScriptedKii, dead_letters: Queue
) -> None:
    assert unattended.deliver(queued(without_id(), "invocation-1", needs_id=True)) == Settlement(
        Outcome.REJECTED
    )
    (message,) = dead_letters.messages()
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert (attributes["field"], attributes["pushID"]) == ("id", "invocation-1")
    assert unattended.deliver(queued(as_text(), "invocation-1", needs_id=True)) == Settlement(Outcome.SENT)
    assert len(kii.sent) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ('{"id": "p-1"', None),
        (as_text(colour="red"), "colour"),
        (as_text(message={"data": {"from": "me"}, "gcm": {"enabled": True}}), "message.data.from"),
    ],
)
def test_a_push_that_can_never_be_sent_is_dead_lettered_as_it_came(
    unattended: UnattendedDelivery, dead_letters: Queue, wrong: str, field: str | None
) -> None:
    assert unattended.deliver(queued(wrong)) == Settlement(Outcome.REJECTED)
    (message,) = dead_letters.messages()
    attributes = {name: each["StringValue"] for name, each in message["MessageAttributes"].items()}
    assert message["Body"] == wrong
    assert attributes["outcome"] == "rejected"
    assert attributes.get("field") == field
    assert attributes["reason"]


def test_kiis_refusal_is_dead_lettered_with_its_code(
    kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: Queue
) -> None:
    kii.answers.append(answer(404, errorCode="USER_NOT_FOUND"))
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.REJECTED)
    (message,) = dead_letters.messages()
    assert message["MessageAttributes"]["errorCode"]["StringValue"] == "USER_NOT_FOUND"
    assert message["MessageAttributes"]["pushID"]["StringValue"] == "p-1"


def test_what_kii_did_not_take_comes_back(
    kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: Queue
) -> None:
    kii.answers.append(fail(httpx.ConnectError))
    assert unattended.deliver(queued(as_text())) == Settlement(
        Outcome.NOT_SENT, retry=True, retry_after_seconds=10
    )
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.SENT)
    assert not dead_letters.messages()


def test_an_unknown_push_is_held_for_a_person(
    kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: Queue
) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.UNKNOWN)
    (message,) = dead_letters.messages()
    assert message["MessageAttributes"]["outcome"]["StringValue"] == "unknown"


def test_an_unknown_push_comes_back_when_resending_is_asked_for(
    kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: Queue
) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert unattended.deliver(queued(as_text(onUnknown="resend"))) == Settlement(Outcome.UNKNOWN, retry=True)
    assert unattended.deliver(queued(as_text(onUnknown="resend"))) == Settlement(Outcome.SENT)
    assert not dead_letters.messages()


def test_an_expired_push_is_over(unattended: UnattendedDelivery, dead_letters: Queue) -> None:
    assert unattended.deliver(queued(as_text(notAfter="2020-01-01T00:00:00Z"))) == Settlement(Outcome.EXPIRED)
    assert not dead_letters.messages()


def test_a_fault_of_our_own_brings_the_push_back_and_is_logged_without_its_words(
    kii: ScriptedKii, unattended: UnattendedDelivery, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(_: httpx.Request) -> None:
        raise ValueError("secret words")

    kii.before = crash
    assert unattended.deliver(queued(as_text())) == Settlement(None, retry=True)
    logged = str([vars(record) for record in caplog.records])
    assert "ValueError" in logged
    assert "secret words" not in logged


def test_a_dead_letter_queue_out_of_reach_brings_the_push_back(
    delivery: Delivery, dead_letters: Queue
) -> None:
    unattended = UnattendedDelivery(delivery, dead_letters.missing())
    assert unattended.deliver(queued("{")) == Settlement(None, retry=True)


def test_a_schedules_push_goes_to_the_queue_with_a_delay(queue: Queue) -> None:
    queue.send(OutgoingMessage("now"))
    queue.send(OutgoingMessage("much later", delay_seconds=10_000))
    assert [each["Body"] for each in queue.messages()] == ["now"]
