"""Installations and MQTT endpoints (docs/kii-push-api.md §7)."""

from collections.abc import Iterator
from typing import Any

import pytest

from local.device import Device
from tests.sandbox.kii import APP, EVERY_NETWORK, Kii, assert_error, sandbox

DEVICE = {"deviceType": "ANDROID", "installationRegistrationID": "tok1"}


def install(kii: Kii, by: str, **fields: Any) -> tuple[int, dict[str, Any]]:
    answer = kii.call("POST", "/installations", by, json=fields)
    return answer.status_code, answer.json()


def record(kii: Kii, installation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = kii.call("GET", f"/installations/{installation_id}").json()
    return found


@pytest.mark.parametrize("device_type", ["ANDROID", "IOS", "JPUSH"])
def test_installing_a_device(kii: Kii, device_type: str) -> None:
    body = {"deviceType": device_type, "installationRegistrationID": "tok1"}

    answer = kii.call("POST", "/installations", "bob", json=body)

    assert answer.status_code == 201
    content_type = "application/vnd.kii.InstallationCreationResponse+json;charset=UTF-8"
    assert answer.headers["Content-Type"] == content_type
    installation_id = answer.json()["installationID"]
    assert answer.json() == {"installationID": installation_id, "installationRegistrationID": "tok1"}
    assert answer.headers["Location"] == f"{kii.origin}/api/apps/{APP}/installations/{installation_id}"
    found = kii.call("GET", f"/installations/{installation_id}", "bob")
    assert found.json() == {
        "installationID": installation_id,
        "installationRegistrationID": "tok1",
        "deviceType": device_type,
        "userID": kii.id("bob"),
        "development": False,
    }
    assert "InstallationRetrievalResponse" in found.headers["Content-Type"]
    assert kii.call("GET", f"/installations/{device_type}:tok1", "bob").json() == found.json()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({}, False),
        ({"development": None}, False),
        ({"development": False}, False),
        ({"development": True}, True),
        ({"development": "false"}, False),
        ({"development": "true"}, True),
    ],
)
def test_the_development_flag(kii: Kii, given: dict[str, object], *, kept: bool) -> None:
    status, body = install(kii, "bob", **DEVICE, **given)

    assert status == 201
    assert record(kii, body["installationID"])["development"] is kept


@pytest.mark.parametrize(
    ("by", "body", "field"),
    [
        ("bob", {"deviceType": "IOS"}, "installationRegistrationID"),
        ("bob", {"deviceType": "IOS", "installationRegistrationID": ""}, "installationRegistrationID"),
        ("bob", {"deviceType": "IOS", "installationRegistrationID": 1}, "installationRegistrationID"),
        ("bob", {"deviceType": "MQTT", "installationRegistrationID": "x"}, "installationRegistrationID"),
        ("bob", {"deviceType": "PAGER", "installationRegistrationID": "x"}, "deviceType"),
        ("bob", {"deviceType": ["ANDROID"], "installationRegistrationID": "x"}, "deviceType"),
        ("bob", {"installationRegistrationID": "x"}, "deviceType"),
        ("bob", {**DEVICE, "development": 1}, "development"),
        ("bob", {**DEVICE, "development": 1.0}, "development"),
        ("bob", {**DEVICE, "development": "yes"}, "development"),
        ("bob", {**DEVICE, "development": [True]}, "development"),
        ("bob", {**DEVICE, "userID": "me"}, "userID"),
        ("admin", DEVICE, "userID"),
        ("admin", {**DEVICE, "userID": "a", "thingID": "b"}, "userID"),
        ("admin", {**DEVICE, "userID": 1}, "userID"),
    ],
)
def test_an_installation_that_cannot_be(kii: Kii, by: str, body: dict[str, Any], field: str) -> None:
    answer = kii.call("POST", "/installations", by, json=body)

    assert_error(answer, 400, "INVALID_INPUT_DATA", "InvalidInputDataException")
    assert list(answer.json()["invalidFields"]) == [field]
    assert field in answer.json()["message"]


