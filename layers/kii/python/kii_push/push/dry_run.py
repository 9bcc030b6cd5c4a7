"""Try a push out: everything is checked and Kii is asked, with GETs only, but nothing is sent."""

from collections.abc import Iterable
from http import HTTPStatus

from msgspec import UNSET, Struct, UnsetType

from kii_push.common.decode import wire_name
from kii_push.errors import KiiError
from kii_push.kii.accounts import resolve
from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import Principal
from kii_push.kii.installations import Installation, Installations
from kii_push.kii.objects import Objects
from kii_push.kii.topics import Topics
from kii_push.message import payload, rules
from kii_push.message.payload import Network
from kii_push.message.rules import Message
from kii_push.push.preflight import MAX_OBJECT_CHARS, CheckedMessage, Preflight
from kii_push.push.request import BucketTarget, PushRequest, UserTarget

# FCM reaches devices that were installed as ANDROID as well (docs/kii-push-api.md §7.1).
_DEVICE_TYPES = {"fcm": "ANDROID", "gcm": "ANDROID", "apns": "IOS", "jpush": "JPUSH", "mqtt": "MQTT"}


class NetworkUse(Struct, frozen=True):
    """What a network would carry: `bytes` of its `limit`, null where Kii names none.

    `installations`: to how many of the user's devices. For a topic it is absent: Kii lists no subscribers.
    """

    bytes: int
    limit: int | None
    installations: int | UnsetType = UNSET


class ObjectUse(Struct, frozen=True):
    """How long an object is, of Kii's limit."""

    characters: int
    limit: int


class DryRunReport(Struct, frozen=True, kw_only=True, rename=wire_name):
    """What a push would have done: `networks` by name, those that are enabled; `object` for a bucket."""

    id: str
    dry_run: bool = True
    networks: dict[Network, NetworkUse] | UnsetType = UNSET
    object: ObjectUse | UnsetType = UNSET


def report(request: PushRequest, kii: KiiClient, preflight: Preflight) -> DryRunReport:
    """Return what the push would do. Raises what a real one would: Expired, InvalidRequest, KiiError."""
    request.refuse_late()
    target = request.target
    checked = preflight.check(request.message, target, kii.app_id)
    if isinstance(target, BucketTarget):
        _look_for_object(kii, target)
        if target.operation == "delete":
            return DryRunReport(id=request.id)
        return DryRunReport(id=request.id, object=object_use(checked))
    devices = None
    if isinstance(target, UserTarget):
        devices = Installations(kii).list(resolve(kii, Principal("user", target.user)))
    elif not Topics(kii).exists(target.topic, target.scope):
        raise KiiError(HTTPStatus.NOT_FOUND, "TOPIC_NOT_FOUND")
    return DryRunReport(id=request.id, networks=network_uses(checked, devices))


def _look_for_object(kii: KiiClient, target: BucketTarget) -> None:
    """Ask for what the change needs to be there: the object, or its scope's owner; a bucket is made."""
    if target.object_id is not None and target.operation in {"update", "delete"}:
        Objects(kii).get(target.bucket, target.object_id, target.scope)
    else:
        Topics(kii).page(target.scope)


def object_use(checked: CheckedMessage) -> ObjectUse:
    """Return how much of Kii's limit an object uses."""
    return ObjectUse(checked.characters(), MAX_OBJECT_CHARS)


def network_uses(
    checked: CheckedMessage, devices: Iterable[Installation] | None = None
) -> dict[Network, NetworkUse]:
    """Return what each enabled network would carry; with a user's `devices`, to how many of them."""
    return {
        network: NetworkUse(
            used,
            payload.LIMITS.get(network),
            UNSET if devices is None else _reached(checked.body, network, devices),
        )
        for network, used in checked.sizes().items()
    }


def _reached(message: Message, network: Network, devices: Iterable[Installation]) -> int:
    """Return how many of the devices the network would take the message to (§8.1 and §8.2)."""
    if network == "gcm" and rules.enabled(message, "fcm"):
        return 0
    wanted = {
        True: message.get("sendToDevelopment", True),
        False: message.get("sendToProduction", True),
    }
    return sum(
        each.device_type == _DEVICE_TYPES[network] and bool(wanted[each.development]) for each in devices
    )
