"""The short form of a message: what it expands to, and what each device then carries, in golden files."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kii_push.message import payload, short_form
from kii_push.message.payload import Network
from kii_push.message.short_form import ShortMessage
from kii_push.push.preflight import Preflight
from kii_push.push.request import Target, TopicTarget, UserTarget
from sandbox.kii.scope import Scope
from sandbox.messages import payloads
from sandbox.messages import rules as sandbox_rules

GOLDEN = Path(__file__).parent.parent / "golden" / "short_form"
APP_ID = "demoapp1"
WHERE: dict[str, tuple[Target, payloads.Context]] = {
    "user": (
        UserTarget("u-2"),
        payloads.Context(
            app_id=APP_ID,
            sender_uri="kiicloud://admins/APP_ADMIN",
            source_uri="kiicloud://users/u-2",
            when_ms=1_760_000_000_000,
        ),
    ),
    "topic": (
        TopicTarget("alerts"),
        payloads.Context(
            app_id=APP_ID,
            sender_uri="kiicloud://admins/APP_ADMIN",
            source_uri="kiicloud://topics/alerts",
            when_ms=1_760_000_000_000,
            topic_id="alerts",
            scope=Scope(type="APP", app_id=APP_ID),
        ),
    ),
}
FULL = {
    "title": "Shipped",
    "body": "Your order is on its way to 東京 🚚",
    "data": {"order": "42", "parcels": 2, "express": True, "weight": 1.5, "title": "of the data"},
}


@pytest.mark.parametrize("network", payload.NETWORKS)
def test_golden(network: Network, *, pytestconfig: pytest.Config) -> None:
    file = GOLDEN / f"{network}.json"
    given = {**FULL, "networks": [network]}
    found: dict[str, Any] = {"given": given, "body": None, "carried": {}}
    for name, (target, context) in WHERE.items():
        expanded = short_form.expand(msgspec.convert(given, ShortMessage), ())
        found["body"] = Preflight().check(expanded, target, APP_ID).body
        assert sandbox_rules.check(found["body"], direct=name == "user", context=context) == {}
        found["carried"][name] = payloads.explicit(found["body"], network, context)
    if pytestconfig.getoption("--update-golden"):
        file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(file.read_text())


def test_without_data_and_networks() -> None:
    short = msgspec.convert({"title": "T", "body": "B"}, ShortMessage)
    assert short_form.expand(short, ("fcm", "mqtt")) == {
        "data": {},
        "fcm": {"enabled": True, "notification": {"title": "T", "body": "B"}},
        "mqtt": {"enabled": True, "data": {"title": "T", "body": "B"}},
    }


def test_named_networks_replace_the_usual_ones() -> None:
    short = ShortMessage("T", "B", networks=["apns"])
    assert short_form.expand(short, ("fcm", "mqtt")).keys() == {"data", "apns"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": "T"},
        {"body": "B"},
        {"title": 1, "body": "B"},
        {"title": "T", "body": "B", "data": []},
        {"title": "T", "body": "B", "networks": ["sms"]},
        {"title": "T", "body": "B", "networks": "fcm"},
        {"title": "T", "body": "B", "gcm": {"enabled": True}},
    ],
)
def test_anything_else_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, ShortMessage)


@pytest.mark.parametrize(
    ("message", "short"),
    [({"title": "T"}, True), ({"body": "B"}, True), ({"data": {"title": "T"}}, False), ({}, False)],
)
def test_the_short_form_is_known_by_its_text(message: dict[str, Any], *, short: bool) -> None:
    assert short_form.is_short(message) == short