def test_the_admin_names_the_owner(kii: Kii) -> None:
    _, for_bob = install(kii, "admin", **DEVICE, userID=kii.id("bob"))
    _, for_lamp = install(kii, "admin", deviceType="MQTT", thingID=kii.id("lamp"))

    assert record(kii, for_bob["installationID"])["userID"] == kii.id("bob")
    assert record(kii, for_lamp["installationID"])["thingID"] == kii.id("lamp")
    answer = kii.call("POST", "/installations", json={**DEVICE, "userID": "none"})
    assert_error(answer, 404, "USER_NOT_FOUND")
    answer = kii.call("POST", "/installations", json={**DEVICE, "thingID": "none"})
    assert_error(answer, 404, "THING_NOT_FOUND")


def test_the_last_to_install_a_device_has_it(kii: Kii) -> None:
    _, first = install(kii, "bob", **DEVICE)
    status, second = install(kii, "alice", **DEVICE, development=True)

    assert (status, second) == (201, first)
    moved = record(kii, first["installationID"])
    assert (moved["userID"], moved["development"]) == (kii.id("alice"), True)
    assert kii.call("GET", "/installations", "bob").json() == {"installations": []}
    assert install(kii, "alice", **DEVICE) == (201, first)


def test_the_same_registration_on_another_network_is_another_device(kii: Kii) -> None:
    _, android = install(kii, "bob", **DEVICE)
    _, jpush = install(kii, "bob", **{**DEVICE, "deviceType": "JPUSH"})

    assert android["installationID"] != jpush["installationID"]


def test_one_mqtt_installation_per_owner(kii: Kii) -> None:
    first = install(kii, "lamp", deviceType="MQTT")
    again = install(kii, "lamp", deviceType="MQTT")
    by_admin = install(kii, "admin", deviceType="MQTT", thingID=kii.id("lamp"))
    other = install(kii, "bob", deviceType="MQTT")

    assert first[0] == 201
    assert first == again == by_admin
    assert first[1]["installationRegistrationID"]
    assert other[1]["installationID"] != first[1]["installationID"]


def test_listing_installations(kii: Kii) -> None:
    bobs, lamps = kii.install("bob"), kii.install("lamp", "MQTT")

    def listed(by: str, **params: str) -> list[str]:
        answer = kii.call("GET", "/installations", by, params=params)
        assert answer.status_code == 200
        return [each["installationID"] for each in answer.json()["installations"]]

    assert listed("admin") == [bobs, lamps]
    assert listed("admin", userID=kii.id("bob")) == listed("bob", userID=kii.id("bob")) == [bobs]
    assert listed("admin", thingID=kii.id("lamp")) == listed("lamp", thingID=kii.id("lamp")) == [lamps]
    assert listed("bob") == [bobs]
    assert listed("alice") == []
    for by, params in (
        ("alice", {"userID": kii.id("bob")}),
        ("bob", {"thingID": kii.id("lamp")}),
        ("anonymous", {}),
    ):
        assert_error(kii.call("GET", "/installations", by, params=params), 401, "UNAUTHORIZED")
    assert_error(kii.call("GET", "/installations", params={"userID": "none"}), 404, "USER_NOT_FOUND")
    both = {"userID": kii.id("bob"), "thingID": kii.id("lamp")}
    assert_error(kii.call("GET", "/installations", params=both), 400, "INVALID_INPUT_DATA")


@pytest.mark.parametrize("by", ["bob", "admin"])
@pytest.mark.parametrize("by_registration", [True, False])
def test_removing_an_installation(kii: Kii, by: str, *, by_registration: bool) -> None:
    installation_id = kii.install("bob", installationRegistrationID="tok1")
    path = "/installations/ANDROID:tok1" if by_registration else f"/installations/{installation_id}"

    for other in ("alice", "lamp", "anonymous"):
        for method in ("GET", "DELETE"):
            assert_error(kii.call(method, path, other), 401, "UNAUTHORIZED")
    assert kii.call("DELETE", path, by).status_code == 204

    named = {"deviceType": "ANDROID", "installationRegistrationID": "tok1"}
    assert_error(
        kii.call("GET", path, by),
        404,
        "INSTALLATION_NOT_FOUND",
        "InstallationNotFoundException",
        appID=APP,
        **(named if by_registration else {"installationID": installation_id}),
    )
    assert_error(kii.call("DELETE", path, by), 404, "INSTALLATION_NOT_FOUND")


