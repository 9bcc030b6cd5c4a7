"""What a sandbox starts out with: apps, users, groups and things, from the defaults or a JSON file.

The file (every list may be absent; so may everything marked `?`):

    {"policy": {"topicPageSize": 10},
     "apps": [{"appID": "a", "appKey": "?", "clientID": "c", "clientSecret": "s",
       "users": [{"userID": "?", "loginName": "?", "emailAddress": "?", "phoneNumber": "?", "password": "p",
                  "displayName": "?", "country": "?"}],
       "groups": [{"groupID": "?", "name": "n", "owner": "USER", "members": ["USER"]}],
       "things": [{"thingID": "?", "vendorThingID": "v", "password": "p", "thingType": "?",
                   "owners": ["USER"]}]}]}

A user needs a login name, an e-mail address or a phone number; USER is a login name or any Kii identifier.
IDs left out are derived from the names, so that they are the same each time.
"""

import hashlib
import sqlite3
from typing import Annotated

import msgspec

from sandbox.kii.errors import KiiError
from sandbox.kii.scope import Scope
from sandbox.people import access, directory, registry
from sandbox.people.registry import NewGroup, NewThing, NewUser
from sandbox.settings.policy import Policy
from sandbox.store import Store

Id = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.\-]{1,100}$")]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class SeedUser(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A user who can log in."""

    userID: Id | None = None  # noqa: N815 (Kii's own field names, here and below)
    loginName: Text | None = None  # noqa: N815
    emailAddress: Text | None = None  # noqa: N815
    phoneNumber: Text | None = None  # noqa: N815
    password: Text
    displayName: Text | None = None  # noqa: N815
    country: Text | None = None


class SeedGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A group; its owner is a member."""

    groupID: Id | None = None  # noqa: N815
    name: Text
    owner: Text
    members: list[Text] = []


class SeedThing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A thing that can log in."""

    thingID: Id | None = None  # noqa: N815
    vendorThingID: Id  # noqa: N815
    password: Text
    thingType: Text | None = None  # noqa: N815
    owners: list[Text] = []


class SeedApp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An app with its admin's client credentials."""

    appID: Id  # noqa: N815
    appKey: Text = "sandbox-key"  # noqa: N815
    clientID: Text  # noqa: N815
    clientSecret: Text  # noqa: N815
    users: list[SeedUser] = []
    groups: list[SeedGroup] = []
    things: list[SeedThing] = []


class Seed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole of a seed file."""

    apps: Annotated[list[SeedApp], msgspec.Meta(min_length=1)]
    policy: Policy = Policy()


DEFAULT = Seed(
    apps=[
        SeedApp(
            appID="sandbox-app",
            clientID="sandbox-client",
            clientSecret="sandbox-secret",
            users=[
                SeedUser(
                    loginName="alice",
                    emailAddress="alice@example.com",
                    phoneNumber="+819000000001",
                    password="password",  # noqa: S106
                    displayName="Alice",
                ),
                SeedUser(
                    loginName="bob",
                    emailAddress="bob@example.com",
                    phoneNumber="+819000000002",
                    password="password",  # noqa: S106
                    displayName="Bob",
                ),
            ],
            groups=[SeedGroup(groupID="team", name="team", owner="alice", members=["bob"])],
            things=[SeedThing(vendorThingID="lamp", password="password", owners=["alice"])],  # noqa: S106
        )
    ]
)


class SeedError(Exception):
    """The seed cannot be used; the message says why."""


def read(content: bytes) -> Seed:
    """Return the seed that a file's content describes. Raises SeedError."""
    try:
        return msgspec.json.decode(content, type=Seed)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise SeedError(f"the seed file is not valid: {error}") from error


def plant(store: Store, seed: Seed, now_ms: int) -> None:
    """Write the seed into an empty store, inside the caller's transaction. Raises SeedError."""
    try:
        for app in seed.apps:
            _plant_app(store, app, now_ms)
    except sqlite3.IntegrityError as error:
        raise SeedError(f"the seed names something twice: {error}") from error
    except KiiError as error:
        raise SeedError(f"the seed names somebody it does not have: {error.body['message']}") from error


def _plant_app(store: Store, app: SeedApp, now_ms: int) -> None:
    store.run("INSERT INTO apps VALUES (?, ?, ?, ?)", app.appID, app.appKey, app.clientID, app.clientSecret)
    access.scope_defaults(store, Scope(type="APP", app_id=app.appID))
    for user in app.users:
        registry.add_user(store, _new_user(app.appID, user), now_ms)
    for group in app.groups:
        members = [_user_id(store, app.appID, member) for member in group.members]
        new_group = NewGroup(
            app_id=app.appID,
            group_id=group.groupID or stable_id("group", app.appID, group.name)[:30],
            name=group.name,
            owner=_user_id(store, app.appID, group.owner),
            members=members,
        )
        registry.add_group(store, new_group, now_ms)
    for thing in app.things:
        new_thing = NewThing(
            app_id=app.appID,
            thing_id=thing.thingID or "th." + stable_id("thing", app.appID, thing.vendorThingID),
            vendor_thing_id=thing.vendorThingID,
            password=thing.password,
            owners=[f"UserID:{_user_id(store, app.appID, owner)}" for owner in thing.owners],
            data={} if thing.thingType is None else {"_thingType": thing.thingType},
        )
        registry.add_thing(store, new_thing, now_ms)


def _new_user(app_id: str, user: SeedUser) -> NewUser:
    name = user.loginName or user.emailAddress or user.phoneNumber
    if name is None:
        raise SeedError("a user of the seed needs loginName, emailAddress or phoneNumber")
    data = {"displayName": user.displayName, "country": user.country}
    return NewUser(
        app_id=app_id,
        user_id=user.userID or stable_id("user", app_id, name),
        password=user.password,
        login_name=user.loginName,
        email=user.emailAddress,
        phone=registry.normalize_phone(user.phoneNumber, user.country),
        data={key: value for key, value in data.items() if value is not None},
    )


def _user_id(store: Store, app_id: str, name: str) -> str:
    row = store.one("SELECT user_id FROM users WHERE app_id = ? AND login_name = ?", app_id, name)
    return str((row or directory.user(store, app_id, name))["user_id"])


def stable_id(*names: str) -> str:
    """Return an ID in the form of Kii's (`{12 hex}-{4}-{4}-{4}-{8}`) that depends on the names alone."""
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()
    return f"{digest[:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:24]}-{digest[24:32]}"
