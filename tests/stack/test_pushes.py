"""GET /pushes/{pushID}: what became of a push, whichever door it came through."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from tests.mqtt_pushes import PATH_TO_BOB, message, to_bob
from tests.support import wait_until

if TYPE_CHECKING:
    from local.device import Device
    from local.doors import Doors
    from tests.support import Sandbox


def record(doors: "Doors", push_id: str) -> dict[str, Any]:
    """Return what is known of a push, without the times and the sender that every record has."""
    answer = doors.http.get(f"/pushes/{push_id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    begun, updated = (datetime.fromisoformat(found.pop(name)) for name in ("createdAt", "updatedAt"))
    assert begun <= updated <= datetime.now(UTC) < begun + timedelta(minutes=2)
    assert found.pop("sender")
    return found


@pytest.mark.usefixtures("device")
def test_sent(doors: "Doors") -> None:
    push_id = uuid4().hex
    answer = doors.post(PATH_TO_BOB, message(a=1), **{"Idempotency-Key": push_id})

    assert record(doors, push_id) == {
        "id": push_id,
        "outcome": "sent",
        "attempts": 1,
        "door": "https",
        "pushMessageID": answer.json()["pushMessageID"],
    }


def test_rejected_by_kii(doors: "Doors") -> None:
    push_id = uuid4().hex
    path = "/users/LOGIN_NAME:nobody/push/messages"
    assert doors.post(path, message(a=1), **{"Idempotency-Key": push_id}).status_code == 404

    found = record(doors, push_id)

    assert (found["outcome"], found["errorCode"]) == ("rejected", "USER_NOT_FOUND")


def test_from_the_queue(doors: "Doors", device: "Device") -> None:
    push_id = f"order:{uuid4().hex}"
    doors.enqueue(json.dumps({"id": push_id, **to_bob(door="queue")}))
    assert device.wait_for(door="queue", within=20)

    assert wait_until(lambda: record(doors, push_id)["outcome"] == "sent", within=20)
    assert record(doors, push_id)["attempts"] == 1


def test_unknown(doors: "Doors", device: "Device", sandbox: "Sandbox") -> None:
    push_id = uuid4().hex
    # With the first push goes the login: a fault that is for the send would hit a token of before the reset.
    assert doors.post(PATH_TO_BOB, message(a=1)).status_code == 201
    sandbox.fail_sends(drop="after", times=1)

    answer = doors.post(PATH_TO_BOB, message(cut="after"), **{"Idempotency-Key": push_id})

    assert answer.status_code == 504
    assert device.wait_for(cut="after"), "Kii took it all the same"
    found = record(doors, push_id)
    assert (found["outcome"], found["attempts"]) == ("unknown", 1)
    assert found["reason"]


def test_in_flight(doors: "Doors", device: "Device", sandbox: "Sandbox") -> None:
    push_id = uuid4().hex
    sandbox.fail_sends(delayMs=3000)
    doors.enqueue(json.dumps({"id": push_id, **to_bob(slow="yes")}))
    assert wait_until(lambda: doors.http.get(f"/pushes/{push_id}").status_code == 200, within=20)

    expected = {"id": push_id, "outcome": "in_flight", "attempts": 1, "door": "queue"}
    assert record(doors, push_id) == expected

    assert device.wait_for(slow="yes", within=20)
    assert wait_until(lambda: record(doors, push_id)["outcome"] == "sent", within=20)


def test_unheard_of(doors: "Doors") -> None:
    answer = doors.http.get("/pushes/no-such-push")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "no-such-push" in answer.json()["detail"]
