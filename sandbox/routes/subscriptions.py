"""Subscriptions of users and things: to topics, and to buckets for Push to App.

See docs/kii-push-api.md §5 and §6.
"""

from typing import Literal, NamedTuple

from sandbox.kii import errors
from sandbox.people import access, directory
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response
from sandbox.routes.buckets import ensure_bucket, find_bucket
from sandbox.routes.topics import require_topic

SubscriberKind = Literal["users", "things"]


class SubscriptionTarget(NamedTuple):
    """What one subscribes to: its ID and its `resource` in the store."""

    id: str
    resource: str


def _topic(call: Call, subscriber: str | None) -> SubscriptionTarget:
    topic = require_topic(call)
    if subscriber is not None:
        access.demand(call.store, call.principal, "SUBSCRIBE_TO_TOPIC", topic.resource)
    return SubscriptionTarget(topic.id, topic.resource)


def _bucket(call: Call, subscriber: str | None) -> SubscriptionTarget:
    if call.params["filterID"] != "all":
        raise errors.simple(404, "FILTER_NOT_FOUND", "The filter was not found")
    makes = subscriber is not None and call.sandbox.policy.bucket_auto_create
    bucket = ensure_bucket(call, subscriber) if makes else find_bucket(call)
    if bucket is None:
        raise errors.simple(404, "FILTER_NOT_FOUND", "The bucket of the filter was not found")
    if subscriber is not None:
        access.demand(call.store, call.principal, "QUERY_OBJECTS_IN_BUCKET", bucket.resource)
    return SubscriptionTarget(bucket.id, bucket.resource)


def _target(call: Call, subscriber: str | None = None) -> SubscriptionTarget:
    """Return what the path names; `subscriber`, an ACL subject, is about to subscribe to it."""
    find = _topic if "topicID" in call.params else _bucket
    return find(call, subscriber)


def _named_subject(call: Call) -> str:
    """Return the path's principal as an ACL subject; the admin may name anyone, others themselves."""
    kind: SubscriberKind = call.params["kind"]
    if kind == "users":
        subject = f"UserID:{directory.user_id(call.store, call.principal, call.params['id'])}"
    else:
        subject = f"ThingID:{directory.thing(call.store, call.app_id, call.params['id'])['thing_id']}"
    access.demand_self(call.principal, subject)
    return subject


def _own_subject(call: Call) -> str:
    """Return the caller as an ACL subject: a user on `/users`, a thing on `/things`."""
    wanted = "user" if call.params["kind"] == "users" else "thing"
    if call.principal.kind != wanted:
        raise errors.unauthorized(call.principal)
    return call.principal.subject


def subscribe_named(call: Call) -> Response:
    """Subscribe the user or thing that the path names."""
    return _subscribe(call, _named_subject(call))


def subscribe_self(call: Call) -> Response:
    """Subscribe the caller."""
    return _subscribe(call, _own_subject(call))


def _subscribe(call: Call, subject: str) -> Response:
    target = _target(call, subject)
    if not call.store.run("INSERT OR IGNORE INTO subscriptions VALUES (?, ?)", target.resource, subject):
        status = 409 if "topicID" in call.params else call.sandbox.policy.bucket_subscribed_status
        raise errors.subscription_already_exists(call.scope, target.id, subject, status=status)
    return Response(204)


def check(call: Call) -> Response:
    """Answer 204 to who is subscribed."""
    subject, target = _named_subject(call), _target(call)
    sql = "SELECT 1 FROM subscriptions WHERE resource = ? AND subject = ?"
    if call.store.one(sql, target.resource, subject) is None:
        raise errors.subscription_not_found(call.scope, target.id, subject)
    return Response(204)


def unsubscribe(call: Call) -> Response:
    """End a subscription."""
    subject, target = _named_subject(call), _target(call)
    sql = "DELETE FROM subscriptions WHERE resource = ? AND subject = ?"
    if not call.store.run(sql, target.resource, subject):
        raise errors.subscription_not_found(call.scope, target.id, subject)
    return Response(call.sandbox.policy.unsubscribe_status if "topicID" in call.params else 204)


_TOPIC = "/apps/{appID:segment}{scope:scope}/topics/{topicID:segment}/push/subscriptions/{kind:principals}"
_BUCKET = (
    "/apps/{appID:segment}{scope:scope}/buckets/{bucketID:segment}/filters/{filterID:segment}"
    "/push/subscriptions/{kind:principals}"
)

ROUTES = [
    route(_TOPIC, POST=subscribe_self),
    route(f"{_TOPIC}/{{id:segment}}", GET=check, PUT=subscribe_named, DELETE=unsubscribe),
    route(_BUCKET, POST=subscribe_self, PUT=subscribe_self),
    route(f"{_BUCKET}/{{id:segment}}", GET=check, PUT=subscribe_named, DELETE=unsubscribe),
]
