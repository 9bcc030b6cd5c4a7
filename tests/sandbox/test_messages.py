"""What a send answers, whom it reaches and what each network carries.

See docs/kii-push-api.md §3, §4.2, §8 and §10.
"""

from typing import Any

import pytest

from local.device import Device
from tests.sandbox.kii import APP, EVERY_NETWORK, OK, PATH_TO_BOB, Kii, assert_error, sandbox

NO_GCM_NO_APNS = {"gcm": {"enabled": False}, "apns": {"enabled": False}}


def payloads(kii: Kii) -> dict[str, Any]:
    return {each["deviceType"]: each["payload"] for each in kii.deliveries()}


def install_everything(kii: Kii, by: str = "bob") -> None:
    for device_type in ("ANDROID", "IOS", "JPUSH", "MQTT"):
        kii.install(by, device_type)


@pytest.mark.parametrize(
    "user", ["LOGIN_NAME:bob", "EMAIL:bob%40example.com", "PHONE:%2B819000000002", "{id}"]
)
def test_a_direct_push_is_answered_with_its_id(kii: Kii, user: str) -> None:
    path = f"/users/{user.format(id=kii.id('bob'))}/push/messages"
    headers = {
        "Content-Type": "application/vnd.kii.SendPushMessageRequest+json",
        "Accept": "application/vnd.kii.SendPushMessageResponse+json",
    }
    kii.install("bob")

    answer = kii.call("POST", path, json=OK, headers=headers)

    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/vnd.kii.SendPushMessageResponse+json;charset=UTF-8"
    [delivery] = kii.deliveries()
    assert answer.json() == {"pushMessageID": delivery["pushMessageID"]}


def test_a_push_to_nobodys_devices_succeeds(kii: Kii) -> None:
    kii.call("PUT", "/topics/alerts")

    assert kii.send().status_code == 201
    assert kii.call("POST", "/topics/alerts/push/messages", json=OK).status_code == 201
    assert kii.deliveries() == []


@pytest.mark.parametrize(
    ("by", "path", "status"),
    [
        ("admin", PATH_TO_BOB, 201),
        ("bob", "/users/me/push/messages", 201),
        ("bob", PATH_TO_BOB, 201),
        ("alice", PATH_TO_BOB, 401),
        ("lamp", PATH_TO_BOB, 401),
        ("anonymous", PATH_TO_BOB, 401),
        ("lamp", "/users/me/push/messages", 401),
    ],
)
def test_who_may_push_directly(kii: Kii, by: str, path: str, status: int) -> None:
    assert kii.call("POST", path, by, json=OK).status_code == status


def test_an_unknown_user_or_topic(kii: Kii) -> None:
    answer = kii.call("POST", "/users/none/push/messages", json=OK)
    assert_error(answer, 404, "USER_NOT_FOUND", field="userID", value="none", appID=APP)
    answer = kii.call("POST", "/topics/none/push/messages", json=OK)
    assert_error(answer, 404, "TOPIC_NOT_FOUND", topicID="none")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"data": {"a": "b"}},
        {"data": {"a": "b"}, "mqtt": {"enabled": True}},
        {"gcm": {"enabled": True, "dryRun": True}, "apns": {"enabled": True}},
        {**OK, "data": {"a": {"b": 1}}},
        {**OK, "data": {"from": "me"}},
        {**OK, "data": {"a": "x" * 5000}},
        {**OK, "sendWhen": "yes"},
    ],
)
def test_a_message_that_breaks_a_rule(kii: Kii, body: dict[str, Any]) -> None:
    kii.call("PUT", "/topics/alerts")

    for path in (PATH_TO_BOB, "/topics/alerts/push/messages"):
        answer = kii.call("POST", path, json=body)
        assert_error(answer, 400, "INVALID_INPUT_DATA", "InvalidInputDataException")
        assert answer.json()["invalidFields"]


def test_the_direct_page_wants_both_flags_and_the_topic_page_one(kii: Kii) -> None:
    kii.call("PUT", "/topics/alerts")
    body = {"data": {"a": "b"}, "fcm": {"enabled": True}}

    assert kii.send(body).status_code == 400
    assert kii.call("POST", "/topics/alerts/push/messages", json=body).status_code == 201


