"""A push to send: as JSON, as text, as it comes from a queue and as the layer reads it."""

import json
from typing import Any

from kii_push.push import request
from kii_push.push.request import Origin
from kii_push.queues.unattended import UnattendedPush

QUEUE = Origin("queue")
BROADCAST = Origin("broadcast")
HTTPS = Origin("https")


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


def queued(
    text: str, name: str = "sqs-1", *, origin: Origin = QUEUE, needs_id: bool = False, **more: Any
) -> UnattendedPush:
    """Return a push request, given as text, that comes from a queue in the message of this name."""
    return UnattendedPush(text, name, origin, needs_id=needs_id, **more)


def push(
    push_id: str = "p-1", text: str = "hi", *, origin: Origin = QUEUE, **more: Any
) -> request.PushRequest:
    """Return a push request."""
    return request.from_json(body(push_id, text, **more), default_id="unused", origin=origin)
