"""Broadcasts through the deployed bundle: to real devices, in thousands, once, and stopped."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from local.deploy import aws_session, untouched
from local.device import Device
from local.events import example_event
from local.stack import LocalStack
from tests.support import Sandbox, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from local.doors import Doors

# Kii's body, to devices on MQTT only; which line a device was sent is in its data.
TEMPLATE = {
    "data": {"line": "${line}"},
    "gcm": {"enabled": False},
    "apns": {"enabled": False},
    "mqtt": {"enabled": True},
}
MESSAGE = {**TEMPLATE, "data": {"to": "everybody"}}


@pytest.fixture
def alice(stack: LocalStack, sandbox: Sandbox) -> Iterator[Device]:  # noqa: ARG001 (reset before)
    """Alice's device, connected."""
    with Device(stack.kii_url, "alice") as device:
        yield device


@pytest.fixture
def s3(stack: LocalStack) -> Iterator["S3Client"]:
    client = aws_session().client("s3", endpoint_url=stack.endpoint)
    yield client
    client.close()


def broadcast(*recipients: Any, **more: Any) -> dict[str, Any]:
    """Return a broadcast under an ID of its own."""
    return {"id": f"sale-{uuid4().hex}", "message": MESSAGE, "recipients": list(recipients), **more}


def progress(doors: "Doors", broadcast_id: str) -> dict[str, Any]:
    answer = doors.http.get(f"/broadcasts/{broadcast_id}")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def end(doors: "Doors", broadcast_id: str, *, within: float = 30) -> dict[str, Any]:
    """Return the progress of a broadcast once nothing more of it can be sent."""
    seen: list[dict[str, Any]] = []

    def over() -> bool:
        seen.append(progress(doors, broadcast_id))
        return bool(seen[-1]["pending"] == 0)

    # Counting is work for the table that the pushes wait for as well.
    assert wait_until(over, within=within, every=0.5), seen[-1]
    return seen[-1]


def counts(**outcomes: int) -> dict[str, int]:
    names = ("sent", "rejected", "not_sent", "exhausted", "unknown", "expired", "cancelled")
    return dict.fromkeys(names, 0) | outcomes


def lines(sandbox: Sandbox) -> Counter[int]:
    """Return how often each line of a list was sent to a device."""
    return Counter(int(each["payload"]["line"]) for each in sandbox.deliveries())


def recipient(line: int) -> str:
    """Return a line of a list: alice, bob, or with every 250th line one who cannot be sent to."""
    wrong = {
        250: "not JSON",
        500: '{"values": {}}',
        750: '{"user": "me", "values": {"line": 750}}',
        1000: '{"user": "LOGIN_NAME:bob"}',
    }
    if line % 250 == 0:
        unheard_of = json.dumps({"user": "LOGIN_NAME:nobody", "values": {"line": line}})
        return wrong.get(line, unheard_of)
    user = "LOGIN_NAME:alice" if line % 2 else "LOGIN_NAME:bob"
    return json.dumps({"user": user, "values": {"line": line}})


def test_a_template_reaches_every_recipients_device_with_his_values(
    doors: "Doors", alice: Device, device: Device
) -> None:
    event = json.loads(example_event("broadcasts")["body"])
    event["id"] += uuid4().hex

    answer = doors.post("/broadcasts", event)

    assert answer.status_code == 202
    assert answer.json() == {"id": event["id"], "requestID": answer.headers["X-Request-ID"]}
    assert answer.headers["Location"] == f"/broadcasts/{event['id']}"
    assert "Idempotent-Replayed" not in answer.headers
    assert alice.wait_for(title="For Alice", within=30)
    assert device.wait_for(title="For Bob", within=30)
    done = end(doors, event["id"])
    assert (done["status"], done["recipients"]) == ("done", 2)
    assert done["counts"] == counts(sent=2)
    assert doors.http.get(f"/pushes/broadcast:{event['id']}:1").json()["outcome"] == "sent"


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("alice", "device")
def test_a_list_of_thousands_is_sent_once_and_its_bad_lines_are_counted(
    stack: LocalStack, doors: "Doors", sandbox: Sandbox, s3: "S3Client"
) -> None:
    key, number = f"lists/{uuid4().hex}", 2_000
    body = "".join(recipient(line) + "\n" for line in range(1, number + 1))
    s3.put_object(Bucket=stack.outputs.BroadcastBucketName, Key=key, Body=body.encode())
    name = f"all-{uuid4().hex}"
    asked = {"id": name, "template": TEMPLATE, "recipientsKey": key, "confirm": True}

    assert doors.post("/broadcasts", asked).status_code == 202

    done = end(doors, name, within=240)
    assert (done["status"], done["recipients"]) == ("done", number)
    assert done["counts"] == counts(sent=number - 8, rejected=8)
    assert lines(sandbox) == Counter(line for line in range(1, number + 1) if line % 250)
    reasons = [doors.http.get(f"/pushes/broadcast:{name}:{line}").json() for line in range(250, 1251, 250)]
    assert {each["outcome"] for each in reasons} == {"rejected"}
    assert "not valid JSON" in reasons[0]["reason"]
    assert "user" in reasons[1]["reason"]
    assert "user" in reasons[2]["reason"]
    assert "line" in reasons[3]["reason"]
    assert reasons[4]["errorCode"] == "USER_NOT_FOUND"


