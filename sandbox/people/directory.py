"""Who exists: apps, users, groups and things, found by every identifier Kii takes.

See docs/kii-push-api.md §3 and §4.1.
"""

import sqlite3
from dataclasses import dataclass
from typing import Literal

from sandbox.kii import errors
from sandbox.kii.principal import Principal
from sandbox.kii.scope import Scope
from sandbox.store import Store

ScopeKind = Literal["groups", "users", "things"]

# Path prefix -> column, and the name of that field in Kii's errors.
ADDRESSES = {
    "LOGIN_NAME:": ("login_name", "loginName"),
    "EMAIL:": ("email", "emailAddress"),
    "PHONE:": ("phone", "phoneNumber"),
}
VENDOR_THING_ID = "VENDOR_THING_ID:"


@dataclass(frozen=True, slots=True)
class KiiApp:
    """A Kii app: its IDs and the client credentials of its admin."""

    app_id: str
    app_key: str
    client_id: str
    client_secret: str


def app(store: Store, app_id: str) -> KiiApp:
    """Return the app. Raises APP_NOT_FOUND."""
    row = store.one("SELECT * FROM apps WHERE app_id = ?", app_id)
    if row is None:
        raise errors.app_not_found(app_id)
    return KiiApp(*row)


def app_of_client(store: Store, client_id: str) -> KiiApp | None:
    """Return the app that has this client ID, or whose appID it is."""
    row = store.one("SELECT * FROM apps WHERE client_id = ?1 OR app_id = ?1", client_id)
    return KiiApp(*row) if row else None


def user(store: Store, app_id: str, identifier: str) -> sqlite3.Row:
    """Return the user with this ID or `LOGIN_NAME:`, `EMAIL:` or `PHONE:` address. Raises USER_NOT_FOUND."""
    column, field, value = "user_id", "userID", identifier
    for prefix, names in ADDRESSES.items():
        if identifier.startswith(prefix):
            column, field = names
            value = identifier.removeprefix(prefix)
    wanted = value.lower() if column == "email" else value
    sql = f"SELECT * FROM users WHERE app_id = ? AND {column} = ?"  # noqa: S608 (our columns)
    row = store.one(sql, app_id, wanted)
    if row is None:
        raise errors.user_not_found(app_id, field, value)
    return row


def user_id(store: Store, principal: Principal, identifier: str) -> str:
    """Return the ID of the user that a path names, `me` the caller's. Raises USER_NOT_FOUND, UNAUTHORIZED."""
    if identifier != "me":
        return str(user(store, principal.app_id, identifier)["user_id"])
    if principal.kind != "user" or principal.id is None:
        raise errors.unauthorized(principal)
    return principal.id


def thing(store: Store, app_id: str, identifier: str) -> sqlite3.Row:
    """Return the thing with this ID or `VENDOR_THING_ID:` address. Raises THING_NOT_FOUND."""
    column, field, value = "thing_id", "thingID", identifier
    if identifier.startswith(VENDOR_THING_ID):
        column, field, value = "vendor_thing_id", "vendorThingID", identifier.removeprefix(VENDOR_THING_ID)
    sql = f"SELECT * FROM things WHERE app_id = ? AND {column} = ?"  # noqa: S608 (our columns)
    row = store.one(sql, app_id, value)
    if row is None:
        raise errors.thing_not_found(app_id, field, value)
    return row


def group(store: Store, app_id: str, group_id: str) -> sqlite3.Row:
    """Return the group. Raises GROUP_NOT_FOUND."""
    row = store.one("SELECT * FROM groups WHERE app_id = ? AND group_id = ?", app_id, group_id)
    if row is None:
        raise errors.group_not_found(app_id, group_id)
    return row


def is_member(store: Store, app_id: str, group_id: str, user_id: str | None) -> bool:
    """Whether the user belongs to the group."""
    sql = "SELECT 1 FROM members WHERE app_id = ? AND user_id = ? AND group_id = ?"
    return store.one(sql, app_id, user_id, group_id) is not None


def thing_owners(store: Store, app_id: str, thing_id: str) -> list[str]:
    """Return the thing's owners as ACL subjects."""
    rows = store.all("SELECT owner FROM thing_owners WHERE app_id = ? AND thing_id = ?", app_id, thing_id)
    return [row["owner"] for row in rows]


def scope(store: Store, principal: Principal, place: tuple[ScopeKind, str] | None) -> Scope:
    """Return the scope that a path names, its owner found. Raises the owner's not-found error."""
    app_id = principal.app_id
    match place:
        case None:
            return Scope(type="APP", app_id=app_id)
        case ("groups", identifier):
            return Scope(
                type="APP_AND_GROUP", app_id=app_id, group_id=group(store, app_id, identifier)["group_id"]
            )
        case ("users", identifier):
            return Scope(type="APP_AND_USER", app_id=app_id, user_id=user_id(store, principal, identifier))
        case ("things", identifier):
            found = thing(store, app_id, identifier)["thing_id"]
            return Scope(type="APP_AND_THING", app_id=app_id, thing_id=found)
