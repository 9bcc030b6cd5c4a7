"""Kii's message rules: the vectors of §14 that concern bodies, each rule, each type, each page.

Sections (§) are those of docs/kii-push-api.md.
"""

from typing import Any

import pytest

from sandbox.kii.scope import Scope
from sandbox.messages.payloads import Context, Network, encode, explicit
from sandbox.messages.rules import Profile, check

DIRECT = Context(
    app_id="demoapp1",
    sender_uri="kiicloud://admins/APP_ADMIN",
    source_uri="kiicloud://users/u-2",
    when_ms=1_760_000_000_000,
)
TOPIC = Context(
    app_id="demoapp1",
    sender_uri="kiicloud://admins/APP_ADMIN",
    source_uri="kiicloud://topics/alerts",
    when_ms=1_760_000_000_000,
    topic_id="alerts",
    scope=Scope(type="APP", app_id="demoapp1"),
)
ON: dict[str, Any] = {"enabled": True}
OFF: dict[str, Any] = {"enabled": False}
BOTH: dict[str, Any] = {"gcm": ON, "apns": ON}
ALL_OFF: dict[str, Any] = dict.fromkeys(("gcm", "fcm", "apns", "jpush", "mqtt"), OFF)

# Vector number of §14, body, the fields at fault. Sent on the Direct Push page.
DIRECT_VECTORS: list[tuple[str, Any, set[str]]] = [
    ("17", {"data": {"msg": "hi"}, **BOTH}, set()),
    ("22", {}, {"gcm", "apns", "gcm.enabled", "apns.enabled"}),
    ("23", {"data": {"a": "b"}}, {"gcm", "apns", "gcm.enabled", "apns.enabled"}),
    ("25", {"gcm": {"enabled": True, "dryRun": True}, "apns": ON}, {"gcm.dryRun"}),
    ("26", {"gcm": {"enabled": True, "dryRun": True}, "apns": OFF}, set()),
    ("27", {"data": {"a": {"b": 1}}, **BOTH}, {"data.a"}),
    ("28", {"data": {"a": [1]}, **BOTH}, {"data.a"}),
    ("29", {"data": {"a": 1, "b": True, "c": 1.5, "d": "x"}, **BOTH}, set()),
    ("30", {"gcm": {"enabled": True, "data": {"n": 1}}, "apns": ON}, {"gcm.data.n"}),
    ("31", {"gcm": {"enabled": True, "data": {"n": "1"}}, "apns": ON}, set()),
    ("32", {"gcm": ON, "apns": {"enabled": True, "data": {"n": {"x": 1}}}}, {"apns.data.n"}),
    ("34", {"data": {"from": "me"}, **BOTH}, {"data.from"}),
    ("35", {"data": {"google.x": "1"}, **BOTH}, {"data.google.x"}),
    ("39-prefix", {"data": {"gcm.x": "1"}, "fcm": ON, "gcm": OFF, "apns": OFF}, {"data.gcm.x"}),
    ("39-ttl", {"data": {"ttl": "1"}, "fcm": ON, "gcm": OFF, "apns": OFF}, {"data.ttl"}),
    (
        "39-boot",
        {"data": {"direct_boot_ok": "1"}, "fcm": ON, "gcm": OFF, "apns": OFF},
        {"data.direct_boot_ok"},
    ),
    ("44", {"gcm": {"enabled": True, "timeToLive": 60}, "apns": OFF}, {"gcm.timeToLive"}),
]
# The same on the newer topic page.
TOPIC_VECTORS: list[tuple[str, Any, set[str]]] = [
    ("64", {"data": {"msg": "hi"}, **BOTH}, set()),
    ("68", {"mqtt": ON, "data": {"a": "b"}}, {"gcm.enabled"}),
    ("69", {"gcm": OFF, "apns": OFF, "mqtt": ON, "data": {"a": "b"}}, set()),
    ("70", ALL_OFF, set()),
]
GCM_WORDS = ["from", "registration_ids", "collapse_key", "data", "delay_while_idle", "time_to_live"]
GCM_WORDS += ["restricted_package_name", "dry_run", "google.", "google.x"]
FCM_WORDS = ["from", "message_type", "collapse_key", "priority", "ttl", "restricted_package_name"]
FCM_WORDS += ["notification", "fcm_options", "direct_boot_ok", "google.", "google.x", "gcm.", "gcm.x"]


