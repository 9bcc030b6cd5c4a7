"""The push request: one JSON for the HTTPS, queue and schedule doors, and the targets it can name."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast

from msgspec import UNSET, Meta, Struct, UnsetType, to_builtins

from kii_push.common import strict_json
from kii_push.common.decode import decode, wire_name
from kii_push.errors import Expired, InvalidRequest, Violation
from kii_push.kii import identifiers
from kii_push.kii.identifiers import APP, Scope
from kii_push.message import fields, short_form
from kii_push.message.rules import Message

# SQS keeps a message attribute, DynamoDB a key of this length with ease; printable ASCII survives a header.
_PUSH_ID = re.compile(r"[\x21-\x7e]{1,128}")

# What the IDs that the bundle makes begin with, so that no sender can take one beforehand.
RESERVED_PREFIXES = ("broadcast:", "schedule:", "list:")
# EventBridge Scheduler replaces `<aws.scheduler.scheduled-time>` and its like in a schedule's input.
_PLACEHOLDER = "<aws.scheduler."

NOT_OF_A_BROADCAST = Violation("broadcast", "is for the pushes that a broadcast makes")

OnUnknown = Literal["hold", "resend"]
ObjectOperation = Literal["create", "replace", "update", "delete"]


class TargetShape(Struct, forbid_unknown_fields=True):
    """`{"user"}`, or `{"topic"}` or `{"bucket"}` alone or with one of `group`, `user`, `thing`."""

    user: str | UnsetType = UNSET
    topic: str | UnsetType = UNSET
    bucket: str | UnsetType = UNSET
    group: str | UnsetType = UNSET
    thing: str | UnsetType = UNSET


class RequestShape(Struct, forbid_unknown_fields=True, rename=wire_name):
    """The push request as it stands in JSON.

    `message` is Kii's body or the short form. A bucket's request has `object`, `objectID` and `operation`
    instead, by default `create`, or `replace` if it has an `objectID`. `confirm` must be true for a topic in
    the app's scope. `broadcast` is the ID of the broadcast that the push is part of; the fan-out sets it.
    """

    target: TargetShape
    message: dict[str, Any] | UnsetType = UNSET
    object: dict[str, Any] | UnsetType = UNSET
    object_id: str | UnsetType = UNSET
    operation: ObjectOperation | UnsetType = UNSET
    id: str | UnsetType = UNSET
    not_after: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    on_unknown: OnUnknown = "hold"
    confirm: bool = False
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
class BucketTarget:
    """Push to App: a change of an object, of which Kii tells the bucket's subscribers.

    `create` without `object_id` leaves the ID to Kii; every other operation has one.
    """

    bucket: str
    scope: Scope = APP
    operation: ObjectOperation = "create"
    object_id: str | None = None


type Target = UserTarget | TopicTarget | BucketTarget


Door = Literal["https", "queue", "schedule", "broadcast"]


@dataclass(frozen=True)
class Origin:
    """Where a push came in, and who sent it there, as far as AWS says so.

    The door `broadcast` is the queue that only the bundle fills. `redriven`: it was a dead letter, and
    `sender` is whom that names.
    """

    door: Door
    sender: str | None = None
    redriven: bool = False


@dataclass(frozen=True)
class PushRequest:
    """A push to be made.

    `message` is Kii's body or the short form, with its types checked but not yet its rules. For a
    BucketTarget it is the object, or the fields of it that `update` changes; empty for `delete`.
    `fingerprint` is the SHA-256 of what the sender said, to whom and until when, whatever the order of the
    keys; `fingerprint_before_v` is that of release 0.1.0, without `notAfter`. `origin` is None for a request
    that is only checked.
    """

    id: str
    target: Target
    message: Message
    fingerprint: str
    fingerprint_before_v: str
    not_after: datetime | None = None
    on_unknown: OnUnknown = "hold"
    confirm: bool = False
    broadcast: str | None = None
    origin: Origin | None = None

    def expired(self, now: datetime | None = None) -> bool:
        """Say whether `notAfter` has passed."""
        return self.not_after is not None and (now or datetime.now(UTC)) > self.not_after

    def refuse_late(self) -> None:
        """Raise Expired if `notAfter` has passed."""
        if self.expired():
            raise Expired(f"notAfter ({self.not_after:%Y-%m-%dT%H:%M:%S%z}) has passed")

    @property
    def lacks_confirm(self) -> bool:
        """Say whether it goes to all subscribers of an app-wide topic without a `confirm`."""
        return isinstance(self.target, TopicTarget) and self.target.scope == APP and not self.confirm


def parse(text: str, *, default_id: str | None, origin: Origin | None = None) -> PushRequest:
    """Read a push request as it stands in an SQS message or a schedule's input.

    Without a `default_id` it must have its own. Raises InvalidRequest with every field that is malformed,
    unknown or missing.
    """
    return from_json(strict_json.loads(text), default_id=default_id, origin=origin)


def from_json(value: Any, *, default_id: str | None, origin: Origin | None = None) -> PushRequest:
    """Return the push request in a decoded JSON `value`. Raises InvalidRequest as `parse` does."""
    shape = decode(value, RequestShape)
    target, message = _push(shape)
    own_id = default_id if shape.id is UNSET else shape.id
    if own_id is None:
        hint = "if it repeats, with <aws.scheduler.scheduled-time> in it"
        raise InvalidRequest(Violation("id", f"must be given by a schedule; {hint}"))
    broadcast = None if shape.broadcast is UNSET else shape.broadcast
    _check_ownership(push_id(own_id), broadcast, origin)
    before_v = _said(shape, target)
    said = before_v if shape.not_after is UNSET else [*before_v, shape.not_after.isoformat()]
    return PushRequest(
        id=own_id,
        target=target,
        message=message,
        fingerprint=_digest(said),
        fingerprint_before_v=_digest(before_v),
        not_after=None if shape.not_after is UNSET else shape.not_after,
        on_unknown=shape.on_unknown,
        confirm=shape.confirm,
        broadcast=broadcast,
        origin=origin,
    )


def push_id(value: str, field: str = "id") -> str:
    """Return an ID that can be recorded. Raises InvalidRequest naming `field` otherwise."""
    if not _PUSH_ID.fullmatch(value):
        raise InvalidRequest(Violation(field, "must be 1 to 128 printable ASCII characters without spaces"))
    return value


def _check_ownership(own_id: str, broadcast: str | None, origin: Origin | None) -> None:
    """Raise InvalidRequest for an ID that only the bundle gives, or a push that only it makes."""
    if origin is not None and _PLACEHOLDER in own_id:
        reason = f"has a {_PLACEHOLDER}...> that EventBridge Scheduler does not know, or did not replace"
        raise InvalidRequest(Violation("id", reason))
    is_bundles = origin is not None and origin.door == "broadcast"
    if broadcast is not None:
        # Without `broadcast:` it is of a broadcast that release 0.1.0 accepted.
        mine = (f"broadcast:{broadcast}:", f"{broadcast}:")
        if not is_bundles or not own_id.startswith(mine):
            raise InvalidRequest(NOT_OF_A_BROADCAST)
    elif own_id.startswith(RESERVED_PREFIXES):
        prefixes = " or ".join(f'"{prefix}"' for prefix in RESERVED_PREFIXES)
        reason = f"must not begin with {prefixes}: these IDs are the bundle's own"
        raise InvalidRequest(Violation("id", reason))


def _said(shape: RequestShape, target: Target) -> list[Any]:
    """Return what is sent, and to whom."""
    said = [to_builtins(shape.target), *(each for each in (shape.message, shape.object) if each is not UNSET)]
    if isinstance(target, BucketTarget):
        said += [target.operation, target.object_id]
    return said


def _digest(said: list[Any]) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _push(shape: RequestShape) -> tuple[Target, Message]:
    """Return where the push goes and what it carries."""
    if shape.target.bucket is not UNSET:
        return _object_change(shape.target.bucket, shape)
    for field in ("object", "object_id", "operation"):
        if getattr(shape, field) is not UNSET:
            raise InvalidRequest(Violation(wire_name(field), "can be given for a bucket only"))
    if shape.message is UNSET:
        raise InvalidRequest(Violation("message", "must be given"))
    return _target(shape.target), _message(shape.message)


def _target(shape: TargetShape) -> UserTarget | TopicTarget:
    if shape.topic is not UNSET:
        topic = identifiers.topic_id(shape.topic, "target.topic")
        return TopicTarget(topic, _scope(shape, "topic"))
    if shape.user is UNSET or shape.group is not UNSET or shape.thing is not UNSET:
        raise InvalidRequest(
            Violation("target", "must name a user, or a topic or a bucket and at most one scope")
        )
    return UserTarget(identifiers.user(shape.user, "target.user"))


def _object_change(bucket: str, shape: RequestShape) -> tuple[BucketTarget, Message]:
    if shape.target.topic is not UNSET:
        raise InvalidRequest(Violation("target", "names a topic and a bucket: give one"))
    object_id = None if shape.object_id is UNSET else identifiers.object_id(shape.object_id, "objectID")
    operation: ObjectOperation = "create" if object_id is None else "replace"
    if shape.operation is not UNSET:
        operation = shape.operation
    for field, given, wanted in (
        ("message", shape.message is not UNSET, False),
        ("objectID", object_id is not None, operation != "create"),
        ("object", shape.object is not UNSET, operation != "delete"),
    ):
        if given != wanted:
            what = "must be given" if wanted else "cannot be given"
            raise InvalidRequest(Violation(field, f"{what} to {operation} an object"))
    target = BucketTarget(
        identifiers.bucket_id(bucket, "target.bucket"), _scope(shape.target, "bucket"), operation, object_id
    )
    return target, {} if shape.object is UNSET else shape.object


def _scope(shape: TargetShape, what: str) -> Scope:
    """Return the scope of a topic or bucket."""
    scopes = cast(
        "dict[identifiers.ScopeType, str]",
        {name: value for name in ("group", "user", "thing") if (value := getattr(shape, name)) is not UNSET},
    )
    if len(scopes) > 1:
        raise InvalidRequest(
            Violation("target", f"names {len(scopes)} scopes for the {what} ({', '.join(scopes)}): give one")
        )
    for type_, value in scopes.items():
        return identifiers.scope(type_, value, f"target.{type_}")
    return APP


def _message(value: dict[str, Any]) -> Message:
    if short_form.is_short(value):
        decode(value, short_form.ShortMessage, "message")
    else:
        decode(value, fields.Message, "message")
    return value


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
