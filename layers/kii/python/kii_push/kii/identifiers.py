"""Kii's identifiers: their forms and limits, and how they stand in a path."""

import re
from dataclasses import dataclass
from typing import Literal, get_args
from urllib.parse import quote

from kii_push.errors import InvalidRequest, Violation

# docs/kii-push-api.md §4.2: [A-Za-z0-9_-], 1 to 64. §13 and §7 give the others.
_TOPIC_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BUCKET_ID = re.compile(r"[A-Za-z0-9_-]{2,64}")
_OBJECT_ID = re.compile(r"[A-Za-z0-9_.-]{2,100}")
# Users, groups and things: Kii makes these IDs and documents no pattern for all of them, so only what could
# change or break the path is refused: control characters, `/`, `\`, half a surrogate pair, `.` and `..`.
_PRINCIPAL = re.compile(r"(?!\.{1,2}$)[^/\\\x00-\x20\x7f\ud800-\udfff]{1,250}")

# A device token, whose form is the network's own: only what could change the path is refused.
_TOKEN = re.compile(r"[^/\\\x00-\x20\x7f\ud800-\udfff]{1,4096}")

_USER_PREFIXES = ("LOGIN_NAME:", "EMAIL:", "PHONE:")
_THING_PREFIXES = ("VENDOR_THING_ID:",)

ScopeType = Literal["group", "user", "thing"]
DeviceType = Literal["ANDROID", "IOS", "JPUSH", "MQTT"]


@dataclass(frozen=True)
class Scope:
    """Where a topic or bucket lives: the app (no `type`), or a group, user or thing (§4.1)."""

    type: ScopeType | None = None
    id: str = ""

    @property
    def path(self) -> str:
        """The prefix after `/apps/{appID}`, percent-encoded: empty for the app."""
        return f"/{self.type}s/{encode(self.id)}" if self.type else ""


APP = Scope()


@dataclass(frozen=True)
class Principal:
    """A user or thing: who subscribes, and who owns a device."""

    type: Literal["user", "thing"]
    id: str

    @property
    def path(self) -> str:
        """Its path below a collection of subscribers, or below the app."""
        return f"/{self.type}s/{encode(self.id)}"


def encode(identifier: str) -> str:
    """Percent-encode one path segment; the colon of `EMAIL:` stays readable, as Kii writes it.

    Raises InvalidRequest for what would make the path another one: nothing, `.` and `..`.
    """
    if identifier in {"", ".", ".."}:
        raise InvalidRequest(Violation("", f"{identifier!r} is not an identifier"))
    return quote(identifier, safe=":")


def topic_id(value: str, field: str) -> str:
    """Return a topic ID that Kii can take. Raises InvalidRequest naming `field`, as the next ones do."""
    return _match(_TOPIC_ID, value, field, "must be 1 to 64 letters, digits, '_' or '-'")


def bucket_id(value: str, field: str) -> str:
    """Return a bucket ID that Kii can take (§13)."""
    return _match(_BUCKET_ID, value, field, "must be 2 to 64 letters, digits, '_' or '-'")


def object_id(value: str, field: str) -> str:
    """Return an object ID that Kii can take (§13)."""
    _principal(value, field)
    return _match(_OBJECT_ID, value, field, "must be 2 to 100 letters, digits, '_', '-' or '.'")


def user(value: str, field: str) -> str:
    """Return a user identifier: an ID, or an address after LOGIN_NAME:, EMAIL: or PHONE: (§3).

    `me` is refused: Kii does not take it with an admin token (§1.2).
    """
    if value == "me":
        raise InvalidRequest(Violation(field, "'me' cannot be used here: name the user"))
    return _address(value, field, _USER_PREFIXES)


def group(value: str, field: str) -> str:
    """Return a group ID."""
    return _principal(value, field)


def thing(value: str, field: str) -> str:
    """Return a thing identifier: an ID, or VENDOR_THING_ID: and the vendor's (§4.1)."""
    return _address(value, field, _THING_PREFIXES)


def device_token(value: str, field: str) -> str:
    """Return a device token, which Kii calls `installationRegistrationID` (§7.1)."""
    return _match(
        _TOKEN, value, field, "must be 1 to 4096 characters without spaces, slashes or control characters"
    )


def installation(value: str, field: str) -> str:
    """Return an installation's ID, or a device type, a colon and a device token (§7.2)."""
    device_type, colon, token = value.partition(":")
    if not colon:
        return _principal(value, field)
    if device_type not in get_args(DeviceType):
        raise InvalidRequest(
            Violation(field, f"must be an ID, or begin with one of {', '.join(get_args(DeviceType))}")
        )
    device_token(token, field)
    return value


def scope(type_: ScopeType, value: str, field: str) -> Scope:
    """Return the scope of this type and identifier."""
    check = {"group": group, "user": user, "thing": thing}[type_]
    return Scope(type_, check(value, field))


def _match(pattern: re.Pattern[str], value: str, field: str, rule: str) -> str:
    if not pattern.fullmatch(value):
        raise InvalidRequest(Violation(field, rule))
    return value


def _principal(value: str, field: str) -> str:
    return _match(
        _PRINCIPAL, value, field, "must be 1 to 250 characters without spaces, slashes or control characters"
    )


def _address(value: str, field: str, prefixes: tuple[str, ...]) -> str:
    if value in prefixes:
        raise InvalidRequest(Violation(field, f"names nothing after {value!r}"))
    return _principal(value, field)
