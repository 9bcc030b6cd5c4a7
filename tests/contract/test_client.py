"""The client's sends and failures against the running sandbox, over HTTP and MQTT."""

import httpx
import pytest

from kii_push.errors import (
    KiiError,
    KiiFailed,
    KiiUnavailable,
    KiiUnreachable,
    LoginFailed,
    NoAnswer,
    TooManyRequests,
    WrongToken,
)
from kii_push.kii.identifiers import APP, Principal, Scope
from kii_push.kii.subscriptions import Subscriptions, Topic
from kii_push.kii.topics import Topics
from local.device import Device
from local.process import free_ports
from tests.contract.demo import APP as APP_ID
from tests.contract.demo import PASSWORD, Demo

MESSAGE = {
    "data": {"k": "é"},
    "gcm": {"enabled": False},
    "apns": {"enabled": False},
    "mqtt": {"enabled": True},
}
SEND = "POST /api/apps/demoapp1/users/u-2/push/messages"
SCOPES = [APP, Scope("group", "g-1"), Scope("user", "u-1"), Scope("thing", "t-1")]


def _fault(demo: Demo, rule: dict[str, object], path: str = "*/push/messages") -> None:
    demo.control("PUT", "/faults", [{"match": {"path": path}} | rule])


@pytest.mark.parametrize("user", ["u-2", "LOGIN_NAME:bob", "EMAIL:bob@example.com", "PHONE:+819012345678"])
def test_direct_push_reaches_the_user_by_every_identifier(demo: Demo, user: str) -> None:
    with Device(f"{demo.origin}/api", "bob", PASSWORD, app_id=APP_ID) as device:
        push_message_id = demo.client().send_to_user(user, MESSAGE)
        assert device.wait_for(k="é", sourceURI="kiicloud://users/u-2")
    deliveries = demo.control("GET", "/deliveries")["deliveries"]
    assert [each["pushMessageID"] for each in deliveries] == [push_message_id]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.type or "app")
def test_topic_push_reaches_the_subscriber_in_every_scope(demo: Demo, scope: Scope) -> None:
    kii = demo.client()
    Topics(kii).create("todo", scope)
    Subscriptions(kii).subscribe(Topic("todo", scope), Principal("user", "u-2"))
    with Device(f"{demo.origin}/api", "bob", PASSWORD, app_id=APP_ID) as device:
        assert kii.send_to_topic("todo", MESSAGE, scope)
        assert device.wait_for(k="é", topic="todo")


@pytest.mark.parametrize(
    ("user", "code"), [("nobody", "USER_NOT_FOUND"), ("LOGIN_NAME:a/b", "USER_NOT_FOUND")]
)
def test_refusal_is_kiis(demo: Demo, user: str, code: str) -> None:
    with pytest.raises(KiiError) as caught:
        demo.client().send_to_user(user, MESSAGE)
    assert (caught.value.status, caught.value.error_code) == (404, code)


@pytest.mark.parametrize(
    ("rule", "error"),
    [
        ({"status": 429}, TooManyRequests),
        ({"status": 503, "headers": {"Retry-After": "1"}}, KiiUnavailable),
        ({"status": 500, "body": {"errorCode": "UNDEFINED_ERROR"}}, KiiFailed),
        ({"status": 502}, KiiFailed),
        ({"status": 504}, KiiFailed),
        ({"drop": "before"}, NoAnswer),
        ({"drop": "after"}, NoAnswer),
    ],
)
def test_failed_push_is_made_once(demo: Demo, rule: dict[str, object], error: type[Exception]) -> None:
    _fault(demo, rule)
    kii = demo.client()
    with pytest.raises(error):
        kii.send_to_user("u-2", MESSAGE)
    assert demo.requests().count(SEND) == 1


def test_read_is_made_again_until_it_succeeds(demo: Demo) -> None:
    demo.control(
        "PUT",
        "/faults",
        [
            {"match": {"path": "*/topics/alerts"}, "times": 1, "drop": "before"},
            {"match": {"path": "*/topics/alerts"}, "times": 1, "status": 503},
        ],
    )
    assert Topics(demo.client()).exists("alerts")
    assert demo.requests().count("GET /api/apps/demoapp1/topics/alerts") == 3


def test_token_that_kii_forgot_is_replaced_in_passing(demo: Demo) -> None:
    kii = demo.client()
    assert kii.send_to_user("u-2", MESSAGE)
    demo.control("DELETE", "/state")
    assert kii.send_to_user("u-2", MESSAGE)
    assert demo.requests() == [SEND, SEND]


def test_token_that_is_always_rejected_is_an_error(demo: Demo) -> None:
    _fault(demo, {"status": 403, "body": {"errorCode": "WRONG_TOKEN"}})
    with pytest.raises(WrongToken):
        demo.client().send_to_user("u-2", MESSAGE)
    assert demo.requests().count(SEND) == 2


def test_wrong_credentials_are_a_failed_login(demo: Demo) -> None:
    with pytest.raises(LoginFailed) as caught:
        demo.client(clientSecret="wrong").send_to_user("u-2", MESSAGE)
    assert "wrong" not in caught.value.detail
    assert not demo.requests().count(SEND)


@pytest.mark.parametrize("rule", [{"status": 500}, {"drop": "before"}, {"drop": "after"}])
def test_login_that_fails_is_not_the_pushs_unknown(demo: Demo, rule: dict[str, object]) -> None:
    _fault(demo, rule, "*/oauth2/token")
    with pytest.raises(LoginFailed):
        demo.client().send_to_user("u-2", MESSAGE)


@pytest.mark.parametrize(
    "base_url",
    ["http://127.0.0.1:{port}/api", "https://{origin}/api", "https://{label}.invalid/api"],
    ids=["refused", "no TLS there", "no name"],
)
def test_kii_that_cannot_be_reached_got_nothing(demo: Demo, base_url: str) -> None:
    url = base_url.format(
        port=free_ports(1)[0], origin=httpx.URL(demo.origin).netloc.decode(), label="a" * 64
    )
    with pytest.raises(KiiUnreachable):
        demo.client(baseURL=url).send_to_user("u-2", MESSAGE)
