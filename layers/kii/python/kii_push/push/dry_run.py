"""Try a push out: everything is checked and Kii is asked, with GETs only, but nothing is sent."""

from collections.abc import Iterable
from http import HTTPStatus

from msgspec import UNSET, Struct, UnsetType

from kii_push.errors import Expired, KiiError
from kii_push.kii.accounts import resolve
from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import Principal
from kii_push.kii.installations import Installation, Installations
from kii_push.kii.objects import Objects
from kii_push.kii.topics import Topics
from kii_push.message import payload, rules
from kii_push.message.fields import wire_name
from kii_push.message.payload import NETWORKS, Network
from kii_push.message.rules import Message
from kii_push.push import preflight
from kii_push.push.request import BucketTarget, PushRequest, TopicTarget, UserTarget

# FCM reaches devices that were installed as ANDROID as well (fact sheet 7.1).
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


class Report(Struct, frozen=True, kw_only=True, rename=wire_name):
    """What a push would have done: `networks` by name, those that are enabled; `object` for a bucket."""

    id: str
    dry_run: bool = True
    networks: dict[Network, NetworkUse] | UnsetType = UNSET
    object: ObjectUse | UnsetType = UNSET


def report(request: PushRequest, kii: KiiClient) -> Report:
    """Return what the push would do. Raises what a real one would: Expired, InvalidRequest, KiiError."""
    if request.expired():
        raise Expired(f"notAfter ({request.not_after:%Y-%m-%dT%H:%M:%S%z}) has passed")
    target = request.target
    message = preflight.checked(request.message, target, kii.app_id)
    if isinstance(target, BucketTarget):
        _look_for_object(kii, target)
        if target.operation == "delete":
            return Report(id=request.id)
        used = ObjectUse(preflight.characters(message), preflight.LONGEST_OBJECT)
        return Report(id=request.id, object=used)
    devices = None
    if isinstance(target, UserTarget):
        devices = Installations(kii).list(resolve(kii, Principal("user", target.user)))
    elif not Topics(kii).exists(target.topic, target.scope):
        raise KiiError(HTTPStatus.NOT_FOUND, "TOPIC_NOT_FOUND")
    return Report(id=request.id, networks=_networks(message, target, kii.app_id, devices))


def _look_for_object(kii: KiiClient, target: BucketTarget) -> None:
    """Ask for what the change needs to be there: the object, or its scope's owner; a bucket is made."""
    if target.object_id is not None and target.operation in {"update", "delete"}:
        Objects(kii).get(target.bucket, target.object_id, target.scope)
    else:
        Topics(kii).page(target.scope)


def _networks(
    message: Message, target: UserTarget | TopicTarget, app_id: str, devices: Iterable[Installation] | None
) -> dict[Network, NetworkUse]:
    context = preflight.context(target, app_id)
    return {
        network: NetworkUse(
            payload.size(message, network, context),
            payload.LIMITS.get(network),
            UNSET if devices is None else _reached(message, network, devices),
        )
        for network in NETWORKS
        if rules.enabled(message, network)
    }


def _reached(message: Message, network: Network, devices: Iterable[Installation]) -> int:
    """Return how many of the devices the network would take the message to (fact sheet 8.1 and 8.2)."""
    if network == "gcm" and rules.enabled(message, "fcm"):
        return 0
    wanted = {
        True: message.get("sendToDevelopment", True),
        False: message.get("sendToProduction", True),
    }
    return sum(
        each.device_type == _DEVICE_TYPES[network] and bool(wanted[each.development]) for each in devices
    )
