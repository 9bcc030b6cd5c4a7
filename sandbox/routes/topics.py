"""Topics: create, look up, list and delete (docs/kii-push-api.md §4.2 and §4.3)."""

import base64
import binascii
import re
from typing import NamedTuple

from sandbox.kii import errors
from sandbox.people import access
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response

TOPIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Topic(NamedTuple):
    """A topic that exists: its ID, its `resource` in the store, its creator's subject (None: the admin)."""

    id: str
    resource: str
    creator: str | None


def require_topic(call: Call) -> Topic:
    """Return the topic that the path names. Raises UNAUTHORIZED for the anonymous, and TOPIC_NOT_FOUND."""
    scope, topic_id = call.scope, call.params["topicID"]
    if call.principal.kind == "anonymous":
        raise errors.unauthorized(call.principal)
    key = scope.key
    row = call.store.one("SELECT creator FROM topics WHERE scope = ? AND topic_id = ?", key, topic_id)
    if row is None:
        raise errors.topic_not_found(scope, topic_id)
    return Topic(topic_id, f"{key}/topics/{topic_id}", row["creator"])


def create(call: Call) -> Response:
    """Create an empty topic with its default permissions."""
    scope, topic_id, principal = call.scope, call.params["topicID"], call.principal
    key = scope.key
    access.demand(call.store, principal, "CREATE_NEW_TOPIC", key)
    if not TOPIC_ID.fullmatch(topic_id):
        raise errors.invalid_input({"topicID": "must be 1 to 64 of A-Z, a-z, 0-9, _ and -"})
    creator = None if principal.is_admin else principal.subject
    if not call.store.run("INSERT OR IGNORE INTO topics VALUES (?, ?, ?)", key, topic_id, creator):
        raise errors.topic_already_exists(scope, topic_id)
    access.topic_defaults(call.store, scope, f"{key}/topics/{topic_id}", creator)
    return Response(204)


def exists(call: Call) -> Response:
    """Answer GET with 200 and HEAD with 204, both empty."""
    topic = require_topic(call)
    access.demand(call.store, call.principal, "SUBSCRIBE_TO_TOPIC", topic.resource)
    return Response(204 if call.method == "HEAD" else 200)


def delete(call: Call) -> Response:
    """Delete a topic, its ACL and its subscriptions."""
    topic = require_topic(call)
    access.demand_control(call.store, call.principal, call.scope, topic.creator)
    call.store.run("DELETE FROM topics WHERE scope = ? AND topic_id = ?", call.scope.key, topic.id)
    call.store.run("DELETE FROM subscriptions WHERE resource = ?", topic.resource)
    call.store.forget_below("acl", "resource", topic.resource)
    return Response(204)


def list_topics(call: Call) -> Response:
    """List the topics that the caller may subscribe to, a page at a time."""
    principal, key = call.principal, call.scope.key
    if principal.kind == "anonymous":
        raise errors.unauthorized(principal)
    page_size = call.sandbox.policy.topic_page_size
    rows = call.store.all(
        "SELECT topic_id FROM topics WHERE scope = ? AND topic_id > ? ORDER BY topic_id", key, _after(call)
    )
    page: list[str] = []
    for row in rows:
        topic_id = row["topic_id"]
        if access.allowed(call.store, principal, "SUBSCRIBE_TO_TOPIC", f"{key}/topics/{topic_id}"):
            page.append(topic_id)
        if len(page) > page_size:
            break
    body: dict[str, object] = {"topics": [{"topicID": topic_id} for topic_id in page[:page_size]]}
    if len(page) > page_size:
        body["paginationKey"] = base64.b64encode(f"topic/{page[page_size - 1]}".encode()).decode()
    return Response(200, body, "TopicsRetrievalResponse")


def _after(call: Call) -> str:
    key = call.query("paginationKey")
    if key is None:
        return ""
    try:
        return base64.b64decode(key, validate=True).decode().removeprefix("topic/")
    except (binascii.Error, ValueError) as error:
        raise errors.invalid_input({"paginationKey": "is not one that this server gave"}) from error


ROUTES = [
    route("/apps/{appID:segment}{scope:scope}/topics", GET=list_topics),
    route(
        "/apps/{appID:segment}{scope:scope}/topics/{topicID:segment}", GET=exists, PUT=create, DELETE=delete
    ),
]
