"""What each network would carry for a message, to count its bytes against the network's limit.

See docs/kii-push-api.md §8.1, §8.2 and §8.4. How Kii counts is not documented: here it is the UTF-8 length of
the compact JSON of the whole payload, Kii's own fields included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kii_push.common import strict_json
from kii_push.kii.identifiers import APP, Scope

Network = Literal["fcm", "gcm", "apns", "jpush", "mqtt"]
NETWORKS: tuple[Network, ...] = ("fcm", "gcm", "apns", "jpush", "mqtt")

# In bytes. Kii documents no limit for JPush.
LIMITS: dict[Network, int] = {"fcm": 4096, "gcm": 4096, "apns": 2048, "mqtt": 4096}

# A time in milliseconds has thirteen digits until the year 2286; which ones does not matter here.
_SOME_TIME_MS = 1_000_000_000_000
# Kii writes its own ID where a caller may give an address; its IDs have this many characters.
_USER_ID = "x" * 36
_THING_ID = "th." + "x" * 36
_SENDER = "kiicloud://admins/APP_ADMIN"

# Long key, APNs key (empty where APNs does not carry it).
_KEYS = {
    "appID": "a",
    "origin": "o",
    "when": "w",
    "type": "t",
    "topic": "to",
    "objectScopeType": "st",
    "objectScopeAppID": "sa",
    "objectScopeUserID": "su",
    "objectScopeGroupID": "sg",
    "objectScopeThingID": "sth",
    "senderURI": "",
    "sourceURI": "",
}


@dataclass(frozen=True)
class Context:
    """Where the app admin sends to: `user` (Direct Push), or `topic` in `scope`."""

    app_id: str
    user: str | None = None
    topic: str | None = None
    scope: Scope = APP


def size(message: Mapping[str, Any], network: Network, context: Context) -> int:
    """Return the bytes of the payload that `network` would carry for `message` (Kii's body)."""
    return len(strict_json.dumps(_payload(message, network, context)).encode())


def _payload(message: Mapping[str, Any], network: Network, context: Context) -> dict[str, Any]:
    block = message.get(network, {})
    # The network's own data wins on equal keys (§8.1, merge rule).
    data = {**message.get("data", {}), **block.get("data", {})}
    added = _added(message, context)
    if network == "apns":
        short = {_KEYS[key]: value for key, value in added.items() if _KEYS[key]}
        data.pop("aps", None)  # receivers tell APNs by it
        return {"aps": _aps(block), **data, **short}
    data |= added
    if network in {"gcm", "fcm"}:
        texts = {
            key: value if isinstance(value, str) else strict_json.dumps(value) for key, value in data.items()
        }
        return {"data": texts, **_renamed(block, "_")}
    return data


def _added(message: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Return what Kii adds (§8.4), by its long keys."""
    added: dict[str, Any] = {"senderURI": _SENDER, "sourceURI": _source(context)}
    if message.get("sendAppID", False):
        added["appID"] = context.app_id
    if message.get("pushMessageType"):
        added["type"] = message["pushMessageType"]
    if message.get("sendWhen", False):
        added["when"] = _SOME_TIME_MS
    if message.get("sendOrigin", False):
        added["origin"] = "EXPLICIT"
    if context.topic and message.get("sendTopicID", True):
        added["topic"] = context.topic
    if context.topic and message.get("sendObjectScope", True):
        scope = context.scope
        added["objectScopeAppID"] = context.app_id
        added["objectScopeType"] = f"APP_AND_{scope.type.upper()}" if scope.type else "APP"
        if scope.type:
            added[f"objectScope{scope.type.capitalize()}ID"] = _id(scope.id)
    return added


def _source(context: Context) -> str:
    if context.user:
        return f"kiicloud://users/{_id(context.user)}"
    scope = f"{context.scope.type}s/{_id(context.scope.id)}/" if context.scope.type else ""
    return f"kiicloud://{scope}topics/{context.topic}"


def _id(identifier: str) -> str:
    if identifier.startswith("VENDOR_THING_ID:"):
        return _THING_ID
    return _USER_ID if ":" in identifier else identifier


def _aps(block: Mapping[str, Any]) -> dict[str, Any]:
    aps = _renamed(block, "-")
    for switch in ("content-available", "mutable-content"):
        # Truthy becomes 1, anything else is left out (§8.2).
        if aps.pop(switch, False):
            aps[switch] = 1
    return aps


def _renamed(block: Mapping[str, Any], separator: str) -> dict[str, Any]:
    """Return the block's fields, but not `enabled` and `data`, under the network's own names."""
    return {
        re.sub(r"(?<=[a-z])(?=[A-Z])", separator, key).lower(): _renamed(value, separator)
        if isinstance(value, Mapping)
        else value
        for key, value in block.items()
        if key not in {"enabled", "data"}
    }
