"""Kii's rules for a message: each rule of §8.5 in each of its three columns, and what names it.

Sections (§) are those of docs/kii-push-api.md.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from kii_push.errors import InvalidRequest
from kii_push.message import payload, rules
from kii_push.message.payload import Context, Network
from kii_push.message.rules import Message, RuleSet

# What Kii adds is as long for the one as for the other while topic and scope are left out.
DIRECT = Context("demoapp1", user="user-02")
TOPIC = Context("demoapp1", topic="alerts")
RULE_SETS: tuple[RuleSet, ...] = ("direct", "strict-old", "new")

ON: dict[str, Any] = {"enabled": True}
OFF: dict[str, Any] = {"enabled": False}
ALL_OFF: dict[str, Any] = dict.fromkeys(("gcm", "apns", "jpush", "mqtt"), OFF)
EVERYWHERE: frozenset[str] = frozenset(RULE_SETS)
# Where the pages have FCM at all.
FCM: frozenset[str] = frozenset({"direct", "new"})

GCM_WORDS = (
    *("from", "registration_ids", "collapse_key", "data", "delay_while_idle", "time_to_live"),
    *("restricted_package_name", "dry_run", "google.", "google.c.a"),
)
FCM_WORDS = (
    *("from", "message_type", "collapse_key", "priority", "ttl", "restricted_package_name", "notification"),
    *("fcm_options", "direct_boot_ok", "google.", "google.x", "gcm.", "gcm.n.e"),
)


def broken(body: Message, rule_set: RuleSet) -> list[str]:
    """Return the fields that break a rule, without their `message.`; the message itself is `message`."""
    context = DIRECT if rule_set == "direct" else TOPIC
    try:
        rules.check(body, context, rule_set)
    except InvalidRequest as error:
        return [each.field.removeprefix("message.") for each in error.violations]
    return []


def with_(**blocks: Any) -> dict[str, Any]:
    """Return a message with every block of the old page disabled, but for those given."""
    return {**ALL_OFF, **blocks}


def long(network: Network, size: int) -> dict[str, Any]:
    """Return a message whose payload on `network` has `size` bytes, to the topic as to the user above."""

    def padded(length: int) -> dict[str, Any]:
        block = {"enabled": True, "data": {"k": "x" * length}}
        return with_(sendTopicID=False, sendObjectScope=False, **{network: block})

    return padded(size - payload.size(padded(0), network, TOPIC))


# The letter of the rule, a message, the field at fault, and the rule sets that refuse it.
ROWS: list[tuple[str, Message, str, frozenset[str]]] = [
    ("a", {"gcm": ON}, "apns", frozenset({"direct", "strict-old"})),
    ("a", {"apns": ON}, "gcm", frozenset({"direct", "strict-old"})),
    ("a", {"gcm": ON, "apns": ON, "mqtt": ON}, "jpush", frozenset({"strict-old"})),
    ("a", {"gcm": ON, "apns": ON, "jpush": ON}, "mqtt", frozenset({"strict-old"})),
    ("a", {"data": {"k": "v"}}, "message", frozenset({"new"})),
    ("b", {"mqtt": ON}, "apns.enabled", frozenset({"new"})),
    ("c", with_(gcm={"enabled": True, "dryRun": True}, apns=ON), "gcm.dryRun", EVERYWHERE),
    ("d", with_(data={"k": {"deep": 1}}), "data.k", EVERYWHERE),
    ("d", with_(data={"k": [1]}), "data.k", EVERYWHERE),
    ("d", with_(data={"k": None}), "data.k", EVERYWHERE),
    ("e", with_(gcm={"enabled": False, "data": {"k": 1}}), "gcm.data.k", EVERYWHERE),
    ("e", with_(fcm={"enabled": False, "data": {"k": True}}), "fcm.data.k", FCM),
    ("f", with_(apns={"enabled": True, "data": {"k": {}}}), "apns.data.k", EVERYWHERE),
    *(("g", with_(gcm=ON, data={word: "x"}), f"data.{word}", EVERYWHERE) for word in GCM_WORDS),
    ("g", with_(gcm={"enabled": True, "data": {"from": "x"}}), "gcm.data.from", EVERYWHERE),
    *(("h", with_(fcm=ON, data={word: "x"}), f"data.{word}", FCM) for word in FCM_WORDS),
    ("h", with_(fcm={"enabled": True, "data": {"ttl": "x"}}), "fcm.data.ttl", FCM),
    ("i", long("gcm", 4097), "gcm", EVERYWHERE),
    ("j", long("fcm", 4097), "fcm", frozenset({"new"})),
    ("k", long("apns", 2049), "apns", EVERYWHERE),
    ("8.5 MQTT", long("mqtt", 4097), "mqtt", EVERYWHERE),
    ("8.2", with_(gcm={"enabled": True, "timeToLive": 60}), "gcm.timeToLive", EVERYWHERE),
    ("8.2", with_(jpush={"enabled": False, "data": {"k": []}}), "jpush.data.k", EVERYWHERE),
    ("8.2", with_(mqtt={"enabled": False, "data": {"k": None}}), "mqtt.data.k", EVERYWHERE),
]


@pytest.mark.parametrize("rule_set", RULE_SETS)
@pytest.mark.parametrize(("body", "field", "refused_by"), [pytest.param(*row, id=ref) for ref, *row in ROWS])
def test_a_rule_names_its_field_in_the_rule_sets_that_have_it(
    body: Message, field: str, refused_by: frozenset[str], rule_set: RuleSet
) -> None:
    assert (field in broken(body, rule_set)) == (rule_set in refused_by)


def test_every_rule_has_its_row() -> None:
    assert {ref for ref, *_ in ROWS} == {rule.ref for rule in rules.RULES}


@pytest.mark.parametrize("rule_set", RULE_SETS)
@pytest.mark.parametrize(
    "body",
    [
        with_(),
        with_(gcm=ON, apns=ON, mqtt=ON, jpush=ON, data={"a": 1, "b": True, "c": 1.5, "d": "x"}),
        with_(mqtt={}, jpush={}),
        with_(gcm={"enabled": True, "dryRun": True}),
        with_(gcm={"enabled": False, "data": {"from": "x"}}, data={"from": "x"}),
        with_(fcm=OFF, data={"ttl": "x"}),
        with_(gcm=ON, data={"google": "x", "From": "x", "ttl": "x", "gcm.x": "x"}),
        with_(apns={"enabled": False, "data": {"k": {}}}),
        with_(apns={"enabled": True, "data": {"k": 1.5}}, jpush={"enabled": True, "data": {"k": False}}),
        with_(gcm={"enabled": True, "timeToLive": 60, "collapseKey": "news"}),
        with_(gcm=OFF, apns=OFF, data={"k": "x" * 9000}),
        with_(jpush=ON, data={"k": "x" * 9000}),
        long("gcm", 4096),
        long("apns", 2048),
        long("mqtt", 4096),
    ],
)
def test_what_breaks_no_rule_passes(body: Message, rule_set: RuleSet) -> None:
    assert broken(body, rule_set) == []


def test_the_newest_topic_page_wants_only_one_network() -> None:
    assert broken({"fcm": ON, "data": {"k": "v"}}, "new") == []


def test_every_broken_rule_is_told_at_once() -> None:
    body = with_(
        data={"from": "x", "deep": {}},
        gcm={"enabled": True, "dryRun": True, "timeToLive": 1, "data": {"n": 1}},
        apns={"enabled": True, "data": {"deep": []}},
    )
    found = broken(body, "new")
    assert found == ["gcm.dryRun", "data.deep", "gcm.data.n", "apns.data.deep", "data.from", "gcm.timeToLive"]


def test_a_size_is_told_with_its_limit() -> None:
    with pytest.raises(InvalidRequest) as caught:
        rules.check(long("apns", 2050), TOPIC, "new")
    assert str(caught.value) == "message.apns: the payload has 2050 bytes; apns carries at most 2048"


def test_the_answer_to_a_hostile_message_stays_small() -> None:
    body = with_(data={f"{number}{chr(7)}{'k' * 5000}": None for number in range(100)})
    with pytest.raises(InvalidRequest) as caught:
        rules.check(body, TOPIC, "new")
    violations = caught.value.violations
    assert len(violations) == rules.MAX_VIOLATIONS + 1
    assert violations[0].field == f"message.data.0?{'k' * 62}…"
    assert str(violations[-1]) == "message: breaks the rules in 80 more places"


@pytest.mark.parametrize(
    ("body", "added"),
    [
        ({}, {}),
        ({"data": {"k": "v"}}, {}),
        ({"mqtt": ON}, {"gcm": OFF, "apns": OFF, "jpush": OFF, "data": {}}),
        ({"fcm": ON, "data": {"k": "v"}}, ALL_OFF),
        ({"gcm": {"enabled": True, "data": {"k": "v"}}}, {"apns": OFF, "jpush": OFF, "mqtt": OFF}),
        (ALL_OFF, {}),
    ],
)
def test_what_kii_wants_to_be_told_is_added(body: Message, added: Mapping[str, Any]) -> None:
    before = dict(body)
    assert rules.complete(body) == {**added, **body}
    assert body == before


@pytest.mark.parametrize("rule_set", RULE_SETS)
@pytest.mark.parametrize("network", payload.NETWORKS)
def test_a_completed_message_for_one_network_passes_every_rule_set(
    network: Network, rule_set: RuleSet
) -> None:
    assert broken(rules.complete({network: ON}), rule_set) == []


def test_sizes_are_those_of_the_enabled_networks() -> None:
    body = with_(apns=ON, jpush=ON, fcm=OFF)
    assert rules.sizes(body, TOPIC) == {
        "apns": payload.size(body, "apns", TOPIC),
        "jpush": payload.size(body, "jpush", TOPIC),
    }
