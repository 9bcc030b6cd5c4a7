"""The push request: one JSON for the HTTPS, queue and schedule doors, and the targets it can name."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from kii_push import identifiers, message_shape, short_form, strict_json
from kii_push.errors import InvalidRequest, Violation
from kii_push.identifiers import APP, Scope
from kii_push.message import Message
from kii_push.payload import NETWORKS, Network

# SQS keeps a message attribute, DynamoDB a key of this length with ease; printable ASCII survives a header.
_PUSH_ID = re.compile(r"[\x21-\x7e]{1,128}")

OnUnknown = Literal["hold", "resend"]


class TargetShape(Struct, forbid_unknown_fields=True):
    """`{"user"}`, or `{"topic"}` alone or with one of `group`, `user`, `thing`."""

    user: str | UnsetType = UNSET
    topic: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    thing: str | UnsetType = UNSET


class RequestShape(Struct, forbid_unknown_fields=True, rename=message_shape.wire_name):
    """The push request as it stands in JSON; `message` is Kii's body or the short form.

    `broadcast` is the ID of the broadcast that the push is part of; the fan-out sets it.
    """

    target: TargetShape
    message: dict[str, Any]
    id: str | UnsetType = UNSET
    not_after: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    on_unknown: OnUnknown = "hold"
    broadcast: str | UnsetType = UNSET


@dataclass(frozen=True)
class UserTarget:
    """Direct Push to all devices of one user."""

    user: str


@dataclass(frozen=True)
class TopicTarget:
    """Push to User: to all subscribers of a topic."""

    topic: str
    scope: Scope = APP


@dataclass(frozen=True)
class PushRequest:
    """A push to be made. `message` is Kii's body, with its types checked but not yet its rules."""

    id: str
    target: UserTarget | TopicTarget
    message: Message
    not_after: datetime | None = None
    on_unknown: OnUnknown = "hold"
    broadcast: str | None = None

    def expired(self, now: datetime | None = None) -> bool:
        """Say whether `notAfter` has passed."""
        return self.not_after is not None and (now or datetime.now(UTC)) > self.not_after


def parse(text: str, *, default_id: str) -> PushRequest:
    """Read a push request as it stands in an SQS message or a schedule's input.

    Raises InvalidRequest with every field that is malformed, unknown or missing.
    """
    return from_json(strict_json.loads(text), default_id=default_id)


def from_json(value: Any, *, default_id: str) -> PushRequest:
    """Return the push request in a decoded JSON `value`. Raises InvalidRequest as `parse` does."""
    shape = _convert(value, RequestShape)
    return PushRequest(
        id=push_id(default_id if shape.id is UNSET else shape.id),
        target=_target(shape.target),
        message=_message(shape.message),
        not_after=None if shape.not_after is UNSET else shape.not_after,
        on_unknown=shape.on_unknown,
        broadcast=None if shape.broadcast is UNSET else shape.broadcast,
    )


def push_id(value: str, field: str = "id") -> str:
    """Return an ID that can be recorded. Raises InvalidRequest naming `field` otherwise."""
    if not _PUSH_ID.fullmatch(value):
        raise InvalidRequest(Violation(field, "must be 1 to 128 printable ASCII characters without spaces"))
    return value


def _target(shape: TargetShape) -> UserTarget | TopicTarget:
    scopes = cast(
        "dict[identifiers.ScopeType, str]",
        {name: value for name in ("group", "user", "thing") if (value := getattr(shape, name)) is not UNSET},
    )
    if shape.topic is UNSET:
        if set(scopes) != {"user"}:
            raise InvalidRequest(Violation("target", "must name a user, or a topic and at most one scope"))
        return UserTarget(identifiers.user(scopes["user"], "target.user"))
    if len(scopes) > 1:
        raise InvalidRequest(
            Violation("target", f"names {len(scopes)} scopes for the topic ({', '.join(scopes)}): give one")
        )
    topic = identifiers.topic_id(shape.topic, "target.topic")
    for type_, value in scopes.items():
        return TopicTarget(topic, identifiers.scope(type_, value, f"target.{type_}"))
    return TopicTarget(topic)


def _message(value: dict[str, Any]) -> Message:
    if short_form.is_short(value):
        short = _convert(value, short_form.ShortMessage, "message")
        return short_form.expand(short, _default_networks())
    _convert(value, message_shape.Message, "message")
    return value


def _default_networks() -> tuple[Network, ...]:
    named = os.environ.get("KII_DEFAULT_NETWORKS", "fcm,apns").split(",")
    return tuple(network for network in NETWORKS if network in named)


def _convert[T](value: Any, shape: type[T], prefix: str = "") -> T:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise InvalidRequest(_violation(str(error), prefix)) from None


def _violation(text: str, prefix: str) -> Violation:
    """Turn msgspec's "what - at `$.path`" into the field's path and what is wrong with it."""
    what, _, at = text.partition(" - at `$")
    path = [part for part in (prefix, at.rstrip("`").lstrip(".")) if part]
    named = re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", what)
    if named:
        path.append(named[2])
        what = "is not a known field" if named[1] == "contains unknown" else "must be given"
    elif what.startswith("Invalid enum value"):
        # The value itself stays out of errors; the schema under docs/ lists what is possible.
        what = "is not one of the possible values"
    return Violation(".".join(path), what)


def merged(body: Any, target: Mapping[str, str]) -> Any:
    """Return the push request in an HTTP `body` whose path names `target`.

    The body is the push request, with or without its target, or Kii's own message alone: Kii's has no field
    `message`, and a request always has one. Raises InvalidRequest if body and path name different targets.
    """
    if not isinstance(body, dict) or "message" not in body:
        return {"target": dict(target), "message": body}
    if body.get("target", target) != target:
        raise InvalidRequest(Violation("target", "is not the one in the path"))
    return {**body, "target": dict(target)}
