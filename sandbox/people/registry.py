"""New users, groups and things, from the seed or from a registration (docs/kii-push-api.md §13).

Each `add_...` needs an open transaction and raises sqlite3.IntegrityError when an ID or address is taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from sandbox.kii.scope import Scope
from sandbox.people import access
from sandbox.people.passwords import hash_password
from sandbox.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class NewUser:
    """A user to create. Addresses are unique. `data` holds the remaining fields."""

    app_id: str
    user_id: str
    password: str
    login_name: str | None = None
    email: str | None = None
    phone: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewGroup:
    """A group to create. Its owner (a userID; None when the admin made it) is one of its members."""

    app_id: str
    group_id: str
    name: str
    owner: str | None
    members: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewThing:
    """A thing to create. `owners` are ACL subjects; `data` holds the remaining fields."""

    app_id: str
    thing_id: str
    vendor_thing_id: str
    password: str
    owners: list[str] = field(default_factory=list)
    data: Mapping[str, Any] = field(default_factory=dict)


def normalize_phone(phone: str | None, country: str | None) -> str | None:
    """Return a phone number as it is stored and as `PHONE:` names it: `+{intl}`, or `{CC}-{local}`."""
    if phone and country and not phone.startswith("+"):
        return f"{country}-{phone}"
    return phone


def add_user(store: Store, user: NewUser, now_ms: int) -> None:
    """Write a user and the ACL of their scope."""
    store.run(
        "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        user.app_id,
        user.user_id,
        user.login_name,
        user.email.lower() if user.email else None,
        user.phone,
        hash_password(user.password),
        msgspec.json.encode(user.data).decode(),
        now_ms,
    )
    access.scope_defaults(store, Scope(type="APP_AND_USER", app_id=user.app_id, user_id=user.user_id))


def add_group(store: Store, group: NewGroup, now_ms: int) -> None:
    """Write a group, its members and its scope's ACL."""
    app_id, group_id = group.app_id, group.group_id
    store.run("INSERT INTO groups VALUES (?, ?, ?, ?, ?)", app_id, group_id, group.name, group.owner, now_ms)
    for member in {*group.members, *([group.owner] if group.owner else [])}:
        store.run("INSERT INTO members VALUES (?, ?, ?)", app_id, group_id, member)
    access.scope_defaults(store, Scope(type="APP_AND_GROUP", app_id=app_id, group_id=group_id))


def add_thing(store: Store, thing: NewThing, now_ms: int) -> None:
    """Write a thing, its owners and its scope's ACL."""
    store.run(
        "INSERT INTO things VALUES (?, ?, ?, ?, ?, ?)",
        thing.app_id,
        thing.thing_id,
        thing.vendor_thing_id,
        hash_password(thing.password),
        msgspec.json.encode(thing.data).decode(),
        now_ms,
    )
    for owner in thing.owners:
        store.run("INSERT INTO thing_owners VALUES (?, ?, ?)", thing.app_id, thing.thing_id, owner)
    access.scope_defaults(store, Scope(type="APP_AND_THING", app_id=thing.app_id, thing_id=thing.thing_id))
