"""Installations and MQTT endpoints: what is asked of Kii, what its answers become, and the wait."""

import json

import httpx
import pytest

from kii_push.errors import KiiError, KiiUnavailable, UnreadableAnswer
from kii_push.kii.identifiers import Principal
from kii_push.kii.installations import Installation, Installations
from tests.doubles.mock_kii import MockKii, ok, refusal

ENDPOINT = {
    "installationID": "i-1",
    "username": "name",
    "password": "broker-password",
    "mqttTopic": "topic",
    "host": "mqtt.kii.test",
    "portTCP": 1883,
    "portSSL": 8883,
    "portWS": 12470,
    "portWSS": 12473,
    "X-MQTT-TTL": 100,
}


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


@pytest.fixture
def installations(mock: MockKii) -> Installations:
    return Installations(mock.client(), clock=mock.clock, sleep=mock.clock.sleep)


def test_device_is_registered_for_its_owner(mock: MockKii, installations: Installations) -> None:
    mock.gives(ok({"installationID": "i-1", "installationRegistrationID": "tok"}, 201))
    made = installations.register("ANDROID", Principal("user", "u-1"), "tok", development=True)
    assert (made.installation_id, made.registration_id) == ("i-1", "tok")
    assert mock.calls == ["POST /installations"]
    assert mock.last.headers["Content-Type"] == "application/vnd.kii.InstallationCreationRequest+json"
    assert json.loads(mock.last.content) == {
        "deviceType": "ANDROID",
        "installationRegistrationID": "tok",
        "userID": "u-1",
        "development": True,
    }


def test_mqtt_device_is_registered_without_a_token(mock: MockKii, installations: Installations) -> None:
    mock.gives(ok({"installationID": "i-1", "installationRegistrationID": "made"}, 200))
    made = installations.register("MQTT", Principal("thing", "th.1"))
    assert made.registration_id == "made"
    assert json.loads(mock.last.content) == {"deviceType": "MQTT", "thingID": "th.1", "development": False}


def test_device_tokens_and_broker_passwords_stay_out_of_a_repr(
    mock: MockKii, installations: Installations
) -> None:
    device = {"installationID": "i-1", "installationRegistrationID": "private", "deviceType": "IOS"}
    mock.gives(ok(device, 201), ok(device), ok(ENDPOINT))
    made = installations.register("IOS", Principal("user", "u-1"), "private")
    shown = f"{made!r} {installations.get('i-1')!r} {installations.mqtt_endpoint('i-1')!r}"
    assert shown == "Registration('i-1') Installation('i-1', 'IOS') MqttEndpoint('i-1', 'mqtt.kii.test')"


@pytest.mark.parametrize(
    ("answer", "installation"),
    [
        (
            {
                "installationID": "i-1",
                "installationRegistrationID": "tok",
                "deviceType": "ANDROID",
                "userID": "u-1",
                "development": True,
                "extra": [],
            },
            Installation("i-1", "ANDROID", "tok", "u-1", None, development=True),
        ),
        (
            {"installationID": "i-2", "installationType": "MQTT", "thingID": "th.1", "development": "true"},
            Installation("i-2", "MQTT", None, None, "th.1", development=True),
        ),
        (
            {"installationID": "i-3", "deviceType": "IOS", "userID": None, "development": None},
            Installation("i-3", "IOS"),
        ),
    ],
)
def test_device_is_read_in_each_of_its_forms(
    mock: MockKii, installations: Installations, answer: object, installation: Installation
) -> None:
    mock.gives(ok(answer), ok({"installations": [answer]}))
    assert installations.get("i-1") == installation
    assert installations.list() == [installation]


def test_device_has_two_names(mock: MockKii, installations: Installations) -> None:
    mock.gives(ok({"installationID": "i-1", "deviceType": "ANDROID"}), ok(), ok())
    installations.get("ANDROID:a:b/c+d")
    installations.delete("IOS:0f")
    installations.delete("i/1")
    assert mock.calls == [
        "GET /installations/ANDROID:a:b%2Fc%2Bd",
        "DELETE /installations/IOS:0f",
        "DELETE /installations/i%2F1",
    ]


def test_devices_are_listed_by_owner(mock: MockKii, installations: Installations) -> None:
    mock.gives(*(ok({"installations": []}) for _ in range(3)))
    assert installations.list() == []
    installations.list(Principal("user", "u&1"))
    installations.list(Principal("thing", "th.1"))
    assert mock.calls == [
        "GET /installations",
        "GET /installations?userID=u%261",
        "GET /installations?thingID=th.1",
    ]


