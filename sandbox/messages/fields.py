"""The type of every documented field of a push message body (docs/kii-push-api.md §8.1 and §8.2).

Fields that no source documents pass unchecked, since what Kii does with them is not known. `null` counts as a
value of the wrong type. A checker yields (field path, reason) for what is wrong, nothing for a good value.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from sandbox.messages.payloads import NETWORKS

Message = Mapping[str, Any]
Violation = tuple[str, str]
Checker = Callable[[str, object], Iterator[Violation]]


def _typed(accepts: Callable[[object], bool], wanted: str) -> Checker:
    def checker(path: str, value: object) -> Iterator[Violation]:
        if not accepts(value):
            yield path, f"must be {wanted}"

    return checker


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _each(accepts: Callable[[object], bool], wanted: str) -> Checker:
    def checker(path: str, value: object) -> Iterator[Violation]:
        if not isinstance(value, dict):
            yield path, "must be a JSON object"
            return
        for key, item in value.items():
            if not accepts(item):
                yield f"{path}.{key}", f"must be {wanted}"

    return checker


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float)


boolean = _typed(lambda value: isinstance(value, bool), "true or false")
string = _typed(lambda value: isinstance(value, str), "a string")
integer = _typed(_is_integer, "an integer")
flag = _typed(lambda value: isinstance(value, int), "true, false or an integer")
an_object = _typed(lambda value: isinstance(value, dict), "a JSON object")
strings = _typed(
    lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "an array of strings",
)
flat_scalars = _each(_is_scalar, "a string, a number or a boolean")
flat_strings = _each(lambda value: isinstance(value, str), "a string")

# What may be in `data`, `gcm.data`, `fcm.data` and `apns.data` is for rules d, e and f to say.
FIELDS: dict[str, Checker] = {
    "data": an_object,
    "pushMessageType": string,
    **dict.fromkeys(
        (
            "sendToDevelopment",
            "sendToProduction",
            "sendAppID",
            "sendSender",
            "sendWhen",
            "sendOrigin",
            "sendObjectScope",
            "sendTopicID",
        ),
        boolean,
    ),
    **dict.fromkeys(NETWORKS, an_object),
    **{f"{network}.enabled": boolean for network in NETWORKS},
    "gcm.data": an_object,
    "fcm.data": an_object,
    "apns.data": an_object,
    "jpush.data": flat_scalars,
    "mqtt.data": flat_scalars,
    "gcm.notification": an_object,
    **{
        f"gcm.notification.{name}": string
        for name in ("title", "body", "icon", "sound", "tag", "color", "clickAction")
    },
    "gcm.collapseKey": string,
    "gcm.delayWhileIdle": boolean,
    "gcm.timeToLive": integer,
    "gcm.restrictedPackageName": string,
    "gcm.dryRun": boolean,
    "fcm.notification": an_object,
    "apns.alert": an_object,
    **{
        f"apns.alert.{name}": string
        for name in ("title", "subtitle", "body", "actionLocKey", "locKey", "launchImage")
    },
    "apns.alert.locArgs": strings,
    "apns.sound": string,
    "apns.badge": integer,
    "apns.contentAvailable": flag,
    "apns.mutableContent": flag,
    "apns.category": string,
}


class _Field(NamedTuple):
    checker: Checker
    inner: dict[str, "_Field"]


def _tree() -> dict[str, _Field]:
    """Return FIELDS nested as they are in a body, so that a check looks only at what is there."""
    root: dict[str, _Field] = {}
    for path, checker in sorted(FIELDS.items()):
        *parents, name = path.split(".")
        fields = root
        for parent in parents:
            fields = fields[parent].inner
        fields[name] = _Field(checker, {})
    return root


_TREE = _tree()


def type_violations(body: Message) -> Iterator[Violation]:
    """Yield the fields of a decoded JSON object that are of the wrong type."""
    yield from _violations_within("", body, _TREE)


def _violations_within(prefix: str, values: Message, fields: dict[str, _Field]) -> Iterator[Violation]:
    for name, value in values.items():
        field = fields.get(name)
        if field is not None:
            yield from field.checker(prefix + name, value)
            if field.inner and isinstance(value, dict):
                yield from _violations_within(f"{prefix}{name}.", value, field.inner)
