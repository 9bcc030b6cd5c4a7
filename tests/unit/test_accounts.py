"""The ID behind an address of a user or thing."""

import pytest

from kii_push.errors import KiiError, UnreadableAnswer
from kii_push.kii.accounts import by_id, resolve
from kii_push.kii.identifiers import Principal
from tests.doubles.mock_kii import MockKii, ok, refusal


@pytest.mark.parametrize(
    ("given", "answer", "call", "found"),
    [
        (
            Principal("user", "EMAIL:bob@example.com"),
            {"userID": "u-1", "loginName": "bob"},
            "GET /users/EMAIL:bob%40example.com",
            Principal("user", "u-1"),
        ),
        (
            Principal("thing", "VENDOR_THING_ID:lamp"),
            {"_thingID": "th.1", "_vendorThingID": "lamp"},
            "GET /things/VENDOR_THING_ID:lamp",
            Principal("thing", "th.1"),
        ),
    ],
)
def test_address_becomes_an_id(given: Principal, answer: object, call: str, found: Principal) -> None:
    mock = MockKii()
    mock.gives(ok(answer))
    assert resolve(mock.client(), given) == found
    assert mock.calls == [call]


@pytest.mark.parametrize(
    ("given", "calls"),
    [
        (Principal("user", "u-1"), []),
        (Principal("user", "LOGIN_NAME:bob"), ["GET /users/LOGIN_NAME:bob"]),
    ],
)
def test_kii_is_asked_for_an_id_only_if_there_is_none(given: Principal, calls: list[str]) -> None:
    mock = MockKii()
    mock.gives(ok({"userID": "u-1"}))
    assert by_id(mock.client(), given) == Principal("user", "u-1")
    assert mock.calls == calls


def test_address_of_nobody_is_kiis_refusal() -> None:
    mock = MockKii()
    mock.gives(refusal(404, "USER_NOT_FOUND"))
    with pytest.raises(KiiError, match="USER_NOT_FOUND"):
        resolve(mock.client(), Principal("user", "LOGIN_NAME:nobody"))


@pytest.mark.parametrize("answer", [[], {}, {"userID": 7}, {"_thingID": "th.1"}])
def test_answer_without_an_id_is_an_error(answer: object) -> None:
    mock = MockKii()
    mock.gives(ok(answer))
    with pytest.raises(UnreadableAnswer):
        resolve(mock.client(), Principal("user", "u-1"))


@pytest.mark.parametrize(
    ("given", "calls", "found"),
    [
        (Principal("user", "u-1"), [], "u-1"),
        (Principal("thing", "th.1"), [], "th.1"),
        (Principal("user", "LOGIN_NAME:bob"), ["GET /users/LOGIN_NAME:bob"], "u-2"),
    ],
)
def test_kii_is_asked_for_the_id_behind_an_address_alone(
    given: Principal, calls: list[str], found: str
) -> None:
    mock = MockKii()
    mock.gives(ok({"userID": "u-2"}))

    assert by_id(mock.client(), given) == Principal(given.type, found)
    assert mock.calls == calls
