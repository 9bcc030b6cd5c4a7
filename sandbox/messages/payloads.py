"""What each push network carries: the payload a device is handed for a message or a bucket event.

Sources: docs/kii-push-api.md §6.2, §8.1, §8.2, §8.4. The shapes, by network:

mqtt, jpush   one flat object, long keys: `{"topic": ..., "senderURI": ..., "k": "v"}`
apns          one flat object, short keys, and `aps`: `{"aps": {...}, "to": ..., "s": ..., "k": "v"}`
gcm, fcm      the message with the same long keys as text in its data, and the block's other fields under the
              network's own names: `{"data": {...}, "notification": {...}, "collapse_key": ...}`

Where Kii says nothing: a custom key that equals a metadata key or `aps` gives way to it, since receivers
classify by those; numbers and booleans in gcm and fcm data are their JSON text; events carry an empty `aps`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.kii.scope import Scope

Network = Literal["gcm", "fcm", "apns", "jpush", "mqtt"]
NETWORKS: tuple[Network, ...] = ("gcm", "fcm", "apns", "jpush", "mqtt")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Who sends an explicit message through what. `topic_id` and `scope` are None for Direct Push.

    `sender` is a user or thing ID, None for the app's admin; `when_ms` is in Unix milliseconds.
    """

    app_id: str
    sender_uri: str
    source_uri: str
    when_ms: int
    sender: str | None = None
    topic_id: str | None = None
    scope: Scope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketEvent:
    """A change in a bucket that Kii pushes to the bucket's subscribers. Times are Unix milliseconds.

    `type` is one of §6.1's names; `object_id` and `modified_ms` are None where no object is left.
    """

    type: str
    app_id: str
    scope: Scope
    bucket_id: str
    source_uri: str
    when_ms: int
    sender: str | None = None
    object_id: str | None = None
    modified_ms: int | None = None
    bucket_type: Literal["rw", "sync"] = "rw"


def explicit(message: Mapping[str, Any], network: Network, context: Context) -> Json:
    """Return what `network` carries for a message that `message_rules.check` accepts.

    Shape: see the module. Values are JSON scalars, `aps` and `notification` objects.
    """
    block = message.get(network) or {}
    data = {**(message.get("data") or {}), **(block.get("data") or {})}
    if network == "apns":
        data.pop("aps", None)
        return {"aps": _aps(block)} | data | _with_short_keys(_explicit_metadata(message, context))
    payload = data | _explicit_metadata(message, context)
    if network in ("gcm", "fcm"):
        return {"data": _as_text(payload)} | _android_fields(block, network)
    return payload


def event(change: BucketEvent, network: Network) -> Json:
    """Return what `network` carries for a Push to App event (§6.2). It cannot be customised."""
    payload = _event_metadata(change)
    if network == "apns":
        return {"aps": {}} | _with_short_keys(
            {key: payload[key] for key in payload if key not in _NOT_IN_APNS_EVENTS}
        )
    if network in ("gcm", "fcm"):
        return {"data": _as_text(payload), "collapse_key": change.bucket_id}
    return payload


def encode(payload: Json) -> bytes:
    """Return the compact UTF-8 JSON that goes over the wire and that the size rules count.

    Raises ValueError (UnicodeEncodeError) for NaN, infinity and lone surrogates, which JSON cannot carry.
    """
    return _encode(payload).encode()


_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":")
).encode

_SHORT_KEYS = {
    "appID": "a",
    "sender": "s",
    "origin": "o",
    "when": "w",
    "type": "t",
    "topic": "to",
    "objectScopeType": "st",
    "objectScopeAppID": "sa",
    "objectScopeUserID": "su",
    "objectScopeGroupID": "sg",
    "objectScopeThingID": "sth",
    "bucketID": "bi",
    "bucketType": "bt",
    "objectID": "oi",
}
_NOT_IN_APNS_EVENTS = frozenset({"appID", "sender", "origin", "modifiedAt"})
# GCM supports no others (§8.2); what FCM supports is not documented.
_GCM_NOTIFICATION = ("title", "body", "icon", "sound", "tag", "color", "clickAction")


def _explicit_metadata(message: Mapping[str, Any], context: Context) -> Json:
    found: Json = {}
    if message.get("sendAppID", False):
        found["appID"] = context.app_id
    if context.topic_id is not None and message.get("sendTopicID", True):
        found["topic"] = context.topic_id
    if context.scope is not None and message.get("sendObjectScope", True):
        found |= _scope(context.scope)
    if context.sender is not None and message.get("sendSender", True):
        found["sender"] = context.sender
    found["senderURI"] = context.sender_uri
    found["sourceURI"] = context.source_uri
    if message.get("pushMessageType"):
        found["type"] = message["pushMessageType"]
    if message.get("sendWhen", False):
        found["when"] = context.when_ms
    if message.get("sendOrigin", False):
        found["origin"] = "EXPLICIT"
    return found


def _event_metadata(change: BucketEvent) -> Json:
    found: Json = {"origin": "EVENT", "type": change.type, "when": change.when_ms}
    if change.modified_ms is not None:
        found["modifiedAt"] = change.modified_ms
    found["appID"] = change.app_id
    if change.sender is not None:
        found["sender"] = change.sender
    found["sourceURI"] = change.source_uri
    found |= _scope(change.scope)
    found |= {"bucketID": change.bucket_id, "bucketType": change.bucket_type}
    if change.object_id is not None:
        found["objectID"] = change.object_id
    return found


def _scope(scope: Scope) -> Json:
    ids = {
        "objectScopeAppID": scope.app_id,
        "objectScopeUserID": scope.user_id,
        "objectScopeGroupID": scope.group_id,
        "objectScopeThingID": scope.thing_id,
    }
    return {"objectScopeType": scope.type} | {key: value for key, value in ids.items() if value is not None}


def _with_short_keys(metadata: Json) -> Json:
    """Return the metadata under APNs's short keys; what has none (the URIs) is not carried there."""
    return {_SHORT_KEYS[key]: value for key, value in metadata.items() if key in _SHORT_KEYS}


def _aps(block: Mapping[str, Any]) -> Json:
    fields = {name: block[name] for name in ("alert", "sound", "badge", "category") if name in block}
    fields |= {name: 1 for name in ("contentAvailable", "mutableContent") if block.get(name)}
    return _in_words(fields, "-")


def _android_fields(block: Mapping[str, Any], network: Network) -> Json:
    fields = {name: value for name, value in block.items() if name not in ("enabled", "data")}
    if network == "gcm" and "notification" in block:
        given = block["notification"]
        fields["notification"] = {name: given[name] for name in _GCM_NOTIFICATION if name in given}
    return _in_words(fields, "_")


def _as_text(payload: Json) -> dict[str, str]:
    return {key: value if isinstance(value, str) else _encode(value) for key, value in payload.items()}


def _in_words(fields: Mapping[str, Any], separator: str) -> Json:
    """Return the fields with camelCase names taken apart, as networks spell them: `locKey`, `loc-key`."""
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])", separator, name).lower(): _in_words(value, separator)
        if isinstance(value, dict)
        else value
        for name, value in fields.items()
    }
