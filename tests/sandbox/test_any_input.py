"""Whatever it is sent, the sandbox answers in Kii's shape and stands."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.kii import Kii

BODIES = {
    "/oauth2/token": "grant_type client_id client_secret username password refresh_token code expiresAt",
    "/users": "loginName emailAddress phoneNumber password displayName country locale own",
    "/groups": "name owner members",
    "/things": "_vendorThingID _password _thingType _own own",
    "/installations": "deviceType installationRegistrationID development userID thingID",
    "/buckets/box/objects": "_id own",
    "/users/LOGIN_NAME:bob/push/messages": "data gcm fcm apns jpush mqtt sendWhen pushMessageType",
    "/topics/alerts/push/messages": "data gcm fcm apns jpush mqtt sendToDevelopment sendObjectScope",
}
WORDS = (
    "enabled data alert notification locArgs badge timeToLive from MQTT IOS bob password refresh_token"
    " client_credentials sandbox-client VENDOR_THING_ID:lamp +81"
)
TEXT = st.sampled_from(WORDS.split()) | st.text(max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=12,
)
IDENTIFIERS = st.text(min_size=1, max_size=30).map(lambda text: text.encode(errors="replace"))
SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@pytest.fixture(scope="module")
def kii(origin: str) -> Iterator[Kii]:
    """One sandbox for all inputs: what they leave behind is input as well."""
    with Kii(origin) as kii:
        kii.reset()
        kii.call("PUT", "/topics/alerts")
        for device_type in ("ANDROID", "IOS", "JPUSH", "MQTT"):
            kii.install("bob", device_type)
        kii.call("POST", "/topics/alerts/push/subscriptions/users", "bob")
        yield kii


def answers_as_kii_would(answer: Any) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        assert answer.json()["errorCode"]


@pytest.mark.parametrize("path", BODIES)
@SETTINGS
@given(data=st.data())
def test_any_body(kii: Kii, path: str, data: st.DataObject) -> None:
    body = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(BODIES[path].split(), JSON)))
    by = data.draw(st.sampled_from(("admin", "bob", "lamp", "anonymous")))

    answers_as_kii_would(kii.call("POST", path, by, json=body))


@SETTINGS
@given(
    method=st.sampled_from(("GET", "PUT", "DELETE", "HEAD", "PATCH", "POST")),
    template=st.sampled_from(
        (
            "/users/{}",
            "/users/{}/topics/{}",
            "/users/EMAIL:{}/push/messages",
            "/things/{}/topics",
            "/groups/{}/members/{}",
            "/topics/{}/acl/SEND_MESSAGE_TO_TOPIC/{}",
            "/topics/alerts/push/subscriptions/users/{}",
            "/buckets/{}/filters/{}/push/subscriptions/users/{}",
            "/buckets/{}/objects/{}",
            "/buckets/{}/acl/{}/{}",
            "/installations/{}",
            "/installations/ANDROID:{}/mqtt-endpoint",
            "/users/me/payloads/{}",
        )
    ),
    identifiers=st.tuples(IDENTIFIERS, IDENTIFIERS, IDENTIFIERS),
)
def test_any_path(kii: Kii, method: str, template: str, identifiers: tuple[bytes, ...]) -> None:
    path = template.format(*("".join(f"%{byte:02X}" for byte in each) for each in identifiers))

    answers_as_kii_would(kii.call(method, path, "bob", json={}))


@SETTINGS
@given(
    headers=st.dictionaries(
        st.sampled_from(
            ("Authorization", "X-Kii-AppID", "If-Match", "If-None-Match", "Content-Type", "kii-m", "Host")
        )
        | st.sampled_from(("X-HTTP-Method-Override",)),
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40),
    )
)
def test_any_headers(kii: Kii, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "/users"),
        ("PUT", "/buckets/box/objects/thing"),
        ("POST", "/oauth2/token"),
    ):
        answers_as_kii_would(kii.call(method, path, "bob", content="{}", headers=headers))
