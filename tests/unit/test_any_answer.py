"""Whatever Kii answers: what is taken from it is short and can be written as JSON, or it is a PushError."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import to_builtins

from kii_push.errors import PushError
from kii_push.kii.client import KiiClient
from kii_push.kii.installations import Installations
from kii_push.kii.objects import Objects
from kii_push.kii.topics import Topics
from tests.doubles.mock_kii import MockKii
from tests.unit.any_input import ANY_INPUT, JSON, SETTINGS, TEXT, bounded, check_error, check_text, near

pytestmark = ANY_INPUT

ANSWERS = (
    {"pushMessageID": "m-1"},
    {"errorCode": "USER_NOT_FOUND", "message": "why", "retryAfter": 7},
    {"objectID": "o-1", "createdAt": 1763942400000, "modifiedAt": 1763942400000},
    {
        "installationID": "i-1",
        "deviceType": "MQTT",
        "username": "u",
        "password": "p",
        "mqttTopic": "t",
        "host": "h",
        "portTCP": 1883,
        "X-MQTT-TTL": 100,
    },
    {"installations": [{"installationID": "i-1", "deviceType": "IOS"}]},
    {"topics": [{"topicID": "news"}], "paginationKey": "k"},
    {"SEND_MESSAGE_TO_TOPIC": [{"userID": "u-1"}]},
)
CALLS: dict[str, Callable[[KiiClient], Any]] = {
    "send": lambda kii: kii.send_to_user("bob", {}),
    "create": lambda kii: Objects(kii).create("notes", {}),
    "get": lambda kii: Objects(kii).get("notes", "o-1"),
    "installation": lambda kii: Installations(kii).get("i-1"),
    "installations": lambda kii: Installations(kii).list(),
    "endpoint": lambda kii: Installations(kii).mqtt_endpoint("i-1"),
    "topics": lambda kii: Topics(kii).page(),
    "acl": lambda kii: Topics(kii).acl("news"),
}
# Written into the ledger or a header.
SHORT = {"send", "create"}
HEADERS = st.dictionaries(
    st.sampled_from(["ETag", "Retry-After", "X-MQTT-TTL", "Location", "Content-Encoding"]),
    st.sampled_from(
        [b"7", b"\x1b]0;owned\x07", b"\xff" * 9_000, b"9" * 5_000, b"-1", b"Fri, 99 Foo", b"http://["]
    )
    | st.binary(max_size=20).map(lambda value: value.translate(None, b"\r\n\0")),
)
BODIES = (near(*ANSWERS).map(json.dumps) | JSON.map(json.dumps) | TEXT).map(
    lambda text: text.encode(errors="surrogatepass")
)


@SETTINGS
@given(st.sampled_from(sorted(CALLS)), st.integers(200, 599), HEADERS, BODIES | st.binary(max_size=50))
@example("create", 201, {"ETag": b"e" * 9_000}, json.dumps({"objectID": "o" * 500_000}).encode())
@example("create", 201, {}, json.dumps({"createdAt": 10**4_000}).encode())
@example("endpoint", 200, {}, json.dumps(ANSWERS[3] | {"X-MQTT-TTL": 10**4_000}).encode())
def test_any_answer_of_kii(call: str, status: int, headers: dict[str, bytes], body: bytes) -> None:
    def answer(_request: httpx.Request) -> httpx.Response:
        given = [(name.encode(), value) for name, value in headers.items()]
        return httpx.Response(status, headers=given, stream=httpx.ByteStream(body))

    mock = MockKii()
    mock.gives(*[answer] * 3)
    kii = mock.client()
    with bounded():
        try:
            found = to_builtins(CALLS[call](kii))
        except PushError as error:
            check_error(error)
            return
    assert json.dumps(found)
    if call in SHORT:
        for value in _values(found):
            check_text(value, 256)


def _values(found: Any) -> Iterator[str]:
    for value in found.values() if isinstance(found, dict) else [found]:
        yield str(value)
