"""Vectors 89 to 101: installations, MQTT endpoints and payloads."""

from tests.contract.vectors.steps import Ask, Later, Vector, number, text, vector

CREATED = {"installationID": text, "installationRegistrationID": text}
ANDROID = {"deviceType": "ANDROID", "installationRegistrationID": "tok1"}
RECORD = ANDROID | {"userID": "u-1", "installationID": text}
MISSING = ANDROID | {"errorCode": "INSTALLATION_NOT_FOUND"}
THINGS = {"deviceType": "MQTT", "thingID": "t-1"}
ENDPOINT = {
    "installationID": text,
    "username": text,
    "password": text,
    "mqttTopic": text,
    "host": text,
    "portTCP": number,
    "portSSL": lambda port: isinstance(port, int),
    "X-MQTT-TTL": number,
}


def _one(installations: list[dict[str, object]]) -> bool:
    return len(installations) == 1 and installations[0]["thingID"] == "t-1"


VECTORS: tuple[Vector, ...] = (
    vector(89, Ask("POST P/installations", 201, CREATED, by="U1", json=ANDROID)),
    vector(
        91,
        Ask(
            "POST P/installations",
            400,
            {"errorCode": "INVALID_INPUT_DATA", "invalidFields": {"installationRegistrationID": text}},
            by="U1",
            json={"deviceType": "IOS"},
        ),
    ),
    vector(92, Ask("POST P/installations", 400, {"errorCode": "INVALID_INPUT_DATA"}, json=ANDROID)),
    vector(
        93,
        Ask("POST P/installations", 201, CREATED, json=THINGS, keep={"id": "installationID"}),
        Ask("GET P/installations/{id}", 200, THINGS),
    ),
    vector(
        96,
        Ask("POST P/installations", 201, by="U1", json=ANDROID, keep={"id": "installationID"}),
        Ask("GET P/installations/{id}", 200, RECORD, keep={"record": "*"}),
        Ask("GET P/installations/ANDROID:tok1", 200, RECORD, same="record"),
        Ask("DELETE P/installations/ANDROID:tok1", 204, empty=True),
        Ask("GET P/installations/ANDROID:tok1", 404, MISSING),
    ),
    vector(
        98,
        Ask("POST P/installations", 201, by="T1", json={"deviceType": "MQTT"}),
        Ask("POST P/installations", 201, by="U1", json=ANDROID),
        Ask("GET P/installations?thingID=t-1", 200, {"installations": _one}, by="T1"),
    ),
    vector(
        99,
        Ask("POST P/installations", 201, json=THINGS, keep={"id": "installationID"}),
        Ask(
            "GET P/installations/{id}/mqtt-endpoint",
            503,
            {"errorCode": "MQTT_ENDPOINT_NOT_READY", "retryAfter": number},
            answer_headers={"retry-after": text},
        ),
        Later(60),
        Ask("GET P/installations/{id}/mqtt-endpoint", 200, ENDPOINT, answer_headers={"x-mqtt-ttl": text}),
        odd=True,
    ),
    vector(
        101,
        Ask(
            "GET P/users/u-1/payloads/none",
            404,
            {"errorCode": "PAYLOAD_ID_NOT_FOUND", "payloadID": "none"},
            by="U1",
        ),
    ),
)
