"""The short form of a message, and its expansion to Kii's own body."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from kii_push.common.decode import ready
from kii_push.message.payload import Network


class ShortMessage(Struct, forbid_unknown_fields=True):
    """A title and a body for every network in `networks`, with optional `data` (flat) for the app."""

    title: str
    body: str
    data: dict[str, Any] | UnsetType = UNSET
    networks: list[Network] | UnsetType = UNSET


def is_short(message: Mapping[str, Any]) -> bool:
    """Say whether this is the short form: Kii's own body has neither of these fields."""
    return "title" in message or "body" in message


def expanded(message: Mapping[str, Any], default_networks: Sequence[Network]) -> Mapping[str, Any]:
    """Return Kii's body for a message that has been checked, whether it is in the short form or not."""
    if not is_short(message):
        return message
    return expand(msgspec.convert(message, ready(ShortMessage)), default_networks)


def expand(message: ShortMessage, default_networks: Sequence[Network]) -> dict[str, Any]:
    """Return Kii's body for `message`.

    Android and Apple devices show a notification by themselves; JPush and MQTT carry data only, so there the
    title and the body travel in it.
    """
    text = {"title": message.title, "body": message.body}
    blocks: dict[str, dict[str, Any]] = {
        "fcm": {"enabled": True, "notification": text},
        "gcm": {"enabled": True, "notification": text},
        "apns": {"enabled": True, "alert": text},
        "jpush": {"enabled": True, "data": text},
        "mqtt": {"enabled": True, "data": text},
    }
    networks = default_networks if message.networks is UNSET else message.networks
    data = {} if message.data is UNSET else message.data
    return {"data": data} | {network: blocks[network] for network in networks}
