"""Push requests to bob, whose device the tests watch, and the path of those that the HTTPS door takes."""

from typing import Any

PATH_TO_BOB = "/users/LOGIN_NAME:bob/push/messages"


def message(**data: Any) -> dict[str, Any]:
    """Return Kii's body of a push to MQTT devices."""
    return {"data": data, "mqtt": {"enabled": True}}


def to_bob(**data: Any) -> dict[str, Any]:
    """Return a push request to bob."""
    return {"target": {"user": "LOGIN_NAME:bob"}, "message": message(**data)}
