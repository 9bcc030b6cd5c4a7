"""Vectors 17 to 50: Direct Push and the rules for the message."""

from typing import Any

from kii_push.message import payload
from kii_push.message.payload import Context, Network
from tests.contract.vectors.steps import (
    OK,
    Ask,
    Connect,
    Delivered,
    Receives,
    Vector,
    number,
    refused,
    send,
    text,
    vector,
)

SENT = {"pushMessageID": text}
OFF = {"enabled": False}
GCM = {"gcm": {"enabled": True}, "apns": OFF}
MQTT = {"gcm": OFF, "apns": OFF, "mqtt": {"enabled": True}}
# docs/kii-push-api.md §8.5, below the table.
GCM_WORDS = (
    *("from", "registration_ids", "collapse_key", "data"),
    *("delay_while_idle", "time_to_live", "restricted_package_name", "dry_run"),
)
FCM_WORDS = (
    *("from", "message_type", "collapse_key", "priority", "ttl"),
    *("restricted_package_name", "notification", "fcm_options", "direct_boot_ok"),
)


def _fcm(data: dict[str, str]) -> dict[str, Any]:
    return {"data": data, "fcm": {"enabled": True}, "gcm": OFF, "apns": OFF}


def _sized(network: Network, size: int) -> dict[str, Any]:
    """Return a message whose payload on this network has so many bytes."""
    message = {"data": {"k": ""}, "gcm": OFF, "apns": OFF} | {network: {"enabled": True}}
    room = size - payload.size(message, network, Context("demoapp1", user="u-2"))
    return message | {"data": {"k": "x" * room}}


def _install(name: str, *, development: bool | None) -> Ask:
    device = {"deviceType": "ANDROID", "installationRegistrationID": name, "userID": "u-2"}
    return Ask(
        "POST P/installations",
        201,
        json=device if development is None else device | {"development": development},
        keep={name: "installationID"},
    )


VECTORS: tuple[Vector, ...] = (
    vector(17, send(OK, 201, body=SENT)),
    vector(
        18,
        send(
            OK,
            404,
            "users/nobody",
            body={"errorCode": "USER_NOT_FOUND", "field": text, "value": "nobody", "appID": "demoapp1"},
        ),
    ),
    vector(
        21,
        _install("device", development=False),
        send(OK, 201, "users/EMAIL:bob%40example.com", body=SENT),
        Delivered(("device",)),
    ),
    vector(22, refused({})),
    vector(23, refused({"data": {"a": "b"}})),
    vector(
        25,
        refused({"data": {}, "gcm": {"enabled": True, "dryRun": True}, "apns": {"enabled": True}}),
    ),
    vector(
        26,
        send({"data": {"a": "b"}, "gcm": {"enabled": True, "dryRun": True}, "apns": OFF}, 201, body=SENT),
    ),
    vector(27, refused(OK | {"data": {"a": {"b": 1}}})),
    vector(28, refused(OK | {"data": {"a": [1]}})),
    vector(29, send(OK | {"data": {"a": 1, "b": True, "c": 1.5, "d": "x"}}, 201, body=SENT)),
    vector(30, refused({"gcm": {"enabled": True, "data": {"n": 1}}, "apns": OFF})),
    vector(31, send({"gcm": {"enabled": True, "data": {"n": "1"}}, "apns": OFF}, 201, body=SENT)),
    vector(32, refused({"gcm": OFF, "apns": {"enabled": True, "data": {"n": {"x": 1}}}})),
    vector(34, refused(GCM | {"data": {"from": "me"}})),
    vector(35, refused(GCM | {"data": {"google.x": "1"}})),
    vector(36, *(refused(GCM | {"data": {word: "1"}}) for word in GCM_WORDS)),
    vector(39, *(refused(_fcm({word: "1"})) for word in ("gcm.x", "google.x", *FCM_WORDS))),
    vector(41, refused(_sized("gcm", 4097)), send(_sized("gcm", 4000), 201, body=SENT)),
    vector(42, refused(_sized("apns", 2049)), send(_sized("apns", 2000), 201, body=SENT)),
    vector(44, refused({"data": {"a": "b"}, "gcm": {"enabled": True, "timeToLive": 60}, "apns": OFF})),
    vector(
        45,
        _install("development", development=True),
        _install("production", development=False),
        _install("unset", development=None),
        send(GCM | {"data": {"a": "b"}, "sendToDevelopment": False, "sendToProduction": True}, 201),
        Delivered(("production", "unset")),
    ),
    vector(
        48,
        Connect("U2"),
        send(MQTT | {"mqtt": {"enabled": True, "data": {"msg": "x"}}, "data": {"msg": "y", "z": "1"}}, 201),
        Receives("U2", {"msg": "x", "z": "1"}),
    ),
    vector(
        49,
        Connect("U2"),
        send(MQTT | {"data": {"k": "v"}}, 201),
        Receives(
            "U2",
            {"sourceURI": "kiicloud://users/u-2", "senderURI": "kiicloud://admins/APP_ADMIN", "k": "v"},
            without=("topic", "data"),
        ),
    ),
    vector(
        50,
        Connect("U2"),
        send(MQTT | {"data": {"k": "1"}, "sendWhen": True, "sendOrigin": True}, 201),
        send(MQTT | {"data": {"k": "2"}}, 201),
        Receives(
            "U2", {"k": "1", "origin": "EXPLICIT", "when": lambda ms: number(ms) and ms > 1_700_000_000_000}
        ),
        Receives("U2", {"k": "2"}, without=("when", "origin")),
    ),
)
