"""The template, deployed: a push through each door reaches a device, and what should not pass is refused."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.mqtt_pushes import PATH_TO_BOB, message, to_bob
from tests.support import dead_letters

if TYPE_CHECKING:
    from local.device import Device
    from local.doors import Doors
    from local.stack import LocalStack
    from tests.support import Sandbox


def test_https(doors: "Doors", device: "Device", sandbox: "Sandbox") -> None:
    answer = doors.post(PATH_TO_BOB, message(door="https"))

    assert answer.status_code == 201
    assert device.wait_for(door="https")
    assert [each["pushMessageID"] for each in sandbox.deliveries()] == [answer.json()["pushMessageID"]]


@pytest.mark.parametrize(
    "scope", ["", "/groups/team", "/users/LOGIN_NAME:bob", "/things/VENDOR_THING_ID:lamp"]
)
def test_https_to_a_topic_in_every_scope(
    doors: "Doors", device: "Device", sandbox: "Sandbox", scope: str
) -> None:
    sandbox.subscribe(scope, "news", device.user_id)

    confirm = "" if scope else "?confirm=true"
    answer = doors.post(f"{scope}/topics/news/push/messages{confirm}", message(scope=scope))

    assert answer.status_code == 201
    assert device.wait_for(scope=scope)


def test_a_topic_of_the_apps_needs_a_confirm_at_every_door(
    stack: "LocalStack", doors: "Doors", device: "Device", sandbox: "Sandbox"
) -> None:
    sandbox.subscribe("", "news", device.user_id)
    path, headers = "/topics/news/push/messages", {"Idempotency-Key": "everybody"}

    tried = doors.post(f"{path}?dryRun=true", message(to="all"))
    refused = doors.post(path, message(to="all"), **headers)
    doors.enqueue(json.dumps({"target": {"topic": "news"}, "message": message(to="all")}))
    [letter] = dead_letters(stack, count=1)

    assert tried.status_code == 200
    assert refused.status_code == 400
    assert [error["field"] for error in refused.json()["errors"]] == ["confirm"]
    assert letter["MessageAttributes"]["field"]["StringValue"] == "confirm"
    assert sandbox.deliveries() == []

    confirmed = doors.post(path, {"message": message(to="all"), "confirm": True}, **headers)

    assert confirmed.status_code == 201
    assert device.wait_for(to="all")


def test_queue(doors: "Doors", device: "Device") -> None:
    doors.enqueue(json.dumps(to_bob(door="queue")))

    assert device.wait_for(door="queue", within=20)


def test_fifo_queue_keeps_the_order(doors: "Doors", device: "Device") -> None:
    doors.enqueue(*(json.dumps(to_bob(n=n)) for n in range(10)), group="bob")

    assert device.wait_for(n=9, within=30)
    assert [each.payload["n"] for each in device.received] == list(range(10))


def test_schedule(doors: "Doors", device: "Device") -> None:
    due = datetime.now(UTC) + timedelta(seconds=2)
    doors.schedule("test", due, to_bob(door="schedule"))

    received = device.wait_for(door="schedule", within=30)

    assert received
    assert received.at >= due.replace(microsecond=0).timestamp()


@pytest.mark.usefixtures("device")
def test_an_unsigned_call_is_refused(stack: "LocalStack", sandbox: "Sandbox") -> None:
    answer = httpx.post(f"{stack.api_url}{PATH_TO_BOB}", json=message(door="https"), trust_env=False)

    assert answer.status_code == 403
    assert sandbox.deliveries() == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"message": ', ""),
        (json.dumps({"message": message(), "colour": "red"}).encode(), "colour"),
        (json.dumps(message(a=["nested"])).encode(), "message.data.a"),
    ],
    ids=["malformed JSON", "unknown field", "broken Kii rule"],
)
def test_bad_input_is_a_problem_that_names_the_field(doors: "Doors", body: bytes, field: str) -> None:
    answer = doors.http.post(PATH_TO_BOB, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_one_bad_message_among_ten_is_dead_lettered_and_nine_arrive(
    stack: "LocalStack", doors: "Doors", device: "Device", sandbox: "Sandbox"
) -> None:
    bodies = [json.dumps(to_bob(n=n)) for n in range(10)]
    bodies[4] = '{"target": '

    ids = doors.enqueue(*bodies)

    for n in (0, 1, 2, 3, 5, 6, 7, 8, 9):
        assert device.wait_for(n=n, within=20)
    [letter] = dead_letters(stack, count=1)
    assert letter["Body"] == bodies[4]
    assert letter["MessageAttributes"]["pushID"]["StringValue"] == ids[4]
    assert "not valid JSON" in letter["MessageAttributes"]["reason"]["StringValue"]
    assert len(sandbox.deliveries()) == 9
