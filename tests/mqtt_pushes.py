"""Pushes to bob's MQTT devices, which tests of functions and of the deployed stack send."""

from typing import Any

PATH_TO_BOB = "/users/LOGIN_NAME:bob/push/messages"
"""Where the HTTPS door takes a message to bob."""


def message(**data: Any) -> dict[str, Any]:
    """Return Kii's body of a push to MQTT devices."""
    return {"data": data, "mqtt": {"enabled": True}}


def to_bob(**data: Any) -> dict[str, Any]:
    """Return a push request to bob."""
    return {"target": {"user": "LOGIN_NAME:bob"}, "message": message(**data)}