@pytest.mark.parametrize(
    "answer",
    [
        ok(),
        ok([]),
        ok({}),
        ok({"installationID": 1}),
        ok({"installationID": "i", "deviceType": "IOS", "userID": []}),
    ],
)
def test_device_that_cannot_be_read_is_an_error(
    mock: MockKii, installations: Installations, answer: httpx.Response
) -> None:
    mock.gives(answer)
    with pytest.raises(UnreadableAnswer):
        installations.get("i-1")


def test_endpoint_is_read_with_its_lifetime(mock: MockKii, installations: Installations) -> None:
    mock.gives(ok(ENDPOINT, headers={"X-MQTT-TTL": "2592000"}))
    endpoint = installations.mqtt_endpoint("i-1")
    assert mock.calls == ["GET /installations/i-1/mqtt-endpoint"]
    assert (endpoint.installation_id, endpoint.host, endpoint.topic) == ("i-1", "mqtt.kii.test", "topic")
    assert (endpoint.username, endpoint.password) == ("name", "broker-password")
    assert (endpoint.port_tcp, endpoint.port_ssl, endpoint.port_ws, endpoint.port_wss) == (
        1883,
        8883,
        12470,
        12473,
    )
    assert endpoint.ttl == 2_592_000


@pytest.mark.parametrize(
    ("body", "headers", "ttl"),
    [
        (ENDPOINT, {}, 100),
        (ENDPOINT | {"X-MQTT-TTL": "100"}, {}, 100),
        (ENDPOINT, {"X-MQTT-TTL": "for ever"}, 100),
        (ENDPOINT | {"X-MQTT-TTL": None, "portWS": None}, {}, None),
        (ENDPOINT | {"X-MQTT-TTL": 10**4000}, {}, None),
        ({name: ENDPOINT[name] for name in list(ENDPOINT)[:5]}, {}, None),
    ],
)
def test_endpoint_is_read_without_what_is_not_needed_to_connect(
    mock: MockKii, installations: Installations, body: object, headers: dict[str, str], ttl: int | None
) -> None:
    mock.gives(ok(body, headers=headers))
    assert installations.mqtt_endpoint("i-1").ttl == ttl


def test_endpoint_in_preparation_is_not_waited_for_unasked(
    mock: MockKii, installations: Installations
) -> None:
    mock.gives(refusal(503, "MQTT_ENDPOINT_NOT_READY", Retry_After="2"))
    with pytest.raises(KiiUnavailable) as caught:
        installations.mqtt_endpoint("i-1")
    assert caught.value.retry_after == 2
    assert not mock.clock.slept


def test_endpoint_in_preparation_is_waited_for_at_kiis_pace(
    mock: MockKii, installations: Installations
) -> None:
    mock.gives(
        refusal(503, "MQTT_ENDPOINT_NOT_READY", Retry_After="2"),
        httpx.Response(503, json={"errorCode": "MQTT_ENDPOINT_NOT_READY", "retryAfter": 3}),
        refusal(503, "MQTT_ENDPOINT_NOT_READY"),
        refusal(503, "MQTT_ENDPOINT_NOT_READY", Retry_After="0"),
        ok(ENDPOINT),
    )
    assert installations.mqtt_endpoint("i-1", wait=7).host == "mqtt.kii.test"
    assert mock.clock.slept == [2, 3, 1, 1]


def test_wait_for_an_endpoint_ends_before_it_becomes_too_long(
    mock: MockKii, installations: Installations
) -> None:
    mock.gives(*(refusal(503, "MQTT_ENDPOINT_NOT_READY", Retry_After="2") for _ in range(3)))
    with pytest.raises(KiiUnavailable, match="MQTT_ENDPOINT_NOT_READY"):
        installations.mqtt_endpoint("i-1", wait=5)
    assert mock.clock.slept == [2, 2]


def test_other_failures_are_no_reason_to_wait_for_an_endpoint(
    mock: MockKii, installations: Installations
) -> None:
    mock.gives(refusal(404, "MQTT_ENDPOINT_NOT_FOUND"), *(refusal(503) for _ in range(3)))
    with pytest.raises(KiiError, match="MQTT_ENDPOINT_NOT_FOUND"):
        installations.mqtt_endpoint("i-1", wait=60)
    with pytest.raises(KiiUnavailable):
        installations.mqtt_endpoint("i-1", wait=60)
    assert len(mock.calls) == 4
