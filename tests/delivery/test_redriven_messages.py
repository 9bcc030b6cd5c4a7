"""What a redrive puts on the push queues: the push under its own ID, in its group, as SQS takes it."""

import json
from uuid import UUID

import httpx
import pytest

from kii_push.common import aws
from kii_push.dead_letters.actions import DeadLetters
from kii_push.errors import NoAnswer, Outcome, kii_error
from kii_push.push.request import Origin, parse
from kii_push.queues.sqs import OutgoingMessage, as_message
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.letters import put
from tests.delivery.push_requests import BROADCAST, as_text, body, queued, without_id
from tests.doubles.scripted_kii import ScriptedKii, fail
from tests.support import Queue, ample_time


def test_a_push_keeps_the_id_that_the_ledger_knows(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    put(dead_letters, (without_id(), kii_error(404, "USER_NOT_FOUND")))
    letters.redrive("rejected USER_NOT_FOUND", ample_time)
    (message,) = queue.messages()
    assert json.loads(message["Body"])["id"] == "sqs-1"


@pytest.mark.parametrize("unreadable", ["{", "[]", "[" * 100_000, '{"id":5}'])
def test_what_cannot_be_read_goes_back_as_it_is(
    letters: DeadLetters, dead_letters: Queue, queue: Queue, unreadable: str
) -> None:
    dead_letters.send(OutgoingMessage(unreadable))
    assert letters.redrive("exhausted", ample_time).put_back == 1
    assert [each["Body"] for each in queue.messages()] == [unreadable]


def test_what_sqs_gave_up_keeps_its_message_id_and_may_have_any_attributes(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    sent = aws.sqs().send_message(
        QueueUrl=dead_letters.url,
        MessageBody=without_id(),
        MessageAttributes={"trace": {"DataType": "Binary", "BinaryValue": b"\x00"}},
    )
    assert letters.redrive("exhausted", ample_time).put_back == 1
    (message,) = queue.messages()
    assert json.loads(message["Body"])["id"] == sent["MessageId"]
    assert UUID(sent["MessageId"])


def test_what_sqs_moves_is_not_what_its_sender_says_it_is(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    found = aws.sqs().get_queue_attributes(QueueUrl=dead_letters.url, AttributeNames=["QueueArn"])
    policy = {"deadLetterTargetArn": found["Attributes"]["QueueArn"], "maxReceiveCount": 1}
    aws.sqs().set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": json.dumps(policy)})
    queue.send(OutgoingMessage(as_text("a"), attributes={"outcome": "unknown", "pushID": "another"}))
    (message,) = queue.messages()
    queue.hide(message["ReceiptHandle"], 0)
    assert not queue.messages()
    (group,) = letters.causes(ample_time).groups
    assert (group.cause, group.examples) == ("exhausted", ["a"])


@pytest.mark.parametrize("own_id", ["a", None])
def test_a_failed_invocation_goes_back_as_the_push_it_was(
    letters: DeadLetters, dead_letters: Queue, queue: Queue, own_id: str | None
) -> None:
    push = {key: value for key, value in body("a").items() if key != "id" or own_id}
    failed_invocation = {
        "version": "1.0",
        "requestContext": {"requestId": "request-1", "condition": "RetriesExhausted"},
        "requestPayload": push,
    }
    dead_letters.send(OutgoingMessage(json.dumps(failed_invocation)))
    (group,) = letters.causes(ample_time).groups
    assert (group.cause, group.examples) == ("fault", [own_id or "request-1"])
    assert letters.redrive("fault", ample_time).put_back == 1
    assert [json.loads(each["Body"]) for each in queue.messages()] == [{**push, "id": own_id or "request-1"}]


def test_letters_of_the_fifo_queue_go_back_to_their_group_in_order(
    letters: DeadLetters, fifo_dead_letters: Queue, fifo_queue: Queue
) -> None:
    ids = [f"p-{number}" for number in range(12)]
    for push_id in ids:
        fifo_dead_letters.send(OutgoingMessage(as_text(push_id), group="one"))
    listing = letters.causes(ample_time)
    assert (listing.count, listing.about, listing.complete) == (10, 12, False)
    assert letters.redrive("exhausted", ample_time).put_back == 12
    found: list[str] = []
    while len(found) < 12:
        messages = fifo_queue.messages()
        assert messages
        assert {each["Attributes"]["MessageGroupId"] for each in messages} == {"one"}
        found += [json.loads(each["Body"])["id"] for each in messages]
        fifo_queue.delete_batch(each["ReceiptHandle"] for each in messages)
    assert found == ids


def test_a_letter_is_not_taken_for_the_message_that_its_fifo_queue_had_before(
    letters: DeadLetters, fifo_dead_letters: Queue, fifo_queue: Queue
) -> None:
    push = as_message(body("a"))
    fifo_queue.send(OutgoingMessage(push, group="one"))
    assert fifo_queue.drain() == [push]
    fifo_dead_letters.send(OutgoingMessage(push, group="one"))
    assert letters.redrive("exhausted", ample_time).put_back == 1
    assert fifo_queue.drain() == [push]


def test_a_letter_of_the_standard_queue_goes_back_there_with_its_group(
    letters: DeadLetters, dead_letters: Queue, queue: Queue, fifo_queue: Queue
) -> None:
    dead_letters.send(OutgoingMessage(as_text("a"), group="tenant"))
    assert letters.redrive("exhausted", ample_time).put_back == 1
    (message,) = queue.messages()
    assert message["Attributes"]["MessageGroupId"] == "tenant"
    assert not fifo_queue.messages()


def test_what_sqs_does_not_take_raw_goes_back_escaped(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    said = "\ufffe\uffff あ 🎉"
    text = as_text("a", said)
    assert text.isascii()
    put(dead_letters, (text, NoAnswer("timeout")), (as_text("b"), NoAnswer("timeout")))
    result = letters.redrive("unknown", ample_time)
    assert (result.put_back, result.failed) == (2, 0)
    found = {json.loads(each["Body"])["id"]: json.loads(each["Body"]) for each in queue.messages()}
    assert found == {"a": body("a", said, onUnknown="resend"), "b": body("b", onUnknown="resend")}


def test_a_long_japanese_push_stays_as_long_as_the_queues_function_takes(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    said = "通知" * 40_000
    put(dead_letters, (json.dumps(body("a", said), ensure_ascii=False), NoAnswer("timeout")))
    assert letters.redrive("unknown", ample_time).put_back == 1
    (message,) = queue.messages()
    assert parse(message["Body"], default_id="unused").message["data"] == {"msg": said}


def test_a_letter_that_its_queue_refuses_stays_the_others_go_back(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    queue.limit(1024)
    put(
        dead_letters,
        (as_text("a", text="long" * 1000), NoAnswer("timeout")),
        (as_text("b"), NoAnswer("timeout")),
    )
    result = letters.redrive("unknown", ample_time)
    assert (result.put_back, result.failed, result.complete) == (1, 1, True)
    assert [json.loads(each["Body"])["id"] for each in queue.messages()] == ["b"]
    assert [group.examples for group in letters.causes(ample_time).groups] == [["a"]]


def test_a_push_goes_back_to_the_queue_it_came_from(
    letters: DeadLetters,
    dead_letters: Queue,
    queue: Queue,
    fifo_queue: Queue,
    broadcast_queue: Queue,
) -> None:
    put(dead_letters, (as_text("a"), NoAnswer("timeout")), queue=queue.name)
    put(dead_letters, (as_text("b"), NoAnswer("timeout")), queue=fifo_queue.name, group="one")
    of_a_broadcast = as_text("broadcast:sale:1", broadcast="sale")
    by_the_shop = Origin("broadcast", "the shop")
    put(
        dead_letters,
        (of_a_broadcast, NoAnswer("timeout")),
        queue=broadcast_queue.name,
        origin=by_the_shop,
    )

    assert letters.redrive("unknown", ample_time).put_back == 3

    found = {each.name: each.messages() for each in (queue, fifo_queue, broadcast_queue)}
    ids = {name: [json.loads(each["Body"])["id"] for each in messages] for name, messages in found.items()}
    assert ids == {queue.name: ["a"], fifo_queue.name: ["b"], broadcast_queue.name: ["broadcast:sale:1"]}
    [in_order] = found[fifo_queue.name]
    assert in_order["Attributes"]["MessageGroupId"] == "one"
    [broadcast] = found[broadcast_queue.name]
    assert broadcast["MessageAttributes"]["sender"]["StringValue"] == "the shop"


def test_a_letter_of_the_release_before_goes_where_its_push_is_taken(
    letters: DeadLetters, dead_letters: Queue, queue: Queue, broadcast_queue: Queue
) -> None:
    """It does not say which queue it came from."""
    put(dead_letters, (as_text("a"), NoAnswer("timeout")))
    of_a_broadcast = as_text("sale:1", broadcast="sale")
    put(dead_letters, (of_a_broadcast, NoAnswer("timeout")), origin=BROADCAST)

    assert letters.redrive("unknown", ample_time).put_back == 2

    assert [json.loads(each)["id"] for each in queue.drain()] == ["a"]
    assert [json.loads(each)["id"] for each in broadcast_queue.drain()] == ["sale:1"]


def test_a_push_without_an_id_that_sqs_itself_puts_back_is_not_sent_twice(
    unattended: UnattendedDelivery, dead_letters: Queue, kii: ScriptedKii
) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert unattended.deliver(queued(without_id(), "sqs-1")) == Settlement(Outcome.UNKNOWN)
    [letter] = dead_letters.drain()
    assert json.loads(letter)["id"] == "sqs-1"

    # SQS's own redrive gives it a new message ID.
    assert unattended.deliver(queued(letter, "sqs-2")) == Settlement(Outcome.UNKNOWN)

    assert not kii.sent
