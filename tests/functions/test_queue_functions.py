"""queue_push and scheduled_push, built, under Lambda's own runtime."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.events import example_event
from local.rie import FunctionError
from tests.mqtt_pushes import to_bob

if TYPE_CHECKING:
    from local.device import Device
    from tests.functions.conftest import MakeSecret, Run
    from tests.support import Queue, Sandbox


def batch(*bodies: str) -> dict[str, Any]:
    """Return the event of a batch with these bodies, `message-0` and up."""
    records = [{"messageId": f"message-{index}", "body": body} for index, body in enumerate(bodies)]
    return example_event("queue_push", Records=records)


def test_queue_push_sends_every_message_of_the_batch(run: "Run", device: "Device") -> None:
    answer = run("queue_push").invoke(example_event("queue_push"))

    assert answer == {"batchItemFailures": []}
    assert device.wait_for(order="42")
    assert device.wait_for(body="Order 43")


def test_one_bad_message_among_ten_goes_to_the_dead_letter_queue_and_nine_are_sent(
    run: "Run", device: "Device", sandbox: "Sandbox", dead_letters: "Queue"
) -> None:
    bodies = [json.dumps(to_bob(n=n)) for n in range(10)]
    bodies[4] = json.dumps({**to_bob(n=4), "colour": "red"})
    function = run("queue_push", DEAD_LETTER_QUEUE_URL=dead_letters.url)

    answer = function.invoke(batch(*bodies))

    assert answer == {"batchItemFailures": []}
    for n in (0, 1, 2, 3, 5, 6, 7, 8, 9):
        assert device.wait_for(n=n)
    assert len(sandbox.deliveries()) == 9
    [letter] = dead_letters.messages()
    assert json.loads(letter["Body"]) == {"id": "message-4", **json.loads(bodies[4])}
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["outcome"] == "rejected"
    assert attributes["field"] == "colour"
    assert "not a known field" in attributes["reason"]
    assert attributes["pushID"] == "message-4"


def test_malformed_json_on_the_queue_is_dead_lettered_as_it_came(run: "Run", dead_letters: "Queue") -> None:
    function = run("queue_push", DEAD_LETTER_QUEUE_URL=dead_letters.url)

    assert function.invoke(batch('{"target": ')) == {"batchItemFailures": []}

    [letter] = dead_letters.messages()
    assert letter["Body"] == '{"target": '
    assert "not valid JSON" in letter["MessageAttributes"]["reason"]["StringValue"]


def test_messages_go_back_to_the_queue_while_kii_is_unreachable(
    run: "Run", unreachable_kii: str, dead_letters: "Queue"
) -> None:
    function = run("queue_push", KII_SECRET_ID=unreachable_kii, DEAD_LETTER_QUEUE_URL=dead_letters.url)

    answer = function.invoke(batch(*(json.dumps(to_bob(n=n)) for n in range(10))))

    back = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
    assert back == {f"message-{n}" for n in range(10)}
    assert dead_letters.messages() == []


def test_messages_go_back_to_the_queue_while_the_secret_is_unusable(
    run: "Run", make_secret: "MakeSecret", dead_letters: "Queue"
) -> None:
    name = make_secret('{"appID": "a"}')
    function = run("queue_push", KII_SECRET_ID=name, DEAD_LETTER_QUEUE_URL=dead_letters.url)

    answer = function.invoke(batch(json.dumps(to_bob(n=1))))

    assert answer == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert dead_letters.messages() == []
    log = function.log.read_text()
    assert name in log
    assert "clientID" in log


def test_scheduled_push_sends_its_input(run: "Run", device: "Device", dead_letters: "Queue") -> None:
    function = run("scheduled_push", DEAD_LETTER_QUEUE_URL=dead_letters.url)

    assert function.invoke(example_event("scheduled_push")) is None

    assert device.wait_for(title="Your day")
    assert dead_letters.messages() == []


def test_a_bad_schedule_input_is_dead_lettered_with_the_field(run: "Run", dead_letters: "Queue") -> None:
    function = run("scheduled_push", DEAD_LETTER_QUEUE_URL=dead_letters.url)

    assert function.invoke({**to_bob(n=1), "onUnknown": "shrug"}) is None
    assert function.invoke(to_bob(n=1)) is None
    assert function.invoke([to_bob(n=1)]) is None

    letters = [
        {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
        for letter in dead_letters.messages()
    ]
    assert [each.get("field") for each in letters] == ["onUnknown", "id", None]
    assert "scheduled-time" in letters[1]["reason"], "what to do about it"


def test_a_schedules_push_without_an_id_is_not_sent_whatever_else_fails(
    run: "Run", sandbox: "Sandbox", push_queue: "Queue", dead_letters: "Queue"
) -> None:
    missing = dead_letters.missing().url
    function = run("scheduled_push", PUSH_QUEUE_URL=push_queue.url, DEAD_LETTER_QUEUE_URL=missing)

    with pytest.raises(FunctionError, match="DeliveryFault"):
        function.invoke(to_bob(n=1))

    assert push_queue.messages(within=2) == []
    assert sandbox.deliveries() == []


def test_a_scheduled_push_goes_to_the_push_queue_while_kii_is_unreachable(
    run: "Run", unreachable_kii: str, push_queue: "Queue", dead_letters: "Queue"
) -> None:
    function = run(
        "scheduled_push",
        KII_SECRET_ID=unreachable_kii,
        PUSH_QUEUE_URL=push_queue.url,
        DEAD_LETTER_QUEUE_URL=dead_letters.url,
    )

    request = {"id": "digest-1", **to_bob(n=1)}
    assert function.invoke(request) is None

    # It waits for as long as Kii should be left alone.
    [message] = push_queue.messages(within=20)
    assert json.loads(message["Body"]) == request
    assert dead_letters.messages() == []
