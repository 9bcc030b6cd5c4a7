"""Groups and their members (docs/kii-push-api.md §13)."""

import re
import sqlite3
import uuid
from typing import Any

from sandbox.kii import errors
from sandbox.kii.errors import KiiError
from sandbox.kii.scope import Scope
from sandbox.people import access, directory, registry
from sandbox.people.registry import NewGroup
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response

GROUP_ID = re.compile(r"[a-z0-9_.-]{1,30}")


def create(call: Call) -> Response:
    """Create a group, with the path's ID or one of Kii's; its owner is a member."""
    principal = call.principal
    if principal.kind in ("anonymous", "thing"):
        raise errors.unauthorized(principal)
    group_id = call.params.get("groupID") or uuid.uuid4().hex[:24]
    body = call.json_object()
    invalid = _invalid_fields(body)
    if not GROUP_ID.fullmatch(group_id):
        invalid["groupID"] = "must be 1 to 30 of a-z, 0-9, _, - and ."
    if invalid:
        raise errors.invalid_input(invalid)
    members, not_found = _members(call, body)
    group = NewGroup(
        app_id=call.app_id, group_id=group_id, name=body["name"], owner=_owner(call, body), members=members
    )
    try:
        registry.add_group(call.store, group, call.sandbox.clock.now_ms())
    except sqlite3.IntegrityError as error:
        message = f"The group {group_id} already exists"
        raise errors.simple(409, "GROUP_ALREADY_EXISTS", message, groupID=group_id) from error
    created = {"groupID": group_id, "notFoundUsers": not_found}
    return Response(201, created, "GroupCreationResponse", {"Location": call.location("groups", group_id)})


def _invalid_fields(body: dict[str, Any]) -> dict[str, str]:
    invalid = {}
    if not isinstance(body.get("name"), str) or not body["name"]:
        invalid["name"] = "must be a string that is not empty"
    if not isinstance(body.get("owner", ""), str):
        invalid["owner"] = "must be a userID"
    members = body.get("members", [])
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        invalid["members"] = "must be an array of userIDs"
    return invalid


def _owner(call: Call, body: dict[str, Any]) -> str | None:
    principal = call.principal
    if "owner" not in body:
        return None if principal.is_admin else principal.id
    owner: str = directory.user(call.store, call.app_id, body["owner"])["user_id"]
    access.demand_self(principal, f"UserID:{owner}")
    return owner


def _members(call: Call, body: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the userIDs of the named members, and the names that are no user's."""
    found, not_found = [], []
    for name in body.get("members", []):
        try:
            found.append(directory.user(call.store, call.app_id, name)["user_id"])
        except KiiError:  # Kii names them in the answer
            not_found.append(name)
    return found, not_found


def get(call: Call) -> Response:
    """Return a group to its members and the admin."""
    row = _require_group(call)
    body = {
        "groupID": row["group_id"],
        "name": row["name"],
        "owner": row["owner"],
        "createdAt": row["created"],
    }
    return Response(200, body, "GroupRetrievalResponse")


def members(call: Call) -> Response:
    """List a group's members to them and the admin."""
    row = _require_group(call)
    sql = "SELECT user_id FROM members WHERE app_id = ? AND group_id = ? ORDER BY user_id"
    rows = call.store.all(sql, call.app_id, row["group_id"])
    body = {"members": [{"userID": each["user_id"]} for each in rows]}
    return Response(200, body, "MembersRetrievalResponse")


def _require_group(call: Call) -> sqlite3.Row:
    principal = call.principal
    row = directory.group(call.store, call.app_id, call.params["groupID"])
    if not principal.is_admin and (
        principal.kind != "user"
        or not directory.is_member(call.store, call.app_id, row["group_id"], principal.id)
    ):
        raise errors.unauthorized(principal)
    return row


def _scope(group: sqlite3.Row) -> Scope:
    return Scope(type="APP_AND_GROUP", app_id=group["app_id"], group_id=group["group_id"])


def add_member(call: Call) -> Response:
    """Make a user a member, unless they are one already: for the owner and the admin."""
    principal = call.principal
    row = directory.group(call.store, call.app_id, call.params["groupID"])
    access.demand_control(call.store, principal, _scope(row))
    user_id = directory.user_id(call.store, principal, call.params["userID"])
    call.store.run("INSERT OR IGNORE INTO members VALUES (?, ?, ?)", call.app_id, row["group_id"], user_id)
    return Response(204)


def remove_member(call: Call) -> Response:
    """End a membership: for the owner, the admin and the member."""
    principal = call.principal
    row = directory.group(call.store, call.app_id, call.params["groupID"])
    user_id = directory.user_id(call.store, principal, call.params["userID"])
    if principal.kind != "user" or principal.id != user_id:
        access.demand_control(call.store, principal, _scope(row))
    sql = "DELETE FROM members WHERE app_id = ? AND group_id = ? AND user_id = ?"
    if not call.store.run(sql, call.app_id, row["group_id"], user_id):
        raise errors.user_not_found(call.app_id, "userID", user_id)
    return Response(204)


_GROUP = "/apps/{appID:segment}/groups/{groupID:segment}"

ROUTES = [
    route("/apps/{appID:segment}/groups", POST=create),
    route(_GROUP, GET=get, PUT=create),
    route(f"{_GROUP}/members", GET=members),
    route(f"{_GROUP}/members/{{userID:segment}}", PUT=add_member, DELETE=remove_member),
]
