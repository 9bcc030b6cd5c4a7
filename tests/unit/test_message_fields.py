"""The fields of a message: every documented one takes its type, no other type and no other field."""

import itertools
from typing import Any

import msgspec
import pytest

from kii_push.message import fields

NULL = None
NUMBERS_AND_BOOLEANS = [0, 1, 1.5, True]
WRONG: dict[str, list[Any]] = {
    "flag": ["true", 0, 1, 1.5, NULL, [], {}],
    "text": [*NUMBERS_AND_BOOLEANS, NULL, [], {}],
    "number": ["1", 1.0, 1.5, True, NULL, [], {}],
    "switch": ["1", 1.5, NULL, [], {}],
    "texts": ["x", [1], [NULL], NULL, {}],
    "object": ["x", *NUMBERS_AND_BOOLEANS, NULL, []],
    "unconfirmed": [],
}
RIGHT: dict[str, list[Any]] = {
    "flag": [True, False],
    "text": ["", "x", "ü"],
    "number": [0, -1, 10**12],
    "switch": [True, False, 0, 1],
    "texts": [[], ["a", "b"]],
    "object": [{}],
    "unconfirmed": ["60s", 60, True, NULL, {"analyticsLabel": "x"}],
}
FIELDS: dict[str, list[str]] = {
    "flag": [
        *(f"send{what}" for what in ("ToDevelopment", "ToProduction", "AppID", "Sender", "When", "Origin")),
        *("sendObjectScope", "sendTopicID", "gcm.delayWhileIdle", "gcm.dryRun"),
        *(f"{network}.enabled" for network in ("gcm", "fcm", "apns", "jpush", "mqtt")),
    ],
    "text": [
        *("pushMessageType", "gcm.collapseKey", "gcm.restrictedPackageName", "apns.sound", "apns.category"),
        *(f"gcm.notification.{name}" for name in ("title", "body", "icon", "sound", "tag", "color")),
        "gcm.notification.clickAction",
        *(f"apns.alert.{name}" for name in ("title", "subtitle", "body", "actionLocKey", "locKey")),
        "apns.alert.launchImage",
    ],
    "number": ["gcm.timeToLive", "apns.badge"],
    "switch": ["apns.contentAvailable", "apns.mutableContent"],
    "texts": ["apns.alert.locArgs"],
    "object": [
        *("data", "gcm.notification", "fcm.notification", "apns.alert"),
        *(f"{network}.data" for network in ("gcm", "fcm", "apns", "jpush", "mqtt")),
    ],
    "unconfirmed": [
        *(f"fcm.{name}" for name in ("collapseKey", "priority", "ttl", "restrictedPackageName")),
        *("fcm.fcmOptions", "fcm.directBootOk", "mqtt.qos", "mqtt.retain", "mqtt.dryRun"),
    ],
}
CASES = [(path, kind) for kind, paths in FIELDS.items() for path in paths]


def body(path: str, value: Any) -> dict[str, Any]:
    message: dict[str, Any] = {network: {"enabled": False} for network in ("gcm", "fcm", "apns")}
    *parents, name = path.split(".")
    inner = message
    for parent in parents:
        inner = inner.setdefault(parent, {})
    inner[name] = value
    return message


@pytest.mark.parametrize(("path", "kind"), CASES)
def test_a_field_takes_its_type_and_nothing_else(path: str, kind: str) -> None:
    for value in RIGHT[kind]:
        msgspec.convert(body(path, value), fields.Message)
    for value in WRONG[kind]:
        with pytest.raises(msgspec.ValidationError, match=rf"\$\.{path}"):
            msgspec.convert(body(path, value), fields.Message)


def test_no_field_is_left_out_above() -> None:
    def paths(name: str, prefix: str = "") -> set[str]:
        found = set()
        for field, schema in definitions[name]["properties"].items():
            inner = schema.get("$ref", "").rpartition("/")[2]
            # Blocks are checked by their own fields.
            found |= paths(inner, f"{prefix}{field}.") if inner else set()
            found |= {f"{prefix}{field}"} if not inner or prefix else set()
        return found

    definitions = msgspec.json.schema(fields.Message)["$defs"]
    assert paths("Message") == set(itertools.chain(*FIELDS.values()))


@pytest.mark.parametrize("network", ["gcm", "fcm", "apns"])
def test_these_blocks_must_say_whether_they_are_enabled(network: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="missing required field `enabled`"):
        msgspec.convert({network: {}}, fields.Message)


@pytest.mark.parametrize("network", ["jpush", "mqtt"])
def test_these_blocks_may_leave_it_open(network: str) -> None:
    msgspec.convert({network: {}}, fields.Message)


@pytest.mark.parametrize(
    "path", ["sendAppId", "gcm.ttl", "gcm.notification.image", "apns.locKey", "apns.alert.x", "mqtt.topic"]
)
def test_an_unknown_field_is_refused(path: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=f"unknown field `{path.rpartition('.')[2]}`"):
        msgspec.convert(body(path, "x"), fields.Message)