@pytest.mark.parametrize(("body", "fields"), [pytest.param(*case, id=name) for name, *case in DIRECT_VECTORS])
def test_direct_vector(body: Any, fields: set[str]) -> None:
    assert set(check(body, direct=True, context=DIRECT)) == fields


@pytest.mark.parametrize(("body", "fields"), [pytest.param(*case, id=name) for name, *case in TOPIC_VECTORS])
def test_topic_vector(body: Any, fields: set[str]) -> None:
    assert set(check(body, context=TOPIC)) == fields


@pytest.mark.parametrize("page", ["direct", "strict-old", "new"])
@pytest.mark.parametrize(
    ("body", "refused_by"),
    [
        ({"gcm": ON}, {"direct", "strict-old"}),
        ({"fcm": ON}, {"direct", "strict-old"}),
        (BOTH, {"strict-old"}),
        ({**BOTH, "jpush": OFF, "mqtt": OFF}, set()),
        ({**BOTH, "jpush": {}, "mqtt": {}}, set()),
        ({"gcm": ON, "apns": {}}, {"direct", "strict-old", "new"}),
        ({**ALL_OFF, "gcm": {}}, {"direct", "strict-old", "new"}),
        ({**ALL_OFF, "fcm": {}}, {"direct", "strict-old", "new"}),
        ({**ALL_OFF, "fcm": {"enabled": True, "data": {"n": 1}}}, {"direct", "new"}),
        ({**ALL_OFF, "fcm": ON, "data": {"ttl": 1}}, {"direct", "new"}),
        ({**ALL_OFF, "fcm": ON, "data": {"a": "x" * 4096}}, {"new"}),
        ({**ALL_OFF, "gcm": ON, "data": {"a": "x" * 4096}}, {"direct", "strict-old", "new"}),
        ({**ALL_OFF, "apns": ON, "data": {"a": "x" * 2048}}, {"direct", "strict-old", "new"}),
        ({**ALL_OFF, "mqtt": ON, "data": {"a": "x" * 4096}}, {"direct", "strict-old", "new"}),
        ({**ALL_OFF, "jpush": ON, "data": {"a": "x" * 10_000}}, set()),
        ({**ALL_OFF, "data": {"a": "x" * 10_000}}, set()),
    ],
)
def test_each_page_has_its_own_rules(page: str, body: Any, refused_by: set[str]) -> None:
    profile: Profile = "strict-old" if page == "strict-old" else "new"
    found = check(
        body, direct=page == "direct", profile=profile, context=DIRECT if page == "direct" else TOPIC
    )
    assert bool(found) == (page in refused_by), found


@pytest.mark.parametrize("place", ["data", "own"])
@pytest.mark.parametrize(
    ("network", "key"),
    [*(("gcm", word) for word in GCM_WORDS), *(("fcm", word) for word in FCM_WORDS)],
)
def test_a_reserved_key_is_refused_while_its_network_is_enabled(network: str, key: str, place: str) -> None:
    def body(*, enabled: bool) -> dict[str, Any]:
        block = {"enabled": enabled}
        if place == "data":
            return {**ALL_OFF, network: block, "data": {key: "1"}}
        return {**ALL_OFF, network: {**block, "data": {key: "1"}}}

    field = f"data.{key}" if place == "data" else f"{network}.data.{key}"
    assert set(check(body(enabled=True))) == {field}
    assert check(body(enabled=False)) == {}


@pytest.mark.parametrize("key", ["google", "googlex", "From", "FROM", "gcm.x", "ttl", "x.from"])
def test_what_only_resembles_a_reserved_word_of_gcm_is_allowed(key: str) -> None:
    assert check({**ALL_OFF, "gcm": ON, "data": {key: "1"}}) == {}


def test_reserved_keys_in_the_data_of_another_network_are_allowed() -> None:
    assert check({**ALL_OFF, "gcm": ON, "mqtt": {"enabled": True, "data": {"from": "x"}}}) == {}


def test_apns_data_may_be_nested_while_apns_is_disabled() -> None:
    assert check({**ALL_OFF, "apns": {"enabled": False, "data": {"n": {"x": 1}}}}) == {}


