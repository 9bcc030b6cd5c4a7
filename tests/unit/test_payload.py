"""What each network would carry, to the byte: merge, what Kii adds, names of its own, and how bytes count."""

from typing import Any

import pytest

from kii_push.kii.identifiers import Scope
from kii_push.message import payload
from kii_push.message.payload import Context, Network

DIRECT = Context("demoapp1", user="u-2")
TOPIC = Context("demoapp1", topic="alerts")
SENDER = '"senderURI":"kiicloud://admins/APP_ADMIN"'
TO_USER = f'{SENDER},"sourceURI":"kiicloud://users/u-2"'
TO_TOPIC = (
    f'{SENDER},"sourceURI":"kiicloud://topics/alerts","topic":"alerts","objectScopeAppID":"demoapp1",'
    '"objectScopeType":"APP"'
)
EVERYTHING: dict[str, Any] = {
    **dict.fromkeys(("sendAppID", "sendWhen", "sendOrigin", "sendObjectScope", "sendTopicID"), True),
    "pushMessageType": "REMINDER",
}
NOTHING: dict[str, Any] = dict.fromkeys(("sendSender", "sendObjectScope", "sendTopicID"), False)


def bytes_of(text: str) -> int:
    return len(text.encode())


@pytest.mark.parametrize("network", ["mqtt", "jpush"])
@pytest.mark.parametrize(
    ("message", "context", "carried"),
    [
        ({}, DIRECT, f"{{{TO_USER}}}"),
        ({}, TOPIC, f"{{{TO_TOPIC}}}"),
        (NOTHING, TOPIC, f'{{{SENDER},"sourceURI":"kiicloud://topics/alerts"}}'),
        ({"data": {"n": 1, "b": True, "f": 1.5}}, DIRECT, f'{{"n":1,"b":true,"f":1.5,{TO_USER}}}'),
        ({"data": {"k": "é😀"}}, DIRECT, f'{{"k":"é😀",{TO_USER}}}'),
        ({"data": {"k": '"\n'}}, DIRECT, f'{{"k":"\\"\\n",{TO_USER}}}'),
        ({"data": {"senderURI": "mine"}}, DIRECT, f"{{{TO_USER}}}"),
        (
            EVERYTHING,
            DIRECT,
            f'{{{TO_USER},"appID":"demoapp1","type":"REMINDER","when":1760000000000,"origin":"EXPLICIT"}}',
        ),
    ],
)
def test_a_flat_payload(message: dict[str, Any], network: Network, context: Context, carried: str) -> None:
    assert payload.size(message, network, context) == bytes_of(carried)


@pytest.mark.parametrize(
    ("network", "carried"),
    [
        ("mqtt", f'{{"a":"own","b":"top",{TO_USER}}}'),
        ("apns", '{"aps":{},"a":"own","b":"top"}'),
        ("fcm", f'{{"data":{{"a":"own","b":"top",{TO_USER}}}}}'),
    ],
)
def test_a_network_s_own_data_wins(network: Network, carried: str) -> None:
    message = {"data": {"a": "longer at the top", "b": "top"}, network: {"data": {"a": "own"}}}
    assert payload.size(message, network, DIRECT) == bytes_of(carried)


def test_gcm_carries_text_and_its_own_names() -> None:
    gcm = {
        "enabled": True,
        "collapseKey": "news",
        "timeToLive": 600,
        "notification": {"title": "T", "clickAction": "OPEN"},
    }
    carried = (
        f'{{"data":{{"n":"1","b":"true",{TO_USER}}},"collapse_key":"news","time_to_live":600,'
        '"notification":{"title":"T","click_action":"OPEN"}}'
    )
    assert payload.size({"data": {"n": 1, "b": True}, "gcm": gcm}, "gcm", DIRECT) == bytes_of(carried)


def test_apns_carries_short_keys_and_aps() -> None:
    apns = {
        "enabled": True,
        "alert": {"title": "T", "locKey": "L", "locArgs": ["a"], "launchImage": "x.png"},
        "badge": 0,
        "contentAvailable": True,
        "mutableContent": 0,
    }
    carried = (
        '{"aps":{"alert":{"title":"T","loc-key":"L","loc-args":["a"],"launch-image":"x.png"},"badge":0,'
        '"content-available":1},"k":1,"a":"demoapp1","t":"REMINDER","w":1760000000000,"o":"EXPLICIT",'
        '"to":"alerts","sa":"demoapp1","st":"APP"}'
    )
    message = {**EVERYTHING, "data": {"k": 1}, "apns": apns}
    assert payload.size(message, "apns", TOPIC) == bytes_of(carried)


@pytest.mark.parametrize(
    ("scope", "uri", "added"),
    [
        (Scope("group", "g-1"), "groups/g-1", '"APP_AND_GROUP","objectScopeGroupID":"g-1"'),
        (Scope("user", "u-1"), "users/u-1", '"APP_AND_USER","objectScopeUserID":"u-1"'),
        (Scope("thing", "t-1"), "things/t-1", '"APP_AND_THING","objectScopeThingID":"t-1"'),
    ],
)
def test_a_scope_is_told_with_its_owner(scope: Scope, uri: str, added: str) -> None:
    carried = (
        f'{{{SENDER},"sourceURI":"kiicloud://{uri}/topics/alerts","topic":"alerts",'
        f'"objectScopeAppID":"demoapp1","objectScopeType":{added}}}'
    )
    context = Context("demoapp1", topic="alerts", scope=scope)
    assert payload.size({}, "mqtt", context) == bytes_of(carried)


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        (Scope("user", "LOGIN_NAME:bob"), Scope("user", "x" * 36)),
        (Scope("user", "EMAIL:somebody.with.a.long.address@example.com"), Scope("user", "x" * 36)),
        (Scope("thing", "VENDOR_THING_ID:lamp"), Scope("thing", "th." + "x" * 36)),
    ],
)
def test_an_address_counts_as_the_id_that_kii_puts_in_its_place(given: Scope, resolved: Scope) -> None:
    def size(scope: Scope) -> int:
        return payload.size({}, "mqtt", Context("demoapp1", topic="alerts", scope=scope))

    assert size(given) == size(resolved)


def test_a_user_s_address_counts_as_his_id() -> None:
    by_name, by_id = Context("demoapp1", user="LOGIN_NAME:bob"), Context("demoapp1", user="x" * 36)
    assert payload.size({}, "mqtt", by_name) == payload.size({}, "mqtt", by_id)
