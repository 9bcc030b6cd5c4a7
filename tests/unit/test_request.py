"""The push request: what each door may say, which field is wrong with the rest."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from kii_push.errors import InvalidRequest
from kii_push.kii.identifiers import Scope
from kii_push.push import request
from kii_push.push.request import Door, Origin, PushRequest, TopicTarget, UserTarget

BOB = {"user": "LOGIN_NAME:bob"}
MESSAGE = {"data": {"order": "42"}, "gcm": {"enabled": True}, "apns": {"enabled": True}}
REQUEST: Mapping[str, Any] = {"target": BOB, "message": MESSAGE}
SECRET_TEXT = "for bob's eyes"


def read(door: Door = "queue", **changes: Any) -> PushRequest:
    return request.parse(json.dumps({**REQUEST, **changes}), default_id="default", origin=Origin(door))


def test_the_example_of_the_contract_is_read_in_full() -> None:
    push = request.parse(
        """{"id": "order-42-shipped",
            "target": {"user": "LOGIN_NAME:bob"},
            "message": {"data": {"order": "42"}, "gcm": {"enabled": true},
                        "apns": {"enabled": true, "alert": {"body": "Shipped"}}},
            "notAfter": "2026-12-01T09:00:00Z",
            "onUnknown": "resend"}""",
        default_id="unused",
    )

    assert push == PushRequest(
        id="order-42-shipped",
        target=UserTarget("LOGIN_NAME:bob"),
        message={
            "data": {"order": "42"},
            "gcm": {"enabled": True},
            "apns": {"enabled": True, "alert": {"body": "Shipped"}},
        },
        # Written down: another one would make pushes that wait on a queue conflict with themselves.
        fingerprint="cc56eefb35ac5a43cf2c98374d45f40f0874aa097c6ee5e73a83f14d58a4d223",
        fingerprint_before_v="042af352d8e4d0e60482848629f47846b16cd970d66c40796e0dc62043419f39",
        not_after=datetime(2026, 12, 1, 9, tzinfo=UTC),
        on_unknown="resend",
    )


def test_an_unknown_field_is_named_so_that_it_fits_a_log_line() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("queue", **{"Your\ncode is 4711: " + "x" * 10_000: 1})
    [violation] = caught.value.violations
    assert violation.reason == "is not a known field"
    assert len(violation.field) < 100
    assert violation.field.isprintable()


def test_a_schedule_must_name_its_push() -> None:
    with pytest.raises(InvalidRequest, match=r"id: must be given by a schedule; .*scheduled-time"):
        request.from_json({"target": {"user": "u-1"}, "message": {}}, default_id=None)


def test_what_is_left_out_has_the_defaults_of_the_contract() -> None:
    push = read()

    assert push.id == "default"
    assert push.not_after is None
    assert push.on_unknown == "hold"
    assert push.broadcast is None


@pytest.mark.parametrize(
    ("fields", "lacking"),
    [
        ({"target": {"topic": "news"}}, {"confirm"}),
        ({"target": {"topic": "news"}, "confirm": False}, {"confirm"}),
        ({"target": {"topic": "news"}, "confirm": True}, set()),
        ({"target": {"topic": "news", "group": "team"}}, set()),
        ({"target": {"user": "u-1"}}, set()),
    ],
)
def test_a_topic_of_the_apps_wants_a_confirm(fields: dict[str, Any], lacking: set[str]) -> None:
    assert read(**fields).lacks_confirm == bool(lacking)


@pytest.mark.parametrize("push_id", ["broadcast:sale-1:7", "sale-1:7"], ids=["now", "release 0.1.0"])
def test_a_push_of_a_broadcast_names_it(push_id: str) -> None:
    assert read("broadcast", id=push_id, broadcast="sale-1").broadcast == "sale-1"


@pytest.mark.parametrize(
    ("door", "push_id"),
    [
        *(("broadcast", push_id) for push_id in ("sale-10:7", "broadcast:sale-10:7", "sale-1", "other")),
        *(
            (door, push_id)
            for door in ("https", "queue", "schedule")
            for push_id in ("broadcast:sale-1:7", "sale-1:7")
        ),
    ],
)
def test_no_other_push_can_be_counted_as_a_broadcasts(door: Door, push_id: str) -> None:
    with pytest.raises(InvalidRequest, match="broadcast: is for the pushes that a broadcast makes"):
        read(door, id=push_id, broadcast="sale-1")


@pytest.mark.parametrize("door", ["https", "queue", "schedule", "broadcast"])
@pytest.mark.parametrize("push_id", ["broadcast:sale-1:7", "schedule:digest:1", "list:0"])
def test_an_id_that_only_the_bundle_gives_is_refused(door: Door, push_id: str) -> None:
    refusal = 'id: must not begin with "broadcast:" or "schedule:" or "list:"'
    with pytest.raises(InvalidRequest, match=refusal):
        read(door, id=push_id)


@pytest.mark.parametrize("push_id", ["Broadcast:1", "my-list:1", "schedule", "broadcasts:1"])
def test_an_id_that_only_resembles_the_bundles_is_the_senders(push_id: str) -> None:
    assert read(id=push_id).id == push_id


@pytest.mark.parametrize("placeholder", ["<aws.scheduler.scheduled-time>", "<aws.scheduler.scheduledtime>"])
def test_an_id_with_a_placeholder_of_the_schedulers_is_refused(placeholder: str) -> None:
    with pytest.raises(InvalidRequest, match=r"id: has a <aws\.scheduler\.\.\.\.>"):
        read("schedule", id=f"digest-{placeholder}")


def test_a_schedules_input_can_be_checked_before_the_scheduler_has_it() -> None:
    push_id = "digest-<aws.scheduler.scheduled-time>"

    assert request.from_json({**REQUEST, "id": push_id}, default_id="unused").id == push_id


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"user": "u-1"}, UserTarget("u-1")),
        ({"topic": "news"}, TopicTarget("news")),
        ({"topic": "news", "group": "team"}, TopicTarget("news", Scope("group", "team"))),
        ({"topic": "news", "user": "EMAIL:b@x.jp"}, TopicTarget("news", Scope("user", "EMAIL:b@x.jp"))),
        (
            {"topic": "news", "thing": "VENDOR_THING_ID:lamp"},
            TopicTarget("news", Scope("thing", "VENDOR_THING_ID:lamp")),
        ),
    ],
)
def test_each_target_is_its_feature_and_scope(target: dict[str, str], expected: object) -> None:
    assert read(target=target).target == expected


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"colour": "red"}, "colour", "not a known field"),
        ({"target": None}, "target", "Expected `object`"),
        ({"message": "hello"}, "message", "Expected `object`"),
        ({"message": [MESSAGE]}, "message", "Expected `object`"),
        ({"id": 42}, "id", "Expected `str`"),
        ({"id": ""}, "id", "1 to 128"),
        ({"id": "x" * 129}, "id", "1 to 128"),
        ({"id": "two words"}, "id", "without spaces"),
        ({"id": "naïve"}, "id", "ASCII"),
        ({"notAfter": 5}, "notAfter", "Expected `datetime`"),
        ({"notAfter": "tomorrow"}, "notAfter", "RFC3339"),
        ({"notAfter": "2026-12-01T09:00:00"}, "notAfter", "timezone"),
        ({"onUnknown": "shrug"}, "onUnknown", "possible values"),
        ({"onUnknown": True}, "onUnknown", "Expected `str`"),
        ({"confirm": "true"}, "confirm", "Expected `bool`"),
        ({"target": {}}, "target", "must name a user"),
        ({"target": {"group": "team"}}, "target", "must name a user"),
        ({"target": {"user": "a", "group": "b"}}, "target", "must name a user"),
        ({"target": {"topic": "t", "user": "a", "group": "b"}}, "target", "(group, user)"),
        ({"target": {"user": 1}}, "target.user", "Expected `str`"),
        ({"target": {"user": "me"}}, "target.user", "'me'"),
        ({"target": {"user": "a/b"}}, "target.user", "slashes"),
        ({"target": {"users": "a"}}, "target.users", "not a known field"),
        ({"target": {"topic": "a.b"}}, "target.topic", "letters"),
        ({"target": {"topic": "t", "group": ".."}}, "target.group", "slashes"),
        ({"target": {"topic": "t", "thing": "VENDOR_THING_ID:"}}, "target.thing", "names nothing"),
        ({"message": {"colour": "red"}}, "message.colour", "not a known field"),
        ({"message": {"data": "flat"}}, "message.data", "Expected `object`"),
        (
            {"message": {"apns": {"enabled": True, "alert": {"title": 1}}}},
            "message.apns.alert.title",
            "`str`",
        ),
        ({"message": {"sendWhen": "yes"}}, "message.sendWhen", "Expected `bool`"),
        ({"message": {"title": "t"}}, "message.body", "must be given"),
        ({"message": {"title": "t", "body": 1}}, "message.body", "Expected `str`"),
        ({"message": {"title": "t", "body": "b", "gcm": {}}}, "message.gcm", "not a known field"),
        (
            {"message": {"title": "t", "body": "b", "networks": ["fcm", "fax"]}},
            "message.networks[1]",
            "possible values",
        ),
    ],
)
def test_a_request_that_is_wrong_in_one_place_is_refused_with_that_place(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**changes)

    [violation] = refused.value.violations
    assert violation.field == field
    assert reason in violation.reason


@pytest.mark.parametrize("missing", ["target", "message"])
def test_a_request_without_target_or_message_is_refused_with_the_one_that_is_missing(missing: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        request.from_json({name: value for name, value in REQUEST.items() if name != missing}, default_id="d")

    [violation] = refused.value.violations
    assert (violation.field, violation.reason) == (missing, "must be given")


@pytest.mark.parametrize("value", [None, 1, "text", [], [REQUEST]])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidRequest, match="Expected `object`"):
        request.from_json(value, default_id="d")


@pytest.mark.parametrize(
    "changes",
    [
        {"onUnknown": SECRET_TEXT},
        {"notAfter": SECRET_TEXT},
        {"id": SECRET_TEXT},
        {"target": {"topic": SECRET_TEXT}},
        {"message": SECRET_TEXT},
        {"message": {"sendWhen": SECRET_TEXT}},
        {"message": {"title": "t", "body": [SECRET_TEXT]}},
        {"message": {"title": "t", "body": "b", "networks": [SECRET_TEXT]}},
    ],
    ids="/".join,
)
def test_a_refusal_never_quotes_a_value(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(**changes)

    assert SECRET_TEXT not in f"{refused.value} {refused.value!r}"


def test_malformed_json_is_refused_as_strictly_as_at_any_door() -> None:
    for text in ('{"target": ', '{"id": "a", "id": "b"}', "[1e999]"):
        with pytest.raises(InvalidRequest, match="the body"):
            request.parse(text, default_id="d")


def test_a_default_id_has_to_be_recordable_too() -> None:
    with pytest.raises(InvalidRequest) as refused:
        request.from_json(dict(REQUEST), default_id="with space")

    assert refused.value.violations[0].field == "id"


def test_a_push_id_is_named_by_the_field_it_came_in() -> None:
    assert request.push_id("a~!" + "x" * 125) == "a~!" + "x" * 125
    with pytest.raises(InvalidRequest, match="Idempotency-Key: must be"):
        request.push_id("", "Idempotency-Key")


@pytest.mark.parametrize("networks", [{}, {"networks": ["mqtt"]}])
def test_the_short_form_stays_as_it_was_said(networks: dict[str, Any]) -> None:
    short = {"title": "Shipped", "body": "Order 42", **networks}

    assert read(message=short).message == short


def test_a_push_expires_when_not_after_has_passed_and_not_before() -> None:
    tokyo = timezone(timedelta(hours=9))
    push = read(notAfter="2026-12-01T09:00:00+09:00")
    limit = datetime(2026, 12, 1, 9, tzinfo=tokyo)

    assert not push.expired(limit - timedelta(seconds=1))
    assert not push.expired(limit)
    assert push.expired(limit + timedelta(microseconds=1))
    assert push.expired(datetime(2026, 12, 1, 0, 0, 1, tzinfo=UTC))


def test_expiry_goes_by_the_clock_on_the_wall() -> None:
    now = datetime.now(UTC)

    assert read(notAfter=(now - timedelta(hours=1)).isoformat()).expired()
    assert not read(notAfter=(now + timedelta(hours=1)).isoformat()).expired()
    assert not read().expired()


@pytest.mark.parametrize(
    "body",
    [
        {"message": MESSAGE},
        {"message": MESSAGE, "target": BOB},
        MESSAGE,
    ],
    ids=["request without its target", "whole request", "Kii's own message"],
)
def test_an_http_body_gets_its_target_from_the_path(body: dict[str, Any]) -> None:
    before = json.dumps(body)

    assert request.merged(body, BOB) == REQUEST
    assert json.dumps(body) == before


def test_an_http_body_keeps_what_else_the_request_says() -> None:
    body = {"message": MESSAGE, "id": "a", "onUnknown": "resend"}

    assert request.merged(body, BOB) == {**body, "target": BOB}


def test_an_http_body_for_another_target_than_the_path_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="target: is not the one in the path"):
        request.merged({"message": MESSAGE, "target": {"user": "alice"}}, BOB)


@pytest.mark.parametrize("body", [None, 1, "text", [MESSAGE]])
def test_an_http_body_that_is_no_object_is_refused_as_the_message(body: object) -> None:
    with pytest.raises(InvalidRequest, match=r"message: Expected `object`"):
        request.from_json(request.merged(body, BOB), default_id="d")
