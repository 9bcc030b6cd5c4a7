"""Sending: Direct Push and Push to User (docs/kii-push-api.md §3, §4.2 and §8)."""

from typing import Any

from sandbox.kii import errors
from sandbox.messages import rules
from sandbox.messages.payloads import Context
from sandbox.people import access, directory
from sandbox.rest.call import Call
from sandbox.rest.contract_rate import rate_limited
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response
from sandbox.routes.topics import require_topic


def direct(call: Call) -> Response:
    """Send to all of a user's installations: the admin to anyone, users to themselves."""
    principal = call.principal
    user_id = directory.user_id(call.store, principal, call.params["userID"])
    owner = f"UserID:{user_id}"
    access.demand_self(principal, owner)
    context = Context(
        app_id=call.app_id,
        sender=principal.sender,
        sender_uri=principal.uri,
        source_uri=f"kiicloud://users/{user_id}",
        when_ms=call.sandbox.clock.now_ms(),
    )
    body = _valid_message(call, context, direct=True)
    push_message_id, effects = call.sandbox.delivery.direct(body, context, owner)
    call.effects.extend(effects)
    return _sent_response(push_message_id)


def to_topic(call: Call) -> Response:
    """Send to all installations of a topic's subscribers."""
    principal, scope = call.principal, call.scope
    topic = require_topic(call)
    access.demand(call.store, principal, "SEND_MESSAGE_TO_TOPIC", topic.resource)
    context = Context(
        app_id=call.app_id,
        sender=principal.sender,
        sender_uri=principal.uri,
        source_uri=scope.uri(f"topics/{topic.id}"),
        when_ms=call.sandbox.clock.now_ms(),
        topic_id=topic.id,
        scope=scope,
    )
    body = _valid_message(call, context, direct=False)
    push_message_id, effects = call.sandbox.delivery.to_topic(body, context, topic.resource)
    call.effects.extend(effects)
    return _sent_response(push_message_id)


def _valid_message(call: Call, context: Context, *, direct: bool) -> dict[str, Any]:
    """Return the message. Raises INVALID_JSON; INVALID_INPUT_DATA if it breaks a rule of §8.5."""
    body, policy = call.json_object(), call.sandbox.policy
    invalid = rules.check(
        body,
        profile=policy.message_rules,
        direct=direct,
        context=context,
        apns_limit_bytes=policy.apns_limit_bytes if policy.large_apns == "reject" else None,
    )
    if invalid:
        raise errors.invalid_input(invalid)
    return body


def _sent_response(push_message_id: str) -> Response:
    return Response(201, {"pushMessageID": push_message_id}, "SendPushMessageResponse")


ROUTES = [
    route("/apps/{appID:segment}/users/{userID:segment}/push/messages", POST=rate_limited(direct)),
    route(
        "/apps/{appID:segment}{scope:scope}/topics/{topicID:segment}/push/messages",
        POST=rate_limited(to_topic),
    ),
]
