"""Access control lists of scopes, topics, buckets and objects (docs/kii-push-api.md §4.4)."""

import re
from typing import NamedTuple

from sandbox.kii import errors
from sandbox.kii.principal import ANONYMOUS, ANY_AUTHENTICATED
from sandbox.people import access, directory
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response
from sandbox.routes.bucket_events import object_changed
from sandbox.routes.buckets import ensure_bucket, require_bucket
from sandbox.routes.objects import require_object
from sandbox.routes.topics import require_topic

SUBJECT = re.compile(r"(UserID|GroupID|ThingID):(.+)", re.DOTALL)


class AclTarget(NamedTuple):
    """Whose ACL it is: the `resource` in the store, its verbs, and its creator's subject if that counts."""

    resource: str
    verbs: tuple[str, ...]
    creator: str | None = None


def _scope(call: Call) -> AclTarget:
    return AclTarget(call.scope.key, access.SCOPE_VERBS)


def _topic(call: Call) -> AclTarget:
    topic = require_topic(call)
    return AclTarget(topic.resource, access.TOPIC_VERBS, topic.creator)


def _bucket(call: Call) -> AclTarget:
    # Kii makes a bucket that is only now given an entry.
    bucket = ensure_bucket(call) if call.method == "PUT" else require_bucket(call)
    return AclTarget(bucket.resource, access.BUCKET_VERBS, bucket.creator)


def _object(call: Call) -> AclTarget:
    stored = require_object(call)
    return AclTarget(stored.resource, access.OBJECT_VERBS, stored.row["owner"])


_FINDERS = (("objectID", _object), ("bucketID", _bucket), ("topicID", _topic))


def _target(call: Call) -> AclTarget:
    """Return the path's target, for those who may see and change its ACL."""
    find = next((find for name, find in _FINDERS if name in call.params), _scope)
    target = find(call)
    access.demand_control(call.store, call.principal, call.scope, target.creator)
    if call.params.get("verb", target.verbs[0]) not in target.verbs:
        raise errors.invalid_input({"verb": f"must be one of {', '.join(target.verbs)}"})
    return target


def get(call: Call) -> Response:
    """Return every verb with its subjects."""
    target = _target(call)
    acl: dict[str, list[dict[str, str]]] = {verb: [] for verb in target.verbs}
    for row in call.store.all("SELECT verb, subject FROM acl WHERE resource = ?", target.resource):
        acl[row["verb"]].append(_as_json(row["subject"]))
    return Response(200, acl, "ACLRetrievalResponse")


def get_verb(call: Call) -> Response:
    """Return the subjects of one verb."""
    sql = "SELECT subject FROM acl WHERE resource = ? AND verb = ?"
    rows = call.store.all(sql, _target(call).resource, call.params["verb"])
    return Response(200, [_as_json(row["subject"]) for row in rows], "ACLVerbRetrievalResponse")


def get_subject(call: Call) -> Response:
    """Return the subject if it has the verb."""
    target, verb, subject = _target(call), call.params["verb"], _subject(call)
    sql = "SELECT 1 FROM acl WHERE resource = ? AND verb = ? AND subject = ?"
    if call.store.one(sql, target.resource, verb, subject) is None:
        raise _not_found(verb, subject)
    return Response(200, _as_json(subject), "ACLSubjectRetrievalResponse")


def put(call: Call) -> Response:
    """Enter a subject for a verb."""
    target, verb, subject = _target(call), call.params["verb"], _subject(call)
    refused = call.sandbox.policy.anonymous_in_topic_acl == "reject"
    if refused and subject == ANONYMOUS and target.verbs is access.TOPIC_VERBS:
        raise errors.invalid_input({"subject": "ANONYMOUS_USER cannot be used for topics"})
    if not call.store.run("INSERT OR IGNORE INTO acl VALUES (?, ?, ?)", target.resource, verb, subject):
        message = f"The ACL has {verb} for {subject} already"
        raise errors.simple(409, "ACL_ALREADY_EXISTS", message, ACLVerb=verb, subject=subject)
    return _change_response(call)


def delete(call: Call) -> Response:
    """Remove a subject from a verb."""
    target, verb, subject = _target(call), call.params["verb"], _subject(call)
    sql = "DELETE FROM acl WHERE resource = ? AND verb = ? AND subject = ?"
    if not call.store.run(sql, target.resource, verb, subject):
        raise _not_found(verb, subject)
    return _change_response(call)


def _change_response(call: Call) -> Response:
    if "objectID" in call.params:
        modified_ms = require_object(call).row["modified"]
        object_changed(call, "DATA_OBJECT_ACL_MODIFIED", modified_ms=modified_ms)
    return Response(call.sandbox.policy.acl_change_status)


def _not_found(verb: str, subject: str) -> errors.KiiError:
    message = f"The ACL has no {verb} for {subject}"
    return errors.simple(404, "ACL_NOT_FOUND", message, ACLVerb=verb, subject=subject)


def _subject(call: Call) -> str:
    """Return the path's subject. Raises its not-found error when there is no such user, group or thing."""
    match = SUBJECT.fullmatch(call.params["subject"])
    if match is None:
        raise errors.invalid_input({"subject": "must be UserID:, GroupID: or ThingID: and an ID"})
    if match[0] in (ANY_AUTHENTICATED, ANONYMOUS):
        return match[0]
    find = {"UserID": directory.user, "GroupID": directory.group, "ThingID": directory.thing}[match[1]]
    row = find(call.store, call.app_id, match[2])
    return f"{match[1]}:{row[{'UserID': 'user_id', 'GroupID': 'group_id', 'ThingID': 'thing_id'}[match[1]]]}"


def _as_json(subject: str) -> dict[str, str]:
    kind, _, identifier = subject.partition(":")
    return {f"{kind[0].lower()}{kind[1:]}": identifier}


_APP = "/apps/{appID:segment}{scope:scope}"
_TARGETS = (
    _APP,
    f"{_APP}/topics/{{topicID:segment}}",
    f"{_APP}/buckets/{{bucketID:segment}}",
    f"{_APP}/buckets/{{bucketID:segment}}/objects/{{objectID:segment}}",
)

ROUTES = [
    each
    for target in _TARGETS
    for each in (
        route(f"{target}/acl", GET=get),
        route(f"{target}/acl/{{verb:segment}}", GET=get_verb),
        route(f"{target}/acl/{{verb:segment}}/{{subject:segment}}", GET=get_subject, PUT=put, DELETE=delete),
    )
]
