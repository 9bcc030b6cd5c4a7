"""Deliver a push request: its rules, then Kii."""

from kii_push import message as messages
from kii_push.client import KiiClient
from kii_push.errors import Expired
from kii_push.payload import Context
from kii_push.request import PushRequest, UserTarget


def deliver(request: PushRequest, kii: KiiClient) -> str | None:
    """Send the push; return its `pushMessageID` (None if Kii accepted it without a readable one).

    Raises the PushError whose `outcome` is the push's end: InvalidRequest before Kii is asked, Expired, and
    what KiiClient raises.
    """
    if request.expired():
        raise Expired(f"notAfter ({request.not_after:%Y-%m-%dT%H:%M:%SZ}) has passed")
    message = messages.complete(request.message)
    target = request.target
    if isinstance(target, UserTarget):
        messages.check(message, Context(kii.app_id, user=target.user), "direct")
        return kii.send_to_user(target.user, message)
    messages.check(message, Context(kii.app_id, topic=target.topic, scope=target.scope), "new")
    return kii.send_to_topic(target.topic, message, target.scope)