def test_what_a_direct_push_carries_on_each_network(kii: Kii) -> None:
    install_everything(kii)
    bob = kii.id("bob")
    body = EVERY_NETWORK | {
        "data": {"n": 1, "ok": True},
        "apns": {"enabled": True, "alert": {"body": "Hello"}},
    }

    kii.send(body)

    uris = {"senderURI": "kiicloud://admins/APP_ADMIN", "sourceURI": f"kiicloud://users/{bob}"}
    assert payloads(kii) == {
        "ANDROID": {"data": {"n": "1", "ok": "true", **uris}},
        "IOS": {"aps": {"alert": {"body": "Hello"}}, "n": 1, "ok": True},
        "JPUSH": {"n": 1, "ok": True, **uris},
        "MQTT": {"n": 1, "ok": True, **uris},
    }
    for each in kii.deliveries():
        assert (each["feature"], each["owner"], each["appID"]) == ("direct", {"userID": bob}, APP)


def test_what_a_topic_message_carries_on_each_network(kii: Kii) -> None:
    install_everything(kii)
    kii.call("PUT", "/groups/team/topics/alerts", "bob")
    kii.call("POST", "/groups/team/topics/alerts/push/subscriptions/users", "bob")
    body = EVERY_NETWORK | {"sendOrigin": True, "sendAppID": True, "pushMessageType": "X"}

    kii.call("POST", "/groups/team/topics/alerts/push/messages", "alice", json=body)

    alice = kii.id("alice")
    long = {
        "appID": APP,
        "topic": "alerts",
        "objectScopeType": "APP_AND_GROUP",
        "objectScopeAppID": APP,
        "objectScopeGroupID": "team",
        "sender": alice,
        "senderURI": f"kiicloud://users/{alice}",
        "sourceURI": "kiicloud://groups/team/topics/alerts",
        "type": "X",
        "origin": "EXPLICIT",
        "msg": "hi",
    }
    short = {
        "a": APP,
        "to": "alerts",
        "st": "APP_AND_GROUP",
        "sa": APP,
        "sg": "team",
        "s": alice,
        "t": "X",
        "o": "EXPLICIT",
    }
    assert payloads(kii) == {
        "ANDROID": {"data": long},
        "IOS": {"aps": {}, "msg": "hi", **short},
        "JPUSH": long,
        "MQTT": long,
    }
    assert {each["feature"] for each in kii.deliveries()} == {"topic"}


def test_a_message_reaches_a_real_device(kii: Kii) -> None:
    with Device(f"{kii.origin}/api", "bob") as device:
        body = {
            **NO_GCM_NO_APNS,
            "data": {"msg": "y", "z": "1"},
            "mqtt": {"enabled": True, "data": {"msg": "x"}},
        }
        kii.call("POST", PATH_TO_BOB, json={**body, "sendWhen": True, "sendOrigin": True})

        received = device.wait_for(msg="x")

    assert received is not None
    when = received.payload.pop("when")
    assert received.payload == {
        "msg": "x",
        "z": "1",
        "origin": "EXPLICIT",
        "senderURI": "kiicloud://admins/APP_ADMIN",
        "sourceURI": f"kiicloud://users/{kii.id('bob')}",
    }
    assert abs(when - received.at * 1000) < 5_000


@pytest.mark.parametrize(
    "scope", ["", "/groups/team", "/users/LOGIN_NAME:bob", "/things/VENDOR_THING_ID:lamp"]
)
def test_a_topic_message_reaches_a_real_device_in_every_scope(kii: Kii, scope: str) -> None:
    with Device(f"{kii.origin}/api", "bob") as device:
        kii.call("PUT", f"{scope}/topics/alerts")
        kii.call("PUT", f"{scope}/topics/alerts/push/subscriptions/users/{device.user_id}")
        kii.call("POST", f"{scope}/topics/alerts/push/messages", json=EVERY_NETWORK)

        received = device.wait_for(topic="alerts")

    assert received is not None
    assert received.payload["sourceURI"].endswith("/topics/alerts")


def test_only_subscribers_are_reached(kii: Kii) -> None:
    for name in ("alice", "bob", "lamp"):
        kii.install(name, "MQTT")
    kii.call("PUT", "/topics/alerts")
    kii.call("POST", "/topics/alerts/push/subscriptions/users", "bob")
    kii.call("POST", "/topics/alerts/push/subscriptions/things", "lamp")

    kii.call("POST", "/topics/alerts/push/messages", json=EVERY_NETWORK)
    kii.call("DELETE", f"/topics/alerts/push/subscriptions/users/{kii.id('bob')}", "bob")
    kii.call("POST", "/topics/alerts/push/messages", json=EVERY_NETWORK)

    bob, lamp = {"userID": kii.id("bob")}, {"thingID": kii.id("lamp")}
    owners = [each["owner"] for each in kii.deliveries()]
    assert sorted(owners, key=str) == sorted([bob, lamp, lamp], key=str)


