"""Kii's rules for a push message body: which field breaks which rule (fact sheet 8.5).

Written from the fact sheet alone, so that it and the layer's own rules check each other. `RULES` and `SIZES`
are the lettered rules and the pages of Kii's reference that list each; sizes are those of `payloads.encode`.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from sandbox.messages.fields import Fault, Message, flat_scalars, flat_strings, type_faults
from sandbox.messages.payloads import NETWORKS, Context, Network, encode, explicit

Profile = Literal["new", "strict-old"]
Page = Literal["direct", "topic-old", "topic-new"]

# By network: the prefixes and the words that rules g and h reserve.
RESERVED: dict[Network, tuple[tuple[str, ...], frozenset[str]]] = {
    "gcm": (
        ("google.",),
        frozenset(
            {
                "from",
                "registration_ids",
                "collapse_key",
                "data",
                "delay_while_idle",
                "time_to_live",
                "restricted_package_name",
                "dry_run",
            }
        ),
    ),
    "fcm": (
        ("google.", "gcm."),
        frozenset(
            {
                "from",
                "message_type",
                "collapse_key",
                "priority",
                "ttl",
                "restricted_package_name",
                "notification",
                "fcm_options",
                "direct_boot_ok",
            }
        ),
    ),
}


def check(
    body: object,
    *,
    profile: Profile = "new",
    direct: bool = False,
    context: Context | None = None,
    apns_limit_bytes: int | None = 2048,
) -> dict[str, str]:
    """Return Kii's `invalidFields`, {field path: reason}, for a decoded JSON body: empty when Kii accepts it.

    `direct` picks the Direct Push page, on which `profile` has no bearing; else `profile` picks the newer or
    the older topic page. Sizes depend on the metadata fields, so they are checked when `context` is given;
    `apns_limit_bytes` is APNs's, None for none.
    """
    if not isinstance(body, dict):
        return {"body": "must be a JSON object"}
    faults = dict(type_faults(body))
    if faults:
        return faults
    page: Page = "direct" if direct else ("topic-new" if profile == "new" else "topic-old")
    for rule in RULES:
        if page in rule.pages:
            for field, reason in rule.test(body):
                faults.setdefault(field, reason)
    if not faults and context is not None:
        faults.update(_size_faults(body, page, context, apns_limit_bytes))
    return faults


# Each test may rely on the types that `message_fields` has checked.


def _blocks_missing(*needed: Network) -> Callable[[Message], Iterator[Fault]]:
    def test(body: Message) -> Iterator[Fault]:
        for network in needed:
            if network not in body:
                yield network, "must be given"

    return test


def _flags_missing(body: Message) -> Iterator[Fault]:
    for network in ("gcm", "apns"):
        if "enabled" not in body.get(network, {}):
            yield f"{network}.enabled", "must be given"


def _no_block(body: Message) -> Iterator[Fault]:
    if not any(network in body for network in NETWORKS):
        yield "gcm", "one of fcm, gcm, apns, jpush, mqtt must be given"


def _no_flag(body: Message) -> Iterator[Fault]:
    if not any("enabled" in body.get(network, {}) for network in ("fcm", "gcm", "apns")):
        yield "gcm.enabled", "one of fcm.enabled, gcm.enabled, apns.enabled must be given"


def _enabled_missing(body: Message) -> Iterator[Fault]:
    for network in ("gcm", "fcm", "apns"):
        if network in body and "enabled" not in body[network]:
            yield f"{network}.enabled", "must be given"


def _dry_run_not_alone(body: Message) -> Iterator[Fault]:
    if body.get("gcm", {}).get("dryRun") and _enabled(body, "apns"):
        yield "gcm.dryRun", "must not be true while apns.enabled is true"


def _apns_data_nested(body: Message) -> Iterator[Fault]:
    if _enabled(body, "apns"):
        yield from flat_scalars("apns.data", body["apns"].get("data", {}))


def _data_nested(body: Message) -> Iterator[Fault]:
    yield from flat_scalars("data", body.get("data", {}))


def _not_strings(network: Network) -> Callable[[Message], Iterator[Fault]]:
    def test(body: Message) -> Iterator[Fault]:
        yield from flat_strings(f"{network}.data", body.get(network, {}).get("data", {}))

    return test


def _reserved(network: Network) -> Callable[[Message], Iterator[Fault]]:
    prefixes, words = RESERVED[network]

    def test(body: Message) -> Iterator[Fault]:
        if not _enabled(body, network):
            return
        for path, data in (
            ("data", body.get("data", {})),
            (f"{network}.data", body[network].get("data", {})),
        ):
            for key in data:
                if key in words or key.startswith(prefixes):
                    yield f"{path}.{key}", f"is a key that {network} reserves"

    return test


def _time_to_live_alone(body: Message) -> Iterator[Fault]:
    gcm = body.get("gcm", {})
    if "timeToLive" in gcm and "collapseKey" not in gcm:
        yield "gcm.timeToLive", "needs gcm.collapseKey"


class Rule(NamedTuple):
    """One row of section 8.5: its letter, the pages that list it, and a test that yields what breaks it."""

    name: str
    pages: tuple[Page, ...]
    test: Callable[[Message], Iterator[Fault]]


EVERY_PAGE: tuple[Page, ...] = ("direct", "topic-old", "topic-new")
RULES = (
    Rule("a", ("direct",), _blocks_missing("gcm", "apns")),
    Rule("a", ("topic-old",), _blocks_missing("gcm", "apns", "jpush", "mqtt")),
    Rule("a", ("topic-new",), _no_block),
    Rule("b", ("direct", "topic-old"), _flags_missing),
    Rule("b", ("topic-new",), _no_flag),
    Rule("c", EVERY_PAGE, _dry_run_not_alone),
    Rule("d", EVERY_PAGE, _data_nested),
    Rule("e", EVERY_PAGE, _not_strings("gcm")),
    Rule("e", ("direct", "topic-new"), _not_strings("fcm")),  # direct: by 8.2, the page lists gcm only
    Rule("f", EVERY_PAGE, _apns_data_nested),
    Rule("g", EVERY_PAGE, _reserved("gcm")),
    Rule("h", ("direct", "topic-new"), _reserved("fcm")),
    Rule("enabled", EVERY_PAGE, _enabled_missing),  # 8.2
    Rule("timeToLive", EVERY_PAGE, _time_to_live_alone),  # 8.2, from the Android guide
)


class Size(NamedTuple):
    """The size limit of an enabled network's payload; for APNs `check` takes another limit."""

    name: str
    pages: tuple[Page, ...]
    network: Network
    limit_bytes: int


SIZES = (
    Size("i", EVERY_PAGE, "gcm", 4096),
    Size("j", ("topic-new",), "fcm", 4096),
    Size("k", EVERY_PAGE, "apns", 2048),
    Size("mqtt", EVERY_PAGE, "mqtt", 4096),  # 8.5, notes: above that is not found, refused here
)


def _size_faults(
    body: Message, page: Page, context: Context, apns_limit_bytes: int | None
) -> Iterator[Fault]:
    for rule in SIZES:
        limit_bytes = apns_limit_bytes if rule.network == "apns" else rule.limit_bytes
        if page in rule.pages and limit_bytes is not None and _enabled(body, rule.network):
            size = len(encode(explicit(body, rule.network, context)))
            if size > limit_bytes:
                yield rule.network, f"payload is {size} bytes, at most {limit_bytes} are allowed"


def _enabled(body: Message, network: Network) -> bool:
    return body.get(network, {}).get("enabled") is True