def test_under_one_id_nothing_is_sent_twice_and_nothing_else(
    doors: "Doors", device: Device, sandbox: Sandbox
) -> None:
    asked = broadcast("LOGIN_NAME:bob", device.user_id)
    assert doors.post("/broadcasts", asked).status_code == 202
    first = end(doors, asked["id"])

    again = doors.post("/broadcasts", asked)
    other = doors.post("/broadcasts", {**asked, "recipients": ["LOGIN_NAME:alice"]})

    assert (again.status_code, again.json()["id"]) == (202, asked["id"])
    assert again.headers["Idempotent-Replayed"] == "true"
    assert other.status_code == 409
    assert other.json()["outcome"] == "rejected"
    # A push that is sent after these was queued after theirs.
    after = broadcast("LOGIN_NAME:bob")
    doors.post("/broadcasts", after)
    end(doors, after["id"])
    assert len(sandbox.deliveries()) == 3
    assert progress(doors, asked["id"]) == first


@pytest.mark.usefixtures("device")
def test_one_without_an_id_is_refused(doors: "Doors", sandbox: Sandbox) -> None:
    asked = broadcast("LOGIN_NAME:bob")
    del asked["id"]

    answer = doors.post("/broadcasts", asked)

    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == ["id"]
    assert sandbox.deliveries() == []


@pytest.mark.usefixtures("device")
def test_a_large_one_needs_to_be_confirmed(doors: "Doors", sandbox: Sandbox) -> None:
    asked = broadcast(*["LOGIN_NAME:bob"] * 101)

    answer = doors.post("/broadcasts", asked)

    assert answer.status_code == 400
    assert [each["field"] for each in answer.json()["errors"]] == ["confirm"]
    assert doors.http.get(f"/broadcasts/{asked['id']}").status_code == 404
    assert sandbox.deliveries() == []


def test_stopped_it_sends_no_more(doors: "Doors", device: Device, sandbox: Sandbox) -> None:
    sandbox.fail_sends(delayMs=500)
    number = 300
    asked = broadcast(*["LOGIN_NAME:bob"] * number, confirm=True)
    doors.post("/broadcasts", asked)
    assert device.wait_for(to="everybody", within=30)

    stopped = doors.http.delete(f"/broadcasts/{asked['id']}")

    assert stopped.status_code == 204
    done = end(doors, asked["id"], within=60)
    assert done["status"] == "stopped"
    assert 0 < done["counts"]["sent"] < number
    assert done["counts"] == counts(sent=done["counts"]["sent"], cancelled=number - done["counts"]["sent"])
    assert len(sandbox.deliveries()) == done["counts"]["sent"]


def test_one_whose_list_is_not_the_same_any_more_has_failed_and_says_where(
    stack: LocalStack, doors: "Doors", s3: "S3Client"
) -> None:
    name, bucket = f"all-{uuid4().hex}", stack.outputs.BroadcastBucketName
    s3.put_object(Bucket=bucket, Key=f"lists/{name}", Body=b'"LOGIN_NAME:bob"\n')
    asked = {"id": name, "message": MESSAGE, "recipientsKey": f"lists/{name}", "confirm": True}
    with untouched(stack.endpoint, "FanOutQueue"):
        assert doors.post("/broadcasts", asked).status_code == 202
        s3.put_object(Bucket=bucket, Key=f"lists/{name}", Body=b'"LOGIN_NAME:alice"\n')

    assert wait_until(lambda: progress(doors, name)["status"] == "failed", within=30)
    assert progress(doors, name)["reason"].endswith("queued were the lines before 1")


def test_a_body_beyond_five_megabytes_is_refused_with_the_limit(doors: "Doors") -> None:
    answer = doors.post("/broadcasts", broadcast("x" * 5_000_000))

    assert answer.status_code == 413
    assert "5000000 are taken" in answer.json()["detail"]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_an_unknown_broadcast_is_404(doors: "Doors", method: str) -> None:
    answer = doors.http.request(method, "/broadcasts/no-such-broadcast")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "no-such-broadcast" in answer.json()["detail"]