def test_time_to_live_with_collapse_key_is_allowed() -> None:
    assert check({**ALL_OFF, "gcm": {"enabled": True, "timeToLive": 60, "collapseKey": "c"}}) == {}


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        *((path, ["x", 1, None, [], 0.5]) for path in ("gcm.dryRun", "gcm.delayWhileIdle")),
        *((f"{network}.enabled", ["true", 1, None, {}]) for network in ALL_OFF),
        *((network, ["x", True, None, []]) for network in ALL_OFF),
        *((f"{network}.data", ["x", True, None, []]) for network in ALL_OFF),
        *((path, ["x", 1, None]) for path in ("sendToDevelopment", "sendToProduction", "sendAppID")),
        *((path, ["x", 1, None]) for path in ("sendSender", "sendWhen", "sendOrigin")),
        *((path, ["x", 1, None]) for path in ("sendObjectScope", "sendTopicID")),
        *((path, [1, True, None, {}]) for path in ("pushMessageType", "gcm.collapseKey", "apns.sound")),
        *((path, [1, None]) for path in ("gcm.restrictedPackageName", "apns.category")),
        *((f"gcm.notification.{name}", [1, None, {}]) for name in ("title", "body", "icon", "sound")),
        *((f"gcm.notification.{name}", [1, None, {}]) for name in ("tag", "color", "clickAction")),
        *((f"apns.alert.{name}", [1, None]) for name in ("title", "subtitle", "body", "launchImage")),
        *((f"apns.alert.{name}", [1, None]) for name in ("actionLocKey", "locKey")),
        ("apns.alert.locArgs", ["x", [1], [None], {}]),
        ("data", ["x", 1, None, []]),
        *((path, ["1", True, 1.5, None]) for path in ("gcm.timeToLive", "apns.badge")),
        *((path, ["1", 1.5, None]) for path in ("apns.contentAvailable", "apns.mutableContent")),
        *((path, ["x", 1, []]) for path in ("gcm.notification", "fcm.notification", "apns.alert")),
        *((f"{network}.data.k", [None, [], {}]) for network in ("jpush", "mqtt")),
        ("data.k", [None, [], {}]),
    ],
)
def test_a_value_of_the_wrong_type_is_named(path: str, wrong: list[Any]) -> None:
    for value in wrong:
        body: dict[str, Any] = {network: dict(block) for network, block in ALL_OFF.items()}
        *parents, name = path.split(".")
        inner = body
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[name] = value
        assert set(check(body)) == {path}, value


@pytest.mark.parametrize("body", [None, True, 1, "x", [], [{}]])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert check(body) == {"body": "must be a JSON object"}


def test_fields_that_no_source_documents_pass() -> None:
    body = {
        **ALL_OFF,
        "unheardOf": [None],
        "fcm": {"enabled": True, "ttl": "60s", "priority": "high", "fcmOptions": {"analyticsLabel": "x"}},
        "mqtt": {"enabled": True, "qos": 1, "retain": True, "dryRun": False},
    }
    assert check(body, context=TOPIC) == {}


@pytest.mark.parametrize(("network", "limit"), [("gcm", 4096), ("fcm", 4096), ("apns", 2048), ("mqtt", 4096)])
@pytest.mark.parametrize("text", ["x", "é", "😀"], ids=["1 byte", "2 bytes", "4 bytes"])
def test_vectors_41_and_42_a_payload_may_fill_its_limit_to_the_byte(
    network: Network, limit: int, text: str
) -> None:
    def body(pad: str) -> dict[str, Any]:
        own = {"enabled": True, "data": {"n": pad}}
        return {**ALL_OFF, "data": {"m": text * 20}, "sendWhen": True, "pushMessageType": "T", network: own}

    free = limit - len(encode(explicit(body(""), network, TOPIC)))
    full = text * (free // len(text.encode())) + "x" * (free % len(text.encode()))
    assert len(encode(explicit(body(full), network, TOPIC))) == limit
    assert check(body(full), context=TOPIC) == {}
    assert check(body(full + "x"), context=TOPIC) == {
        network: f"payload is {limit + 1} bytes, at most {limit} are allowed"
    }


def test_every_fault_of_a_body_is_told_at_once() -> None:
    body = {
        "data": {"from": "x", "deep": {}},
        "gcm": {"enabled": True, "dryRun": True, "timeToLive": 1, "data": {"n": 1}},
        "apns": {"enabled": True, "data": {"deep": []}},
    }
    assert set(check(body)) == {
        "data.from",
        "data.deep",
        "gcm.dryRun",
        "gcm.timeToLive",
        "gcm.data.n",
        "apns.data.deep",
    }
