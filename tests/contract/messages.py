"""Messages for checking two sets of rules against each other: valid, nearly valid, broken in one place, full.

Every documented field occurs, and no other: the layer refuses unknown fields by design, of which Kii's
documentation says nothing.
"""

import copy
import json
from dataclasses import dataclass
from typing import Any, cast

from hypothesis import strategies as st

from kii_push.kii.identifiers import APP, Scope
from kii_push.message import payload
from kii_push.message.payload import Context, Network

type Json = dict[str, Any]

APP_ID = "demoapp1"
USER, GROUP, THING, TOPIC = "u-2", "g-1", "t-1", "alerts"
TO_USER = Context(APP_ID, user=USER)
TO_TOPICS = tuple(
    Context(APP_ID, topic=TOPIC, scope=scope)
    for scope in (APP, Scope("group", GROUP), Scope("user", USER), Scope("thing", THING))
)

# Half surrogate pairs are not text: the layer refuses them before it looks at rules.
_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(
    ['"\\\n\0', "é😀", ""]
)
_integer = st.integers(-(2**70), 2**70) | st.integers(-1, 2)
_number = _integer | st.floats(allow_nan=False, allow_infinity=False)
_scalar = _text | _number | st.booleans()
_json = st.recursive(
    _scalar | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_text, inner, max_size=2),
    max_leaves=4,
)
# Reserved by one network, by both, and what only resembles such a word.
_words = st.sampled_from(
    [
        *("from", "registration_ids", "collapse_key", "data", "delay_while_idle", "time_to_live", "dry_run"),
        *("restricted_package_name", "message_type", "priority", "ttl", "notification", "fcm_options"),
        *("direct_boot_ok", "google.", "google.x", "gcm.", "gcm.x", "google", "gcm", "From", "x.from", "aps"),
        *("appID", "senderURI", "sourceURI", "origin", "topic", "to", "s", "when", "type", "objectScopeType"),
    ]
)
_keys = st.sampled_from(["k", "order", "n"]) | _text
_scalars = st.dictionaries(_keys, _scalar, max_size=3)
_texts = st.dictionaries(_keys, _text, max_size=3)

_notification = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("title", "body", "icon", "sound", "tag", "color", "clickAction"), _text),
)
_alert_texts = ("title", "subtitle", "body", "actionLocKey", "locKey", "launchImage")
_alert = st.fixed_dictionaries(
    {}, optional={**dict.fromkeys(_alert_texts, _text), "locArgs": st.lists(_text, max_size=2)}
)
_switch = st.booleans() | _integer
_own: dict[Network, dict[str, st.SearchStrategy[Any]]] = {
    "gcm": {
        "data": _texts,
        "notification": _notification,
        "collapseKey": _text,
        "delayWhileIdle": st.booleans(),
        "timeToLive": _integer,
        "restrictedPackageName": _text,
        "dryRun": st.booleans(),
    },
    "fcm": {
        "data": _texts,
        "notification": _notification | st.dictionaries(_text, _json, max_size=2),
        **dict.fromkeys(("collapseKey", "priority", "ttl", "restrictedPackageName", "fcmOptions"), _json),
        "directBootOk": _json,
    },
    "apns": {
        "data": _scalars,
        "alert": _alert,
        "sound": _text,
        "badge": _integer,
        "contentAvailable": _switch,
        "mutableContent": _switch,
        "category": _text,
    },
    "jpush": {"data": _scalars},
    "mqtt": {"data": _scalars, "qos": _json, "retain": _json, "dryRun": _json},
}
_blocks: dict[str, st.SearchStrategy[Json]] = {
    network: st.fixed_dictionaries({"enabled": st.booleans()}, optional=_own[network])
    for network in payload.NETWORKS
}
_FLAGS = (
    *("sendToDevelopment", "sendToProduction", "sendAppID", "sendSender", "sendWhen", "sendOrigin"),
    *("sendObjectScope", "sendTopicID"),
)
_top: Json = {"data": _scalars, "pushMessageType": _text, **dict.fromkeys(_FLAGS, st.booleans())}

_some_networks = st.fixed_dictionaries({}, optional={**_top, **_blocks})
_all_networks = st.fixed_dictionaries(dict(_blocks), optional=_top)

_FIELDS = (
    *((name,) for name in (*_top, *_blocks)),
    *((network, name) for network, fields in _own.items() for name in ("enabled", *fields)),
    *(("gcm", "notification", name) for name in ("title", "body", "icon", "sound", "tag", "color")),
    ("gcm", "notification", "clickAction"),
    *(("apns", "alert", name) for name in (*_alert_texts, "locArgs")),
)
_DATA = (("data",), *((network, "data") for network in payload.NETWORKS))
_MISSING = object()
_anything = st.sampled_from([_MISSING, None, "x", 0, 1, 1.0, True, [], ["x"], [1], {}])
_nested = st.sampled_from([{"deep": 1}, {"deep": {}}, [[]], ["x"]])


@dataclass(frozen=True)
class Case:
    """A message, and where it is sent."""

    message: Json
    context: Context


# What is changed, and where. Each is drawn from separately, so that none is left to chance.
type Change = tuple[str, ...]
CHANGES: tuple[Change, ...] = (
    ("nothing",),
    ("a field",),
    *(("a value", *place) for place in _DATA),
    *(("a word", *place) for place in _DATA),
    *(("the size", network) for network in payload.LIMITS),
)


@st.composite
def cases(draw: st.DrawFn, contexts: tuple[Context, ...], change: Change) -> Case:
    """Return a message to one of `contexts`: a nearly valid one, after the change."""
    context = draw(st.sampled_from(contexts))
    nearly_valid = _some_networks | _all_networks if change == ("nothing",) else _all_networks
    message = copy.deepcopy(draw(nearly_valid))
    match change:
        case ("a field",):
            _put(message, draw(st.sampled_from(_FIELDS)), draw(_anything))
        case ("a value", *place):
            _put(message, (*place, "k"), draw(_anything | _nested))
        case ("a word", *place):
            _put(message, (*place, draw(_words)), draw(_text))
        case ("the size", network):
            where = draw(st.sampled_from([("data",), (network, "data")]))
            beyond, char = draw(st.sampled_from([0, 1, -1, 1])), draw(st.sampled_from('xé😀"'))
            _fill(message, cast("Network", network), where, context, beyond, char)
    return Case(message, context)


def _put(message: Json, path: tuple[str, ...], value: Any) -> None:
    """Put the value there, with the objects that lead there, or take away what is there."""
    *parents, name = path
    inner = message
    for parent in parents:
        inner = inner.setdefault(parent, {"enabled": True} if parent in _own else {})
    if value is _MISSING:
        inner.pop(name, None)
    else:
        inner[name] = value


def _fill(
    message: Json, network: Network, place: tuple[str, ...], context: Context, beyond: int, char: str
) -> None:
    """Enable this network alone and fill `place` until its payload is `beyond` bytes longer than allowed."""
    for other in message.keys() & payload.NETWORKS:
        message[other]["enabled"] = False
    _put(message, (network, "enabled"), value=True)
    _put(message, (network, "data", "k"), _MISSING)  # it would win over the one at the top
    _put(message, (*place, "k"), "")
    free = payload.LIMITS[network] + beyond - payload.size(message, network, context)
    width = len(json.dumps(char, ensure_ascii=False).encode()) - 2
    _put(message, (*place, "k"), char * (free // width) + "x" * (free % width))
