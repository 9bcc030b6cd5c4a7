"""Permissions: access control lists, their defaults, and who may change them.

See docs/kii-push-api.md §4.3 and §4.4.
"""

from collections.abc import Iterable

from sandbox.kii import errors
from sandbox.kii.principal import ANONYMOUS, ANY_AUTHENTICATED, Principal
from sandbox.kii.scope import Scope
from sandbox.people import directory
from sandbox.store import Store

SCOPE_VERBS = ("CREATE_NEW_BUCKET", "CREATE_NEW_TOPIC")
TOPIC_VERBS = ("SUBSCRIBE_TO_TOPIC", "SEND_MESSAGE_TO_TOPIC")
BUCKET_VERBS = (
    "CREATE_OBJECTS_IN_BUCKET",
    "QUERY_OBJECTS_IN_BUCKET",
    "READ_OBJECTS_IN_BUCKET",
    "DROP_BUCKET_WITH_ALL_CONTENT",
)
OBJECT_VERBS = ("READ_EXISTING_OBJECT", "WRITE_EXISTING_OBJECT")


def allowed(store: Store, principal: Principal, verb: str, resource: str) -> bool:
    """Whether the caller may do `verb`: directly, through a group, or because anyone may."""
    if principal.is_admin:
        return True
    rows = store.all("SELECT subject FROM acl WHERE resource = ? AND verb = ?", resource, verb)
    granted = {row["subject"] for row in rows}
    subjects = {ANONYMOUS, principal.subject}
    if principal.kind != "anonymous":
        subjects.add(ANY_AUTHENTICATED)
    if granted & subjects:
        return True
    return principal.kind == "user" and bool(granted & _groups(store, principal))


def demand(store: Store, principal: Principal, verb: str, resource: str) -> None:
    """Raise UNAUTHORIZED unless the caller may do `verb` to the resource."""
    if not allowed(store, principal, verb, resource):
        raise errors.unauthorized(principal)


def demand_any(store: Store, principal: Principal, *rights: tuple[str, str]) -> None:
    """Raise UNAUTHORIZED unless the caller has one of the rights, each a verb and a resource."""
    if not any(allowed(store, principal, verb, resource) for verb, resource in rights):
        raise errors.unauthorized(principal)


def demand_self(principal: Principal, subject: str) -> None:
    """Raise UNAUTHORIZED unless the caller is `subject` or the admin."""
    if not principal.is_admin and principal.subject != subject:
        raise errors.unauthorized(principal)


def demand_control(store: Store, principal: Principal, scope: Scope, creator: str | None = None) -> None:
    """Raise UNAUTHORIZED unless the caller may change a resource's ACL: the scope's owner or its creator."""
    if principal.is_admin:
        return
    owners = _scope_owners(store, scope)
    if creator is not None:
        owners.add(creator)
    mine = {principal.subject}
    if principal.kind == "user":
        mine |= _groups(store, principal)
    if principal.kind == "anonymous" or not owners & mine:
        raise errors.unauthorized(principal)


def grant(store: Store, resource: str, verbs: Iterable[str], subjects: Iterable[str | None]) -> None:
    """Enter each subject for each verb; None (the admin needs no entry) is left out."""
    subjects = [subject for subject in subjects if subject is not None]
    for verb in verbs:
        for subject in subjects:
            store.run("INSERT OR IGNORE INTO acl VALUES (?, ?, ?)", resource, verb, subject)


def scope_defaults(store: Store, scope: Scope) -> None:
    """Enter the ACL of a new scope: who may create buckets and topics in it."""
    if scope.type == "APP":
        grant(store, scope.key, ("CREATE_NEW_BUCKET",), (ANY_AUTHENTICATED,))
    else:
        grant(store, scope.key, SCOPE_VERBS, _insiders(store, scope))


def topic_defaults(store: Store, scope: Scope, resource: str, creator: str | None) -> None:
    """Enter the ACL of a new topic (§4.3)."""
    if scope.type == "APP":
        grant(store, resource, ("SUBSCRIBE_TO_TOPIC",), (ANY_AUTHENTICATED,))
        grant(store, resource, ("SEND_MESSAGE_TO_TOPIC",), (creator,))
    else:
        grant(store, resource, TOPIC_VERBS, (*_insiders(store, scope), creator))


def bucket_defaults(store: Store, scope: Scope, resource: str, creator: str | None) -> None:
    """Enter the ACL of a new bucket (Kii's guide on bucket access control)."""
    if scope.type == "APP":
        grant(store, resource, BUCKET_VERBS, (ANY_AUTHENTICATED,))
        grant(store, resource, ("QUERY_OBJECTS_IN_BUCKET", "READ_OBJECTS_IN_BUCKET"), (ANONYMOUS,))
    elif scope.type == "APP_AND_GROUP":
        *ordinary, drop = BUCKET_VERBS
        grant(store, resource, ordinary, (*_insiders(store, scope), creator))
        grant(store, resource, (drop,), (*_scope_owners(store, scope), creator))
    else:
        grant(store, resource, BUCKET_VERBS, (*_insiders(store, scope), creator))


def object_defaults(store: Store, scope: Scope, resource: str, creator: str | None) -> None:
    """Enter the ACL of a new object (Kii's guide on object access control)."""
    if scope.type == "APP":
        grant(store, resource, OBJECT_VERBS, (ANY_AUTHENTICATED,))
        grant(store, resource, ("READ_EXISTING_OBJECT",), (ANONYMOUS,))
    else:
        grant(store, resource, OBJECT_VERBS, (*_insiders(store, scope), creator))


def _insiders(store: Store, scope: Scope) -> list[str]:
    """Return those a scope belongs to: its user, its thing and the thing's owners, its group's members."""
    if scope.group_id is not None:
        return [f"GroupID:{scope.group_id}"]
    return sorted(_scope_owners(store, scope))


def _scope_owners(store: Store, scope: Scope) -> set[str]:
    if scope.user_id is not None:
        return {f"UserID:{scope.user_id}"}
    if scope.thing_id is not None:
        return {f"ThingID:{scope.thing_id}", *directory.thing_owners(store, scope.app_id, scope.thing_id)}
    if scope.group_id is not None:
        owner = directory.group(store, scope.app_id, scope.group_id)["owner"]
        return {f"UserID:{owner}"} if owner is not None else set()
    return set()


def _groups(store: Store, principal: Principal) -> set[str]:
    rows = store.all(
        "SELECT group_id FROM members WHERE app_id = ? AND user_id = ?", principal.app_id, principal.id
    )
    return {f"GroupID:{row['group_id']}" for row in rows}
