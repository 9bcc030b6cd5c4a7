"""`topics`, `subscriptions` and `devices`: manage who gets which pushes, through the deployed API."""

from collections.abc import Iterator
from typing import Annotated, Literal

import typer
from msgspec import Struct, to_builtins

from kii_push.cli import files, output
from kii_push.cli.api import Api
from kii_push.cli.failure import Failure, Status
from kii_push.cli.options import Group, Json, Region, Thing, Url, User
from kii_push.common.decode import wire_name
from kii_push.kii import identifiers
from kii_push.kii.identifiers import APP, Principal, Scope, encode
from kii_push.kii.topics import TopicPage

topics = typer.Typer(help="Topics: the app's, or a group's, user's or thing's.", no_args_is_help=True)
devices = typer.Typer(help="The devices that pushes reach.", no_args_is_help=True)

_SUBSCRIPTION_ACTIONS = {
    "add": ("PUT", "is subscribed to"),
    "check": ("GET", "is subscribed to"),
    "remove": ("DELETE", "is no longer subscribed to"),
}

Topic = Annotated[str, typer.Argument(metavar="NAME", help="The topic's ID.")]


class _Device(Struct, rename=wire_name, omit_defaults=True):
    """A device as it is shown: all but its device token."""

    installation_id: str
    device_type: str
    user_id: str | None = None
    thing_id: str | None = None
    development: bool = False


class _Devices(Struct):
    installations: list[_Device]


@topics.command("list")
def list_topics(
    *,
    url: Url,
    group: Group = None,
    user: User = None,
    thing: Thing = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """List the topics, one a line."""
    with Api(url, region) as api:
        names = list(_names(api, _scope(group, user, thing)))
    if json:
        output.as_json(names)
    else:
        for name in names:
            output.line(name)


@topics.command("create")
def create_topic(
    name: Topic,
    *,
    url: Url,
    group: Group = None,
    user: User = None,
    thing: Thing = None,
    region: Region = None,
) -> None:
    """Make a topic."""
    path = _topic(name, _scope(group, user, thing))
    with Api(url, region) as api:
        api.do("PUT", path)
    output.line(f"Topic {name} is made.")


@topics.command("delete")
def delete_topic(
    name: Topic,
    *,
    url: Url,
    group: Group = None,
    user: User = None,
    thing: Thing = None,
    region: Region = None,
) -> None:
    """Delete a topic and its subscriptions."""
    path = _topic(name, _scope(group, user, thing))
    with Api(url, region) as api:
        api.do("DELETE", path)
    output.line(f"Topic {name} is deleted.")


def subscriptions(
    action: Annotated[
        Literal["add", "check", "remove"], typer.Argument(help="check exits with 0 or 1.", metavar="ACTION")
    ],
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="What is subscribed to: topic:news or bucket:orders.")
    ],
    subscriber: Annotated[
        str,
        typer.Argument(metavar="WHO", help="user:LOGIN_NAME:bob or thing:VENDOR_THING_ID:lamp."),
    ],
    *,
    url: Url,
    group: Group = None,
    user: User = None,
    thing: Thing = None,
    region: Region = None,
) -> None:
    """Add, check or remove a subscription of a user or thing to a topic or bucket."""
    method, done = _SUBSCRIPTION_ACTIONS[action]
    path = _subscription(source, subscriber, _scope(group, user, thing))
    with Api(url, region) as api:
        api.do(method, path)
    output.line(f"{subscriber} {done} {source}.")


@devices.command("list")
def list_devices(
    owner: Annotated[str, typer.Argument(metavar="USER", help="The user: an ID, or LOGIN_NAME:bob.")],
    *,
    url: Url,
    region: Region = None,
    json: Json = False,
) -> None:
    """List a user's devices, without their device tokens."""
    whose = identifiers.user(owner, "USER")
    with Api(url, region) as api:
        found = api.ask(_Devices, "GET", "/installations", query={"userID": whose}).installations
    if json:
        output.as_json(to_builtins(found))
    elif found:
        rows = [
            (each.device_type, each.installation_id, "development" if each.development else "production")
            for each in found
        ]
        output.table(("type", "installationID", "gets"), *rows)
    else:
        output.line(f"{owner} has no devices.")


def _names(api: Api, scope: Scope) -> Iterator[str]:
    """Yield the topics of all pages."""
    query: dict[str, str] = {}
    while True:
        page = api.ask(TopicPage, "GET", f"{scope.path}/topics", query=query)
        yield from (topic.id for topic in page.topics)
        if page.pagination_key is None:
            return
        query = {"paginationKey": page.pagination_key}


def _scope(group: str | None, user: str | None, thing: str | None) -> Scope:
    """Return the scope that the options name. Raises Failure, and InvalidRequest."""
    named: dict[identifiers.ScopeType, str | None] = {"group": group, "user": user, "thing": thing}
    given = [(type_, value) for type_, value in named.items() if value is not None]
    if len(given) > 1:
        raise Failure("Give one of --group, --user and --thing.", status=Status.USAGE)
    for type_, value in given:
        return identifiers.scope(type_, value, f"--{type_}")
    return APP


def _topic(name: str, scope: Scope) -> str:
    return f"{scope.path}/topics/{encode(identifiers.topic_id(name, 'NAME'))}"


def _subscription(source: str, subscriber: str, scope: Scope) -> str:
    """Return the API's path of a subscription. Raises Failure, and InvalidRequest."""
    kind, name = files.named(source, "topic", "bucket")
    check = identifiers.topic_id if kind == "topic" else identifiers.bucket_id
    who, id_ = files.named(subscriber, "user", "thing")
    principal = (
        Principal("user", identifiers.user(id_, "SUBSCRIBER"))
        if who == "user"
        else Principal("thing", identifiers.thing(id_, "SUBSCRIBER"))
    )
    return f"{scope.path}/{kind}s/{encode(check(name, 'SOURCE'))}/push/subscriptions{principal.path}"