def test_a_registration_id_with_a_colon_and_a_slash(kii: Kii) -> None:
    kii.install("bob", installationRegistrationID="a:b/c")

    assert kii.call("GET", "/installations/ANDROID:a%3Ab%2Fc", "bob").status_code == 200


def test_an_mqtt_endpoint(kii: Kii) -> None:
    installation_id = kii.install("bob", "MQTT")

    answer = kii.call("GET", f"/installations/{installation_id}/mqtt-endpoint", "bob")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/vnd.kii.MQTTEndpointResponse+json;charset=UTF-8"
    assert answer.headers["X-MQTT-TTL"] == "2592000"
    body = answer.json()
    health = kii.control("GET", "/health").json()
    assert (body["portTCP"], body["portWS"]) == (health["mqtt"]["tcp"], health["mqtt"]["ws"])
    assert (body["portSSL"], body["portWSS"]) == (0, 0)  # no certificate
    assert body["X-MQTT-TTL"] == 2592000
    assert body["installationID"] == installation_id
    assert 1 <= len(body["mqttTopic"]) <= 23  # also a client ID of MQTT 3.1
    assert all(body[name] for name in ("username", "password", "host"))
    assert kii.call("GET", f"/installations/{installation_id}/mqtt-endpoint").json() == body
    for by in ("alice", "lamp"):
        refused = kii.call("GET", f"/installations/{installation_id}/mqtt-endpoint", by)
        assert_error(refused, 401, "UNAUTHORIZED")


def test_no_mqtt_endpoint(kii: Kii) -> None:
    android = kii.install("bob")

    answer = kii.call("GET", f"/installations/{android}/mqtt-endpoint", "bob")
    assert_error(answer, 404, "MQTT_ENDPOINT_NOT_FOUND", installationID=android)
    answer = kii.call("GET", "/installations/none/mqtt-endpoint", "bob")
    assert_error(answer, 404, "INSTALLATION_NOT_FOUND", installationID="none")


@pytest.fixture
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kii]:
    """A sandbox whose endpoints take two seconds and live for ten."""
    folder = tmp_path_factory.mktemp("slow")
    policies = ("--policy", "mqttEndpointDelayMs=2000", "--policy", "mqttEndpointTtlSeconds=10")
    with sandbox(folder, *policies) as origin, Kii(origin) as kii:
        yield kii


def test_an_endpoint_that_is_not_ready_and_one_that_has_expired(slow: Kii) -> None:
    installation_id = slow.install("bob", "MQTT")
    path = f"/installations/{installation_id}/mqtt-endpoint"
    not_ready = {"installationID": installation_id, "appID": APP, "retryAfter": 2}

    early = slow.call("GET", path, "bob")
    assert_error(early, 503, "MQTT_ENDPOINT_NOT_READY", "MQTTEndpointNotReadyException", **not_ready)
    assert early.headers["Retry-After"] == "2"
    slow.control("PUT", "/clock", json={"offsetMs": 2_000})
    first = slow.call("GET", path, "bob")
    assert (first.status_code, first.headers["X-MQTT-TTL"]) == (200, "10")

    with Device(f"{slow.origin}/api", "bob") as device:
        slow.send(EVERY_NETWORK)
        assert device.wait_for(msg="hi") is not None
        device.received.clear()
        slow.control("PUT", "/clock", json={"offsetMs": 30_000})
        slow.send(EVERY_NETWORK)
        assert len(slow.deliveries(installationID=installation_id)) == 1  # an expired topic is not served
    assert_error(slow.call("GET", path, "bob"), 503, "MQTT_ENDPOINT_NOT_READY")
    slow.control("PUT", "/clock", json={"offsetMs": 33_000})
    second = slow.call("GET", path, "bob").json()
    assert second["mqttTopic"] != first.json()["mqttTopic"]
    with Device(f"{slow.origin}/api", "bob") as device:
        slow.send(EVERY_NETWORK)
        assert device.wait_for(msg="hi") is not None