def test_every_device_of_a_user_gets_its_copy(kii: Kii) -> None:
    ids = {kii.install("bob", installationRegistrationID=f"tok{number}") for number in range(3)}

    kii.send()

    assert {each["installationID"] for each in kii.deliveries()} == ids
    assert len({each["pushMessageID"] for each in kii.deliveries()}) == 1


@pytest.mark.parametrize(
    ("flags", "reached"),
    [
        ({}, {"dev", "prod"}),
        ({"sendToDevelopment": False}, {"prod"}),
        ({"sendToProduction": False}, {"dev"}),
        ({"sendToDevelopment": False, "sendToProduction": True}, {"prod"}),
        ({"sendToDevelopment": False, "sendToProduction": False}, set()),
    ],
)
def test_development_and_production(kii: Kii, flags: dict[str, bool], reached: set[str]) -> None:
    names = {
        kii.install("bob", installationRegistrationID="d", development=True): "dev",
        kii.install("bob", installationRegistrationID="p"): "prod",
    }

    kii.call("POST", PATH_TO_BOB, json=OK | flags)

    assert {names[each["installationID"]] for each in kii.deliveries()} == reached


@pytest.mark.parametrize(
    ("networks", "carried"),
    [
        ({"gcm": {"enabled": True, "data": {"by": "gcm"}}}, "gcm"),
        ({"fcm": {"enabled": True, "data": {"by": "fcm"}}, "gcm": {"enabled": False}}, "fcm"),
        (
            {
                "fcm": {"enabled": True, "data": {"by": "fcm"}},
                "gcm": {"enabled": True, "data": {"by": "gcm"}},
            },
            "fcm",
        ),
        ({"fcm": {"enabled": False}, "gcm": {"enabled": True, "data": {"by": "gcm"}}}, "gcm"),
        ({"gcm": {"enabled": False}}, None),
        ({"gcm": {"enabled": True, "dryRun": True}}, None),
    ],
)
def test_fcm_wins_over_gcm(kii: Kii, networks: dict[str, Any], carried: str | None) -> None:
    kii.install("bob")

    answer = kii.call("POST", PATH_TO_BOB, json={"data": {"a": "b"}, "apns": {"enabled": False}, **networks})

    assert answer.status_code == 201
    assert [each["payload"]["data"]["by"] for each in kii.deliveries()] == ([carried] if carried else [])


def test_networks_that_are_off_or_absent_are_not_served(kii: Kii) -> None:
    install_everything(kii)

    kii.call(
        "POST",
        PATH_TO_BOB,
        json=NO_GCM_NO_APNS | {"data": {"a": "b"}, "jpush": {"enabled": True}, "mqtt": {}},
    )

    assert payloads(kii).keys() == {"JPUSH"}


def test_a_large_apns_payload_is_refused_by_default(kii: Kii) -> None:
    body = {"data": {"a": "x" * 2048}, "gcm": {"enabled": False}, "apns": {"enabled": True}}

    assert_error(kii.send(body), 400, "INVALID_INPUT_DATA")


def test_a_large_apns_payload_can_be_fetched(tmp_path_factory: pytest.TempPathFactory) -> None:
    body = {"data": {"a": "x" * 2048}, "gcm": {"enabled": False}, "apns": {"enabled": True}}
    with (
        sandbox(tmp_path_factory.mktemp("large"), "--policy", "largeApns=store") as origin,
        Kii(origin) as kii,
    ):
        kii.install("bob", "IOS")
        assert kii.send(body).status_code == 201
        [delivery] = kii.deliveries()
        assert delivery["payload"].keys() == {"aps", "payloadID"}
        path = f"/users/me/payloads/{delivery['payload']['payloadID']}"

        assert kii.call("GET", path, "bob").json() == {"aps": {}, "a": "x" * 2048}
        assert kii.call("GET", path.replace("me", "EMAIL:bob%40example.com")).status_code == 200
        assert kii.call("GET", path.replace("me", "LOGIN_NAME:bob"), "alice").status_code == 401
        assert kii.call("DELETE", path, "bob").status_code == 204
        assert kii.call("GET", path, "bob").status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_payload_that_is_not_there(kii: Kii, method: str) -> None:
    answer = kii.call(method, "/users/me/payloads/none", "bob")

    assert_error(
        answer,
        404,
        "PAYLOAD_ID_NOT_FOUND",
        "PushPayloadIDNotFoundException",
        payloadID="none",
        userID=kii.id("bob"),
        appID=APP,
    )
