"""A push to send: as JSON, as text and as the layer reads it."""

import json
from typing import Any

from kii_push.push import request


def body(push_id: str = "p-1", text: str = "hi", **more: Any) -> dict[str, Any]:
    """Return a push request as it stands in JSON."""
    message = {"data": {"msg": text}, "gcm": {"enabled": True}, "apns": {"enabled": False}}
    return {"id": push_id, "target": {"user": "u-2"}, "message": message, **more}


def as_text(push_id: str = "p-1", text: str = "hi", **more: Any) -> str:
    """Return a push request as the body of a message on a queue."""
    return json.dumps(body(push_id, text, **more))


def without_id() -> str:
    """Return a push request that does not say its ID, as the body of a message on a queue."""
    return json.dumps({key: value for key, value in body().items() if key != "id"})


def push(push_id: str = "p-1", text: str = "hi", **more: Any) -> request.PushRequest:
    """Return a push request."""
    return request.from_json(body(push_id, text, **more), default_id="unused")
