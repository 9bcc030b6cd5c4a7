"""What an API call's path and query name, as Kii's identifiers, checked before Kii is asked."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from kii_push.errors import InvalidRequest, Violation, readable
from kii_push.kii import identifiers
from kii_push.kii.identifiers import APP, Principal, Scope

type Event = Mapping[str, Any]

_SCOPES: dict[str, identifiers.ScopeType] = {"groupID": "group", "userID": "user", "thingID": "thing"}
# What a push request calls them.
_TARGET = {**_SCOPES, "topicID": "topic", "bucketID": "bucket"}
# What a presigned URL carries its signature in; the gateway has checked it.
_SIGNATURE = re.compile(r"X-Amz-[A-Za-z0-9-]{1,40}")


def scope(event: Event) -> Scope:
    """Return the scope that the path begins with. Raises InvalidRequest, as do all of these."""
    for parameter in _SCOPES.keys() & (event["pathParameters"] or {}).keys():
        return identifiers.scope(_SCOPES[parameter], path(event, parameter), parameter)
    return APP


def target(event: Event) -> dict[str, str]:
    """Return what the path names as the target of a push request, in its JSON form and not yet checked."""
    named = event["pathParameters"].keys() & _TARGET.keys()
    return {_TARGET[parameter]: path(event, parameter) for parameter in named}


def topic(event: Event) -> str:
    """Return the topic that the path names."""
    return identifiers.topic_id(path(event, "topicID"), "topicID")


def bucket(event: Event) -> str:
    """Return the bucket that the path names."""
    return identifiers.bucket_id(path(event, "bucketID"), "bucketID")


def subscriber(event: Event) -> Principal:
    """Return the user or thing at the end of a subscription's path."""
    value = path(event, "subscriberID")
    if event["resource"].endswith("/users/{subscriberID}"):
        return Principal("user", identifiers.user(value, "subscriberID"))
    return Principal("thing", identifiers.thing(value, "subscriberID"))


def owner(event: Event) -> Principal | None:
    """Return whose installations the query asks for, None for all of them."""
    user, thing = query(event, "userID"), query(event, "thingID")
    if user is not None and thing is not None:
        raise InvalidRequest(Violation("thingID", "cannot be given with userID"))
    if user is not None:
        return Principal("user", identifiers.user(user, "userID"))
    return None if thing is None else Principal("thing", identifiers.thing(thing, "thingID"))


def installation(event: Event) -> str:
    """Return the installation that the path names: by ID, or by device type and token."""
    return identifiers.installation(path(event, "installationID"), "installationID")


def path(event: Event, name: str) -> str:
    """Return a path parameter, percent-decoded: API Gateway's REST APIs hand it on as it was sent."""
    try:
        return unquote(event["pathParameters"][name], errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest(Violation(name, "is not UTF-8 in percent-encoding")) from None


def query(event: Event, name: str) -> str | None:
    """Return a query parameter, which API Gateway has decoded. Raises InvalidRequest if it is there twice."""
    values = _queries(event).get(name, [])
    if len(values) > 1:
        raise InvalidRequest(Violation(name, "is given more than once"))
    return values[0] if values else None


def flag(event: Event, name: str) -> bool:
    """Return a query parameter that is `true` or `false`, the latter without it."""
    value = query(event, name)
    if value not in {None, "true", "false"}:
        raise InvalidRequest(Violation(name, "must be true or false"))
    return value == "true"


def refuse_other_queries(event: Event, known: tuple[str, ...]) -> None:
    """Raise InvalidRequest for a query parameter that is not known: a misspelt `dryRun` must not send."""
    for name in _queries(event).keys() - known:
        if not _SIGNATURE.fullmatch(name):
            raise InvalidRequest(Violation(readable(name), "is not a known query parameter"))


def _queries(event: Event) -> Mapping[str, list[str]]:
    return event.get("multiValueQueryStringParameters") or {}
