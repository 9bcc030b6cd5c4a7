"""The broadcast request, and the push it makes for each recipient."""

from typing import Any

import pytest

from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.request import Job, RecipientShape
from kii_push.errors import InvalidRequest
from kii_push.message.rules import Message
from kii_push.push import request as push_request
from kii_push.push.preflight import Preflight
from kii_push.push.request import PushRequest, UserTarget
from tests.delivery.push_requests import BROADCAST

# The network without a limit.
JPUSH = {"jpush": {"enabled": True}, "gcm": {"enabled": False}, "apns": {"enabled": False}}
SHORT = {"title": "Sale", "body": "Today"}


def read(confirm_above: int = 100, **fields: Any) -> broadcast_request.BroadcastRequest:
    return broadcast_request.from_json(
        fields, default_id="sale", confirm_above=confirm_above, preflight=Preflight()
    )


def push_for(job: Job, recipient: str | RecipientShape) -> PushRequest:
    """Return the push as the queue door reads it."""
    return push_request.from_json(job.push(7, recipient), default_id="unused", origin=BROADCAST)


def kii_body(push: PushRequest) -> Message:
    """Return what the push says to Kii."""
    return Preflight().check(push.message, push.target, "app").body


def test_one_message_goes_to_every_recipient_under_an_id_of_its_own() -> None:
    broadcast = read(message=SHORT, recipients=["LOGIN_NAME:bob"], notAfter="2036-01-01T00:00:00Z")
    push = push_for(broadcast.job, "LOGIN_NAME:bob")
    assert (push.id, push.broadcast, push.target) == (
        "broadcast:sale:7",
        "sale",
        UserTarget("LOGIN_NAME:bob"),
    )
    assert push.not_after
    assert kii_body(push)["fcm"]["notification"] == SHORT


def test_a_template_takes_each_recipients_values() -> None:
    template = {"title": "For ${name}", "body": "$$5 off", "data": {"vip": "${vip}", "n": 1}}
    broadcast = read(template=template, recipients=[{"user": "u-1", "values": {"name": "Bob", "vip": True}}])
    assert broadcast.recipients == [RecipientShape("u-1", {"name": "Bob", "vip": True})]
    push = push_for(broadcast.job, broadcast.recipients[0])
    assert kii_body(push)["apns"]["alert"] == {"title": "For Bob", "body": "$5 off"}
    assert kii_body(push)["data"] == {"vip": "true", "n": 1}


def test_a_message_is_no_template() -> None:
    broadcast = read(message={"title": "${name}", "body": "$5 off"}, recipients=["u-1"])
    push = push_for(broadcast.job, "u-1")
    assert kii_body(push)["apns"]["alert"] == {"title": "${name}", "body": "$5 off"}


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ({"title": "${name}", "body": ""}, r"template\.title: needs the value 'name'"),
        (
            {"gcm": {"enabled": False}, "apns": {"enabled": True, "alert": {"locArgs": ["${x}"]}}},
            r"template\.apns\.alert\.locArgs\[0\]: needs",
        ),
    ],
)
def test_a_template_without_its_value_names_the_field(template: dict[str, Any], reason: str) -> None:
    job = read(template=template, recipients=["u-1"]).job
    with pytest.raises(InvalidRequest, match=reason):
        job.push(1, "u-1")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"recipients": ["u-1"]}, "message"),
        ({"message": SHORT, "template": SHORT, "recipients": ["u-1"]}, "message"),
        ({"message": SHORT}, "recipients"),
        ({"message": SHORT, "recipients": ["u-1"], "recipientsKey": "x", "confirm": True}, "recipients"),
        ({"message": SHORT, "recipients": []}, "recipients"),
        ({"message": SHORT, "recipients": ["u"] * 10_001, "confirm": True}, "recipients"),
        ({"message": SHORT, "recipients": ["u-1"], "id": "a/b"}, "id"),
        ({"message": SHORT, "recipients": ["u-1"], "id": ".."}, "id"),
        ({"message": SHORT, "recipients": ["u-1"], "colour": 1}, "colour"),
        ({"message": SHORT, "recipientsKey": "lists/x"}, "confirm"),
        ({"message": SHORT, "recipientsKey": "x", "confirm": True}, "recipientsKey"),
        ({"message": SHORT, "recipientsKey": "jobs/x", "confirm": True}, "recipientsKey"),
        ({"message": SHORT, "recipients": ["u-1"] * 101}, "confirm"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.violations[0].field == field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"message": {**SHORT, "colour": 1}}, "message.colour"),
        ({"message": {"data": {"a": 1}}}, "message.gcm"),
        ({"message": {**SHORT, "data": {"from": "x"}}}, "message.data.from"),
        ({"message": {**SHORT, "data": {"text": "x" * 5000}}}, "message.apns"),
        ({"template": {**SHORT, "title": "${name}", "colour": 1}}, "template.colour"),
        ({"template": {**SHORT, "data": {"from": "${name}"}}}, "template.data.from"),
        ({"template": {**SHORT, "body": "$5 off"}}, "template.body"),
        ({"template": {**SHORT, "body": "${x}" * 1_001}}, "template"),
        ({"template": {**JPUSH, "jpush": {"enabled": True, "data": {"m": "x" * 256 * 1024}}}}, "template"),
        ({"message": {**JPUSH, "jpush": {"enabled": True, "data": {"m": "x" * 256 * 1024}}}}, "message"),
    ],
)
def test_what_would_be_refused_for_everybody_is_refused_at_once(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(recipients=["u-1"], **fields)
    assert field in {each.field for each in caught.value.violations}


def test_confirm_lets_a_large_one_through() -> None:
    broadcast = read(message=SHORT, recipientsKey="lists/all.ndjson", confirm=True)
    assert (broadcast.job.recipients_key, broadcast.recipients) == ("lists/all.ndjson", None)
    assert read(message=SHORT, recipients=["u-1"] * 101, confirm=True).recipients


def test_a_line_of_an_object_is_a_string_or_an_object() -> None:
    assert broadcast_request.recipient(b'"u-1"\n') == "u-1"
    assert broadcast_request.recipient(b'{"user": "u-1"}\n') == RecipientShape("u-1")
    for wrong in (
        b"u-1\n",
        b"\n",
        b"\xff\n",
        b"5\n",
        b'{"values": {}}\n',
        b'{"user": "u", "values": {"a": []}}',
    ):
        with pytest.raises(InvalidRequest):
            broadcast_request.recipient(wrong)


def test_a_user_who_cannot_be_addressed_is_refused() -> None:
    job = read(message=SHORT, recipients=["me"]).job
    with pytest.raises(InvalidRequest, match="user"):
        job.push(1, "me")
