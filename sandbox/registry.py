"""New users, groups and things, from the seed or from a registration (section 13)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from sandbox import access
from sandbox.passwords import hash_password
from sandbox.payloads import Scope
from sandbox.store import Store


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a user can be found by; each belongs to one user of the app."""

    login_name: str | None = None
    email: str | None = None
    phone: str | None = None


def add_user(
    store: Store,
    app_id: str,
    user_id: str,
    addresses: Addresses,
    password: str,
    data: Mapping[str, Any],
    now_ms: int,
) -> None:
    """Write a user. Raises sqlite3.IntegrityError when the ID or an address is taken."""
    store.run(
        "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        app_id,
        user_id,
        addresses.login_name,
        addresses.email.lower() if addresses.email else None,
        addresses.phone,
        hash_password(password),
        msgspec.json.encode(data).decode(),
        now_ms,
    )
    access.scope_defaults(store, Scope(type="APP_AND_USER", app_id=app_id, user_id=user_id))


def add_group(
    store: Store,
    app_id: str,
    group_id: str,
    name: str,
    owner: str | None,
    members: Iterable[str],
    now_ms: int,
) -> None:
    """Write a group; `owner` (a userID, None when the admin made it) is one of its members.

    Raises sqlite3.IntegrityError when the ID is taken.
    """
    store.run("INSERT INTO groups VALUES (?, ?, ?, ?, ?)", app_id, group_id, name, owner, now_ms)
    for member in {*members, *([owner] if owner else [])}:
        store.run("INSERT OR IGNORE INTO members VALUES (?, ?, ?)", app_id, group_id, member)
    access.scope_defaults(store, Scope(type="APP_AND_GROUP", app_id=app_id, group_id=group_id))


def add_thing(
    store: Store,
    app_id: str,
    thing_id: str,
    vendor_thing_id: str,
    password: str,
    data: Mapping[str, Any],
    owners: Iterable[str],
    now_ms: int,
) -> None:
    """Write a thing; `owners` are ACL subjects. Raises sqlite3.IntegrityError when an ID is taken."""
    store.run(
        "INSERT INTO things VALUES (?, ?, ?, ?, ?, ?)",
        app_id,
        thing_id,
        vendor_thing_id,
        hash_password(password),
        msgspec.json.encode(data).decode(),
        now_ms,
    )
    for owner in owners:
        store.run("INSERT INTO thing_owners VALUES (?, ?, ?)", app_id, thing_id, owner)
    access.scope_defaults(store, Scope(type="APP_AND_THING", app_id=app_id, thing_id=thing_id))
