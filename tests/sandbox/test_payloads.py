"""What each network carries: the samples of §6.2 and §8.4, and what holds for every message.

Sections (§) are those of docs/kii-push-api.md.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.kii.scope import Scope
from sandbox.messages.payloads import NETWORKS, BucketEvent, Context, Network, encode, event, explicit
from sandbox.messages.rules import check

DIRECT = Context(
    app_id="demoapp1",
    sender_uri="kiicloud://admins/APP_ADMIN",
    source_uri="kiicloud://users/u-2",
    when_ms=1_760_000_000_123,
)
TOPIC = Context(
    app_id="demoapp1",
    sender="u-1",
    sender_uri="kiicloud://users/u-1",
    source_uri="kiicloud://topics/alerts",
    when_ms=1_760_000_000_123,
    topic_id="alerts",
    scope=Scope(type="APP", app_id="demoapp1"),
)
EVENT = BucketEvent(
    type="DATA_OBJECT_UPDATED",
    app_id="demoapp1",
    scope=Scope(type="APP_AND_USER", app_id="demoapp1", user_id="u-1001"),
    bucket_id="notes",
    source_uri="kiicloud://users/u-1001/buckets/notes/objects/o-77",
    when_ms=1_760_000_000_123,
    sender="u-1001",
    object_id="o-77",
    modified_ms=1_760_000_000_100,
)
EVERY_FLAG = {
    "sendAppID": True,
    "sendSender": True,
    "sendWhen": True,
    "sendOrigin": True,
    "sendObjectScope": True,
    "sendTopicID": True,
    "pushMessageType": "REMINDER",
}


def test_topic_message_on_mqtt() -> None:
    assert explicit({"data": {"k": "v"}, "mqtt": {"enabled": True}}, "mqtt", TOPIC) == {
        "topic": "alerts",
        "objectScopeType": "APP",
        "objectScopeAppID": "demoapp1",
        "sender": "u-1",
        "senderURI": "kiicloud://users/u-1",
        "sourceURI": "kiicloud://topics/alerts",
        "k": "v",
    }


def test_direct_message_on_mqtt() -> None:
    body = {"data": {"k": "v"}, "mqtt": {"enabled": True}}
    assert explicit(body, "mqtt", DIRECT) == {
        "sourceURI": "kiicloud://users/u-2",
        "senderURI": "kiicloud://admins/APP_ADMIN",
        "k": "v",
    }


def test_topic_message_on_apns() -> None:
    body = {"data": {"k": 1}, "apns": {"enabled": True, "alert": {"body": "Hello"}}}
    assert explicit(body, "apns", TOPIC) == {
        "aps": {"alert": {"body": "Hello"}},
        "s": "u-1",
        "to": "alerts",
        "sa": "demoapp1",
        "st": "APP",
        "k": 1,
    }


def test_every_metadata_field_on_mqtt_and_apns() -> None:
    body = {**EVERY_FLAG, "data": {}}
    assert explicit(body, "mqtt", TOPIC) == {
        "appID": "demoapp1",
        "topic": "alerts",
        "objectScopeType": "APP",
        "objectScopeAppID": "demoapp1",
        "sender": "u-1",
        "senderURI": "kiicloud://users/u-1",
        "sourceURI": "kiicloud://topics/alerts",
        "type": "REMINDER",
        "when": 1_760_000_000_123,
        "origin": "EXPLICIT",
    }
    assert explicit(body, "apns", TOPIC) == {
        "aps": {},
        "a": "demoapp1",
        "to": "alerts",
        "st": "APP",
        "sa": "demoapp1",
        "s": "u-1",
        "t": "REMINDER",
        "w": 1_760_000_000_123,
        "o": "EXPLICIT",
    }


def test_a_direct_message_has_no_topic_and_no_scope() -> None:
    assert set(explicit(EVERY_FLAG, "mqtt", DIRECT)) == {
        *("appID", "senderURI", "sourceURI", "type", "when", "origin")
    }


@pytest.mark.parametrize(
    ("flag", "keys"),
    [
        ("sendSender", {"sender"}),
        ("sendObjectScope", {"objectScopeType", "objectScopeAppID"}),
        ("sendTopicID", {"topic"}),
    ],
)
def test_a_field_on_by_default_can_be_switched_off(flag: str, keys: set[str]) -> None:
    assert set(explicit({}, "mqtt", TOPIC)) - set(explicit({flag: False}, "mqtt", TOPIC)) == keys


@pytest.mark.parametrize(
    ("scope", "long", "short"),
    [
        (Scope(type="APP_AND_GROUP", app_id="a", group_id="g"), {"objectScopeGroupID": "g"}, {"sg": "g"}),
        (Scope(type="APP_AND_USER", app_id="a", user_id="u"), {"objectScopeUserID": "u"}, {"su": "u"}),
        (Scope(type="APP_AND_THING", app_id="a", thing_id="t"), {"objectScopeThingID": "t"}, {"sth": "t"}),
    ],
)
def test_the_scope_is_named_on_every_network(
    scope: Scope, long: dict[str, str], short: dict[str, str]
) -> None:
    context = Context(
        app_id="a", sender_uri="s", source_uri="u", when_ms=0, topic_id="t", scope=scope, sender=None
    )
    body = {"sendTopicID": False}
    uris = {"senderURI": "s", "sourceURI": "u"}
    for network in NETWORKS:
        carried = explicit(body, network, context)
        if network == "apns":
            assert carried == {"aps": {}, "st": scope.type, "sa": "a"} | short
        else:
            fields = carried["data"] if network in ("gcm", "fcm") else carried
            assert fields == {"objectScopeType": scope.type, "objectScopeAppID": "a"} | long | uris


@pytest.mark.parametrize("network", ["gcm", "fcm"])
def test_android_data_values_are_text(network: Network) -> None:
    body = {"data": {"i": 1, "f": 1.5, "t": True, "n": False, "s": "x"}, "sendWhen": True}
    data = explicit(body, network, DIRECT)["data"]
    assert data == {
        "i": "1",
        "f": "1.5",
        "t": "true",
        "n": "false",
        "s": "x",
        "when": "1760000000123",
        "senderURI": "kiicloud://admins/APP_ADMIN",
        "sourceURI": "kiicloud://users/u-2",
    }


def test_gcm_fields_have_gcm_s_names() -> None:
    block = {
        "enabled": True,
        "data": {"only": "droid"},
        "notification": {"title": "T", "clickAction": "OPEN", "unsupported": "dropped"},
        "collapseKey": "news",
        "timeToLive": 600,
        "delayWhileIdle": False,
        "restrictedPackageName": "com.example.app",
        "dryRun": False,
    }
    carried = explicit({"gcm": block}, "gcm", DIRECT)
    assert carried.pop("data")["only"] == "droid"
    assert carried == {
        "notification": {"title": "T", "click_action": "OPEN"},
        "collapse_key": "news",
        "time_to_live": 600,
        "delay_while_idle": False,
        "restricted_package_name": "com.example.app",
        "dry_run": False,
    }


def test_fcm_fields_that_nothing_documents_are_passed_on() -> None:
    block = {"enabled": True, "notification": {"bodyLocKey": "L"}, "directBootOk": True, "ttl": "60s"}
    carried = explicit({"fcm": block}, "fcm", DIRECT)
    del carried["data"]
    assert carried == {"notification": {"body_loc_key": "L"}, "direct_boot_ok": True, "ttl": "60s"}


def test_apns_fields_have_apple_s_names() -> None:
    block = {
        "enabled": True,
        "data": {"deep": "link/7"},
        "sound": "ping.caf",
        "badge": 3,
        "contentAvailable": True,
        "mutableContent": 1,
        "category": "REMIND",
        "alert": {
            "title": "T",
            "subtitle": "S",
            "body": "B",
            "locKey": "L",
            "locArgs": ["a", "b"],
            "actionLocKey": "A",
            "launchImage": "x.png",
        },
    }
    assert explicit({"apns": block}, "apns", DIRECT) == {
        "aps": {
            "alert": {
                "title": "T",
                "subtitle": "S",
                "body": "B",
                "loc-key": "L",
                "loc-args": ["a", "b"],
                "action-loc-key": "A",
                "launch-image": "x.png",
            },
            "sound": "ping.caf",
            "badge": 3,
            "content-available": 1,
            "mutable-content": 1,
            "category": "REMIND",
        },
        "deep": "link/7",
    }


@pytest.mark.parametrize("value", [False, 0])
def test_a_false_apns_flag_is_left_out(value: object) -> None:
    block = {"enabled": True, "contentAvailable": value, "mutableContent": value}
    assert explicit({"apns": block}, "apns", DIRECT) == {"aps": {}}


def test_vector_48_the_network_s_own_data_wins() -> None:
    body = {"data": {"msg": "y", "z": "1"}, "mqtt": {"enabled": True, "data": {"msg": "x"}}}
    carried = explicit(body, "mqtt", DIRECT)
    assert (carried["msg"], carried["z"]) == ("x", "1")


def test_custom_keys_give_way_to_kii_s() -> None:
    body = {"data": {"topic": "forged", "to": "forged", "aps": "forged", "sender": "kept, nobody sent it"}}
    assert explicit(body, "mqtt", TOPIC)["topic"] == "alerts"
    assert explicit(body, "mqtt", DIRECT)["sender"] == "kept, nobody sent it"
    assert explicit(body, "apns", TOPIC)["to"] == "alerts"
    forged = body | {"apns": {"enabled": True, "badge": 1, "data": {"aps": "forged"}}}
    assert explicit(forged, "apns", DIRECT)["aps"] == {"badge": 1}


def test_event_with_long_keys() -> None:
    long = {
        "origin": "EVENT",
        "type": "DATA_OBJECT_UPDATED",
        "when": 1_760_000_000_123,
        "modifiedAt": 1_760_000_000_100,
        "appID": "demoapp1",
        "sender": "u-1001",
        "sourceURI": "kiicloud://users/u-1001/buckets/notes/objects/o-77",
        "objectScopeType": "APP_AND_USER",
        "objectScopeAppID": "demoapp1",
        "objectScopeUserID": "u-1001",
        "bucketID": "notes",
        "bucketType": "rw",
        "objectID": "o-77",
    }
    assert event(EVENT, "mqtt") == event(EVENT, "jpush") == long
    text = {key: str(value) for key, value in long.items()}
    assert event(EVENT, "gcm") == event(EVENT, "fcm") == {"data": text, "collapse_key": "notes"}


def test_event_on_apns_is_reduced() -> None:
    assert event(EVENT, "apns") == {
        "aps": {},
        "w": 1_760_000_000_123,
        "t": "DATA_OBJECT_UPDATED",
        "sa": "demoapp1",
        "st": "APP_AND_USER",
        "su": "u-1001",
        "bi": "notes",
        "bt": "rw",
        "oi": "o-77",
    }


def test_a_deleted_bucket_has_no_object() -> None:
    deleted = BucketEvent(
        type="BUCKET_DELETED",
        app_id="a",
        scope=Scope(type="APP", app_id="a"),
        bucket_id="b",
        source_uri="kiicloud://buckets/b",
        when_ms=1,
    )
    assert not {"objectID", "modifiedAt", "sender"} & set(event(deleted, "mqtt"))
    assert "oi" not in event(deleted, "apns")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_cannot_carry_is_an_error(value: object) -> None:
    with pytest.raises(ValueError, match=r"(?i)compliant|surrogates"):
        encode({"k": value})


# How Kii's Unity SDK tells what it received (§8.4).
def classified(payload: dict[str, Any]) -> str:
    if isinstance(payload.get("aps"), dict):
        if {"bi", "bt", "oi", "om"} & set(payload):
            return "app"
        return "user" if "to" in payload else "direct"
    fields = payload.get("data", payload)
    if fields.get("origin") == "EVENT" or {"bucketID", "bucketType"} & set(fields):
        return "app"
    return "user" if "topic" in fields else "direct"


@pytest.mark.parametrize("network", NETWORKS)
def test_receivers_tell_the_three_features_apart(network: Network) -> None:
    assert classified(explicit(EVERY_FLAG, network, DIRECT)) == "direct"
    assert classified(explicit(EVERY_FLAG, network, TOPIC)) == "user"
    assert classified(event(EVENT, network)) == "app"


flat = st.dictionaries(
    st.text("abcAPSto.", min_size=1, max_size=6),
    st.text(max_size=20) | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
)
texts = st.dictionaries(st.text("abc", min_size=1, max_size=6), st.text(max_size=20), max_size=4)
messages = st.fixed_dictionaries(
    {
        "gcm": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"data": texts}),
        "fcm": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"data": texts}),
        "apns": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"data": flat}),
        "jpush": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"data": flat}),
        "mqtt": st.fixed_dictionaries({"enabled": st.booleans()}, optional={"data": flat}),
    },
    optional={"data": flat, **{name: st.booleans() for name in EVERY_FLAG if name != "pushMessageType"}},
)


@given(message=messages, context=st.sampled_from([DIRECT, TOPIC]), network=st.sampled_from(NETWORKS))
def test_a_message_kii_accepts_fits_every_network(
    message: dict[str, Any], context: Context, network: Network
) -> None:
    assert check(message, context=context) == {}
    payload = explicit(message, network, context)
    assert len(encode(payload)) <= 4096
    if network in ("gcm", "fcm"):
        assert all(isinstance(value, str) for value in payload["data"].values())
    sent = {**message.get("data", {}), **message[network].get("data", {})}
    carried = payload["data"] if network in ("gcm", "fcm") else payload
    assert set(sent) <= set(carried)
