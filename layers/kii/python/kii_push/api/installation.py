"""The body of POST /installations and Kii's rules for it, checked before Kii is asked.

See docs/kii-push-api.md §7.1.
"""

from dataclasses import dataclass, field
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from kii_push.common.decode import decode, wire_name
from kii_push.errors import InvalidRequest, Violation
from kii_push.kii import identifiers
from kii_push.kii.identifiers import DeviceType, Principal


class NewInstallation(Struct, frozen=True, forbid_unknown_fields=True, rename=wire_name, kw_only=True):
    """A device to install, for a user or for a thing.

    `installationRegistrationID` is the device token; an MQTT device has none. `development`: the device gets
    what is sent to development, not to production.
    """

    device_type: DeviceType
    installation_registration_id: str | UnsetType = UNSET
    user_id: str | UnsetType = UNSET
    thing_id: str | UnsetType = UNSET
    development: bool = False


@dataclass(frozen=True)
class Device:
    """A device to install that Kii can take; `token` is None for MQTT."""

    type: DeviceType
    owner: Principal
    token: str | None = field(repr=False)
    development: bool


def read(value: Any) -> Device:
    """Return the device in a decoded JSON body. Raises InvalidRequest with what is wrong with it."""
    new = decode(value, NewInstallation)
    return Device(new.device_type, _owner(new), _token(new), new.development)


def _owner(new: NewInstallation) -> Principal:
    if (new.user_id is UNSET) == (new.thing_id is UNSET):
        raise InvalidRequest(Violation("", "must have one of userID and thingID"))
    if new.user_id is not UNSET:
        return Principal("user", identifiers.user(new.user_id, "userID"))
    return Principal("thing", identifiers.thing(str(new.thing_id), "thingID"))


def _token(new: NewInstallation) -> str | None:
    name, token = "installationRegistrationID", new.installation_registration_id
    if new.device_type == "MQTT":
        if token is not UNSET:
            raise InvalidRequest(Violation(name, "must be left out for MQTT: Kii makes it"))
        return None
    if token is UNSET:
        raise InvalidRequest(Violation(name, f"must be given for {new.device_type}: it is the device token"))
    return identifiers.device_token(token, name)
