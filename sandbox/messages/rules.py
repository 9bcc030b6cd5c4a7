"""Kii's rules for a push message body: which field breaks which rule (docs/kii-push-api.md §8.5).

Written from docs/kii-push-api.md alone, so that it and the layer's own rules check each other. `RULES` and
`SIZES` are the lettered rules and the pages of Kii's reference that list each; sizes are those of
`payloads.encode`.
"""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from sandbox.messages.fields import Message, Violation, flat_scalars, flat_strings, type_violations
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
    violations = dict(type_violations(body))
    if violations:
        return violations
    page: Page = "direct" if direct else ("topic-new" if profile == "new" else "topic-old")
    for rule in RULES:
        if page in rule.pages:
            for field, reason in rule.test(body):
                violations.setdefault(field, reason)
    if not violations and context is not None:
        violations.update(_size_violations(body, page, context, apns_limit_bytes))
    return violations


# Each test may rely on the types that `message_fields` has checked.


def _blocks_missing(*needed: Network) -> Callable[[Message], Iterator[Violation]]:
    def test(body: Message) -> Iterator[Violation]:
        for network in needed:
            if network not in body:
                yield network, "must be given"

    return test


def _flags_missing(body: Message) -> Iterator[Violation]:
    for network in ("gcm", "apns"):
        if "enabled" not in body.get(network, {}):
            yield f"{network}.enabled", "must be given"


def _no_block(body: Message) -> Iterator[Violation]:
    if not any(network in body for network in NETWORKS):
        yield "gcm", "one of fcm, gcm, apns, jpush, mqtt must be given"


def _no_flag(body: Message) -> Iterator[Violation]:
    if not any("enabled" in body.get(network, {}) for network in ("fcm", "gcm", "apns")):
        yield "gcm.enabled", "one of fcm.enabled, gcm.enabled, apns.enabled must be given"


def _enabled_missing(body: Message) -> Iterator[Violation]:
    for network in ("gcm", "fcm", "apns"):
        if network in body and "enabled" not in body[network]:
            yield f"{network}.enabled", "must be given"


def _dry_run_not_alone(body: Message) -> Iterator[Violation]:
    if body.get("gcm", {}).get("dryRun") and _enabled(body, "apns"):
        yield "gcm.dryRun", "must not be true while apns.enabled is true"


def _apns_data_nested(body: Message) -> Iterator[Violation]:
    if _enabled(body, "apns"):
        yield from flat_scalars("apns.data", body["apns"].get("data", {}))


def _data_nested(body: Message) -> Iterator[Violation]:
    yield from flat_scalars("data", body.get("data", {}))


def _not_strings(network: Network) -> Callable[[Message], Iterator[Violation]]:
    def test(body: Message) -> Iterator[Violation]:
        yield from flat_strings(f"{network}.data", body.get(network, {}).get("data", {}))

    return test


def _reserved(network: Network) -> Callable[[Message], Iterator[Violation]]:
    prefixes, words = RESERVED[network]

    def test(body: Message) -> Iterator[Violation]:
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


def _time_to_live_alone(body: Message) -> Iterator[Violation]:
    gcm = body.get("gcm", {})
    if "timeToLive" in gcm and "collapseKey" not in gcm:
        yield "gcm.timeToLive", "needs gcm.collapseKey"


class MessageRule(NamedTuple):
    """One row of §8.5: its letter, the pages that list it, and a test that yields what breaks it."""

    name: str
    pages: tuple[Page, ...]
    test: Callable[[Message], Iterator[Violation]]


EVERY_PAGE: tuple[Page, ...] = ("direct", "topic-old", "topic-new")
RULES = (
    MessageRule("a", ("direct",), _blocks_missing("gcm", "apns")),
    MessageRule("a", ("topic-old",), _blocks_missing("gcm", "apns", "jpush", "mqtt")),
    MessageRule("a", ("topic-new",), _no_block),
    MessageRule("b", ("direct", "topic-old"), _flags_missing),
    MessageRule("b", ("topic-new",), _no_flag),
    MessageRule("c", EVERY_PAGE, _dry_run_not_alone),
    MessageRule("d", EVERY_PAGE, _data_nested),
    MessageRule("e", EVERY_PAGE, _not_strings("gcm")),
    MessageRule("e", ("direct", "topic-new"), _not_strings("fcm")),  # direct: by 8.2, the page lists gcm only
    MessageRule("f", EVERY_PAGE, _apns_data_nested),
    MessageRule("g", EVERY_PAGE, _reserved("gcm")),
    MessageRule("h", ("direct", "topic-new"), _reserved("fcm")),
    MessageRule("enabled", EVERY_PAGE, _enabled_missing),  # 8.2
    MessageRule("timeToLive", EVERY_PAGE, _time_to_live_alone),  # 8.2, from the Android guide
)


class SizeRule(NamedTuple):
    """The size limit of an enabled network's payload; for APNs `check` takes another limit."""

    name: str
    pages: tuple[Page, ...]
    network: Network
    limit_bytes: int


SIZES = (
    SizeRule("i", EVERY_PAGE, "gcm", 4096),
    SizeRule("j", ("topic-new",), "fcm", 4096),
    SizeRule("k", EVERY_PAGE, "apns", 2048),
    SizeRule("mqtt", EVERY_PAGE, "mqtt", 4096),  # 8.5, notes: above that is not found, refused here
)


def _size_violations(
    body: Message, page: Page, context: Context, apns_limit_bytes: int | None
) -> Iterator[Violation]:
    for rule in SIZES:
        limit_bytes = apns_limit_bytes if rule.network == "apns" else rule.limit_bytes
        if page in rule.pages and limit_bytes is not None and _enabled(body, rule.network):
            size = len(encode(explicit(body, rule.network, context)))
            if size > limit_bytes:
                yield rule.network, f"payload is {size} bytes, at most {limit_bytes} are allowed"


def _enabled(body: Message, network: Network) -> bool:
    return body.get(network, {}).get("enabled") is True
