"""Trying a push out: what Kii is asked, what is reported, and what is refused as a real send would be."""

from typing import Any

import pytest
from msgspec import to_builtins

from kii_push.errors import Expired, InvalidRequest, KiiError
from kii_push.push import dry_run, request
from kii_push.push.preflight import Preflight
from tests.doubles.mock_kii import MockKii, ok, refusal

ALL = {"fcm", "gcm", "apns", "jpush", "mqtt"}
USER = {"user": "LOGIN_NAME:bob"}


def device(type_: str, **more: Any) -> dict[str, Any]:
    return {"installationID": "i", "deviceType": type_, "installationRegistrationID": "token", **more}


DEVICES = [
    device("ANDROID"),
    device("ANDROID", development=True),
    device("IOS", development=False),
    device("IOS"),
    device("MQTT"),
    device("NEWER_THAN_THIS"),
]


def message(*networks: str, **more: Any) -> dict[str, Any]:
    return {"data": {"n": "1"}, **{name: {"enabled": True} for name in networks}, **more}


def reported(mock: MockKii, value: dict[str, Any]) -> Any:
    """Return the report on a push request as it goes over the wire."""
    push = request.from_json(value, default_id="k")
    return to_builtins(dry_run.report(push, mock.client(), Preflight()))


def counts(report: Any) -> dict[str, int]:
    return {name: use["installations"] for name, use in report["networks"].items()}


def test_for_a_user_kii_is_asked_who_he_is_and_what_he_has() -> None:
    mock = MockKii()
    mock.gives(ok({"userID": "u-1"}), ok({"installations": DEVICES}))

    report = reported(mock, {"target": USER, "message": message("apns", "jpush", mqtt={"enabled": False})})

    assert mock.calls == ["GET /users/LOGIN_NAME:bob", "GET /installations?userID=u-1"]
    assert report == {
        "id": "k",
        "dryRun": True,
        "networks": {
            "apns": {"bytes": 18, "limit": 2048, "installations": 2},
            "jpush": {"bytes": report["networks"]["jpush"]["bytes"], "limit": None, "installations": 0},
        },
    }
    assert "token" not in str(report)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (message("gcm"), {"gcm": 2}),
        (message("fcm"), {"fcm": 2}),
        (message("gcm", "fcm"), {"fcm": 2, "gcm": 0}),
        (message("gcm", "apns", sendToDevelopment=False), {"gcm": 1, "apns": 2}),
        (message("gcm", "apns", sendToProduction=False), {"gcm": 1, "apns": 0}),
        (message("mqtt", "jpush", sendToProduction=False, sendToDevelopment=False), {"mqtt": 0, "jpush": 0}),
    ],
)
def test_it_counts_the_devices_that_the_message_would_reach(body: Any, expected: dict[str, int]) -> None:
    mock = MockKii()
    mock.gives(ok({"userID": "u-1"}), ok({"installations": DEVICES}))

    assert counts(reported(mock, {"target": USER, "message": body})) == expected


def test_for_a_topic_kii_is_asked_whether_it_exists_and_no_devices_are_counted() -> None:
    mock = MockKii()
    mock.gives(ok())

    report = reported(mock, {"target": {"topic": "news", "group": "team"}, "message": message("mqtt")})

    assert mock.calls == ["GET /groups/team/topics/news"]
    assert set(report["networks"]["mqtt"]) == {"bytes", "limit"}


@pytest.mark.parametrize(
    ("change", "question", "used"),
    [
        ({"object": {"a": 1}}, "GET /users/u/topics", {"characters": 7, "limit": 65_534}),
        (
            {"object": {"a": "ä"}, "objectID": "o-1"},
            "GET /users/u/topics",
            {"characters": 9, "limit": 65_534},
        ),
        (
            {"object": {}, "objectID": "o-1", "operation": "update"},
            "GET /users/u/buckets/readings/objects/o-1",
            {"characters": 2, "limit": 65_534},
        ),
        ({"objectID": "o-1", "operation": "delete"}, "GET /users/u/buckets/readings/objects/o-1", None),
    ],
)
def test_for_a_bucket_kii_is_asked_for_what_the_change_needs(
    change: dict[str, Any], question: str, used: dict[str, int] | None
) -> None:
    mock = MockKii()
    mock.gives(ok({"topics": []}))

    report = reported(mock, {"target": {"bucket": "readings", "user": "u"}, **change})

    assert mock.calls == [question]
    assert report == {"id": "k", "dryRun": True} | ({"object": used} if used else {})


@pytest.mark.parametrize(
    ("value", "answers", "status", "error_code"),
    [
        (
            {"target": USER, "message": message("mqtt")},
            [refusal(404, "USER_NOT_FOUND")],
            404,
            "USER_NOT_FOUND",
        ),
        (
            {"target": {"topic": "news"}, "message": message("mqtt")},
            [refusal(404, "TOPIC_NOT_FOUND")],
            404,
            "TOPIC_NOT_FOUND",
        ),
        (
            {"target": {"topic": "news", "group": "g"}, "message": message("mqtt")},
            [refusal(404, "GROUP_NOT_FOUND")],
            404,
            "GROUP_NOT_FOUND",
        ),
        (
            {"target": {"bucket": "bb", "thing": "t"}, "object": {}},
            [refusal(404, "THING_NOT_FOUND")],
            404,
            "THING_NOT_FOUND",
        ),
        (
            {"target": {"bucket": "bb"}, "objectID": "o-1", "operation": "delete"},
            [refusal(404, "OBJECT_NOT_FOUND")],
            404,
            "OBJECT_NOT_FOUND",
        ),
    ],
)
def test_what_is_missing_is_refused_as_a_real_send_would_be(
    value: dict[str, Any], answers: list[Any], status: int, error_code: str
) -> None:
    mock = MockKii()
    mock.gives(*answers)

    with pytest.raises(KiiError) as refused:
        reported(mock, value)

    assert (refused.value.status, refused.value.error_code) == (status, error_code)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"target": USER, "message": message("mqtt"), "notAfter": "2020-01-01T00:00:00Z"}, Expired),
        ({"target": USER, "message": {"data": {}}}, InvalidRequest),
        ({"target": {"topic": "t"}, "message": message("apns", data={"x": "x" * 3000})}, InvalidRequest),
        ({"target": {"bucket": "bb"}, "object": {"x": "x" * 65_534}}, InvalidRequest),
    ],
)
def test_what_breaks_a_rule_is_refused_before_kii_is_asked(
    value: dict[str, Any], error: type[Exception]
) -> None:
    mock = MockKii()

    with pytest.raises(error):
        reported(mock, value)

    assert mock.calls == []
