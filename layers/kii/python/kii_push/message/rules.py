"""The push message and Kii's rules for it, checked offline (docs/kii-push-api.md §8.5)."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from kii_push.errors import InvalidRequest, Violation, readable
from kii_push.message import payload
from kii_push.message.payload import Context

# A message is Kii's body as it goes over the wire, its shape already checked against `fields.Message`.
type Message = Mapping[str, Any]
# The three generations of the rules: the Direct Push page, and the old and new topic page.
RuleSet = Literal["direct", "strict-old", "new"]

# As many as a person reads; a hostile message can break a rule at every few bytes.
MAX_VIOLATIONS = 20

_DIRECT, _OLD, _NEW = "direct", "strict-old", "new"
_ALL: frozenset[str] = frozenset({_DIRECT, _OLD, _NEW})

_GCM_WORDS = frozenset(
    {
        *("from", "registration_ids", "collapse_key", "data"),
        *("delay_while_idle", "time_to_live", "restricted_package_name", "dry_run"),
    }
)
_FCM_WORDS = frozenset(
    {
        *("from", "message_type", "collapse_key", "priority", "ttl"),
        *("restricted_package_name", "notification", "fcm_options", "direct_boot_ok"),
    }
)


@dataclass(frozen=True)
class Rule:
    """A rule of Kii's. `ref` is its letter in §8.5, or the section where it stands.

    `check` yields what breaks it; `rule_sets` are the generations that have it.
    """

    ref: str
    check: Callable[[Message, Context], Iterator[Violation]]
    rule_sets: frozenset[str] = _ALL


def check(message: Message, context: Context, rule_set: RuleSet) -> None:
    """Raise InvalidRequest with the rules of `rule_set` that the message breaks, fields as `message.…`.

    Beyond MAX_VIOLATIONS the last one tells how many are left out.
    """
    broken = [
        Violation(f"message.{found.field}" if found.field else "message", found.reason)
        for rule in RULES
        if rule_set in rule.rule_sets
        for found in rule.check(message, context)
    ]
    if len(broken) > MAX_VIOLATIONS:
        left_out = len(broken) - MAX_VIOLATIONS
        broken[MAX_VIOLATIONS:] = [Violation("message", f"breaks the rules in {left_out} more places")]
    if broken:
        raise InvalidRequest(*broken)


def complete(message: Message) -> Message:
    """Return the message with what Kii wants to be told although it changes nothing.

    Explicit flags for the networks that are left out: Kii refuses bodies without `gcm.enabled` and
    `apns.enabled`, older generations those without all four blocks (§8.3). And `data`, which Kii
    needs unless every enabled network has its own (8.1). A message that names no network at all is left as it
    is: rule a refuses it.
    """
    named = [network for network in payload.NETWORKS if network in message]
    if not named:
        return message
    full = {name: {"enabled": False} for name in ("gcm", "apns", "jpush", "mqtt")} | dict(message)
    if not all("data" in message[network] for network in named if enabled(message, network)):
        full.setdefault("data", {})
    return full


def sizes(message: Message, context: Context) -> dict[payload.Network, int]:
    """Return the bytes of the payload that each enabled network would carry (`payload.LIMITS`)."""
    return {
        network: payload.size(message, network, context)
        for network in payload.NETWORKS
        if enabled(message, network)
    }


def enabled(message: Message, network: str) -> bool:
    """Say whether the message goes out over this network."""
    return bool(message.get(network, {}).get("enabled"))


def _needs_any(*networks: str) -> Callable[[Message, Context], Iterator[Violation]]:
    def check(message: Message, _: Context) -> Iterator[Violation]:
        if not any(network in message for network in networks):
            yield Violation("", f"must name a network: one of {', '.join(networks)}")

    return check


def _needs_all(*networks: str) -> Callable[[Message, Context], Iterator[Violation]]:
    def check(message: Message, _: Context) -> Iterator[Violation]:
        for network in networks:
            if network not in message:
                yield Violation(network, "must be given, with enabled false if it is not used")

    return check


def _needs_flag(*networks: str) -> Callable[[Message, Context], Iterator[Violation]]:
    def check(message: Message, _: Context) -> Iterator[Violation]:
        if not any("enabled" in message.get(network, {}) for network in networks):
            yield Violation(
                f"{networks[-1]}.enabled", f"one of {', '.join(networks)} must say whether it is enabled"
            )

    return check


def _dry_run_alone(message: Message, _: Context) -> Iterator[Violation]:
    if message.get("gcm", {}).get("dryRun") and enabled(message, "apns"):
        yield Violation("gcm.dryRun", "cannot be true while apns is enabled")


def _flat(*path: str, only_if_enabled: bool = False) -> Callable[[Message, Context], Iterator[Violation]]:
    def check(message: Message, _: Context) -> Iterator[Violation]:
        if only_if_enabled and not enabled(message, path[0]):
            return
        for key, value in _data(message, path).items():
            if not isinstance(value, str | int | float):
                yield Violation(_at(path, key), "must be a string, a number or a boolean")

    return check


def _strings(*path: str) -> Callable[[Message, Context], Iterator[Violation]]:
    def check(message: Message, _: Context) -> Iterator[Violation]:
        for key, value in _data(message, path).items():
            if not isinstance(value, str):
                yield Violation(_at(path, key), "must be a string")

    return check


def _reserved(
    network: str, words: frozenset[str], prefixes: tuple[str, ...]
) -> Callable[[Message, Context], Iterator[Violation]]:
    def check(message: Message, _: Context) -> Iterator[Violation]:
        if not enabled(message, network):
            return
        for path in (("data",), (network, "data")):
            for key in _data(message, path):
                if key in words or key.startswith(prefixes):
                    yield Violation(_at(path, key), f"is a key that {network} keeps to itself")

    return check


def _collapse_key(message: Message, _: Context) -> Iterator[Violation]:
    gcm = message.get("gcm", {})
    if "timeToLive" in gcm and "collapseKey" not in gcm:
        yield Violation("gcm.timeToLive", "needs gcm.collapseKey")


def _size(network: payload.Network) -> Callable[[Message, Context], Iterator[Violation]]:
    limit = payload.LIMITS[network]

    def check(message: Message, context: Context) -> Iterator[Violation]:
        if enabled(message, network):
            used = payload.size(message, network, context)
            if used > limit:
                yield Violation(network, f"the payload has {used} bytes; {network} carries at most {limit}")

    return check


def _data(message: Message, path: tuple[str, ...]) -> Mapping[str, Any]:
    found: Any = message
    for key in path:
        found = found.get(key, {})
    data: Mapping[str, Any] = found
    return data


def _at(path: tuple[str, ...], key: str) -> str:
    return ".".join((*path, readable(key)))


RULES = (
    Rule("a", _needs_all("gcm", "apns"), frozenset({_DIRECT})),
    Rule("a", _needs_all("gcm", "apns", "jpush", "mqtt"), frozenset({_OLD})),
    Rule("a", _needs_any(*payload.NETWORKS), frozenset({_NEW})),
    # The other two want `gcm.enabled` and `apns.enabled`: with both blocks there, their shape sees to that.
    Rule("b", _needs_flag("fcm", "gcm", "apns"), frozenset({_NEW})),
    Rule("c", _dry_run_alone),
    Rule("d", _flat("data")),
    Rule("e", _strings("gcm", "data")),
    # The direct page forgets `fcm.data` here; §8.2 wants strings there too.
    Rule("e", _strings("fcm", "data"), frozenset({_DIRECT, _NEW})),
    Rule("f", _flat("apns", "data", only_if_enabled=True)),
    Rule("g", _reserved("gcm", _GCM_WORDS, ("google.",))),
    Rule("h", _reserved("fcm", _FCM_WORDS, ("google.", "gcm.")), frozenset({_DIRECT, _NEW})),
    Rule("i", _size("gcm")),
    Rule("j", _size("fcm"), frozenset({_NEW})),
    Rule("k", _size("apns")),
    Rule("8.2", _collapse_key),
    Rule("8.2", _flat("jpush", "data")),
    Rule("8.2", _flat("mqtt", "data")),
    Rule("8.5 MQTT", _size("mqtt")),
)
