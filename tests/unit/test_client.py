"""The client's sends: what goes over the wire, and what is made of the answer."""

import contextlib
import json
from types import SimpleNamespace
from typing import cast
from urllib.parse import unquote

import httpx
import pytest

from kii_push.errors import InvalidRequest, KiiError, LoginFailed, WrongToken
from kii_push.kii import response
from kii_push.kii.credentials import MAX_AGE_SECONDS, Credentials
from kii_push.kii.identifiers import Scope
from kii_push.kii.shared_token import Session, SharedToken
from kii_push.kii.stored_token import Token
from tests.doubles.mock_kii import APP_PATH, LOGIN_PATH, SECRET, Broken, Endless, MockKii, ok, refusal

MESSAGE = {"data": {"text": "é"}, "gcm": {"enabled": True}, "apns": {"enabled": False}}


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


def test_login_goes_to_the_token_endpoint_as_the_admin_with_an_end(mock: MockKii) -> None:
    mock.gives(ok({"pushMessageID": "m"}, 201))
    mock.client().send_to_user("u-1", MESSAGE)
    login, _ = mock.requests
    assert str(login.url) == "https://kii.test/api/oauth2/token"
    assert login.headers["X-Kii-AppID"] == "app"
    assert "Authorization" not in login.headers
    body = json.loads(login.content)
    assert body["client_id"] == "client"
    assert body["client_secret"] == "client-secret"
    assert isinstance(body["expiresAt"], int)
    assert body["expiresAt"] > 1_700_000_000_000


def test_direct_push_is_kiis_request(mock: MockKii) -> None:
    mock.gives(ok({"pushMessageID": "m-1"}, 201))
    assert mock.client().send_to_user("u-1", MESSAGE) == "m-1"
    sent = mock.last
    assert sent.method == "POST"
    assert str(sent.url) == "https://kii.test/api/apps/app/users/u-1/push/messages"
    assert sent.headers["Authorization"] == "Bearer token-1"
    assert sent.headers["Content-Type"] == "application/vnd.kii.SendPushMessageRequest+json"
    assert sent.headers["Accept-Encoding"] == "identity"
    assert json.loads(sent.content) == MESSAGE


@pytest.mark.parametrize(
    ("user", "segment"),
    [
        ("u-1", "u-1"),
        ("LOGIN_NAME:bob", "LOGIN_NAME:bob"),
        ("EMAIL:bob@example.com", "EMAIL:bob%40example.com"),
        ("PHONE:+819012345678", "PHONE:%2B819012345678"),
        ("LOGIN_NAME:a/b?c#d", "LOGIN_NAME:a%2Fb%3Fc%23d"),
        ("LOGIN_NAME:100%", "LOGIN_NAME:100%25"),
        ("LOGIN_NAME:%2F", "LOGIN_NAME:%252F"),
        ("LOGIN_NAME:José", "LOGIN_NAME:Jos%C3%A9"),
    ],
)
def test_user_identifiers_are_one_path_segment(mock: MockKii, user: str, segment: str) -> None:
    mock.gives(ok({"pushMessageID": "m"}, 201))
    mock.client().send_to_user(user, MESSAGE)
    assert mock.calls == [f"POST /users/{segment}/push/messages"]
    assert unquote(segment) == user


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_identifiers_that_would_change_the_path_are_refused(mock: MockKii, identifier: str) -> None:
    with pytest.raises(InvalidRequest, match="is not an identifier"):
        mock.client().send_to_user(identifier, MESSAGE)
    assert not mock.requests


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        (Scope(), "/topics/news/push/messages"),
        (Scope("group", "g 1"), "/groups/g%201/topics/news/push/messages"),
        (Scope("user", "LOGIN_NAME:bob"), "/users/LOGIN_NAME:bob/topics/news/push/messages"),
        (Scope("thing", "VENDOR_THING_ID:v"), "/things/VENDOR_THING_ID:v/topics/news/push/messages"),
    ],
)
def test_topic_pushes_go_to_their_scope(mock: MockKii, scope: Scope, path: str) -> None:
    mock.gives(ok({"pushMessageID": "m-2"}, 201))
    assert mock.client().send_to_topic("news", MESSAGE, scope) == "m-2"
    assert mock.calls == [f"POST {path}"]


@pytest.mark.parametrize(
    "accepted",
    [
        ok(),
        httpx.Response(201, content=b"<html>"),
        httpx.Response(201, content=b'"m"'),
        httpx.Response(201, content=b"\xff"),
        httpx.Response(201, content=b'{"a":' * 100_000),
        httpx.Response(201, content=b'{"pushMessageID":7}'),
        httpx.Response(201, json={"pushMessageID": "m" * 257}),
        httpx.Response(201, content=b'{"pushMessageID":"\\ud800"}'),
        httpx.Response(201, json={"pushMessageID": "m\x1b]0;owned\x07"}),
        httpx.Response(201, content=b" " * (response.MAX_BYTES + 1)),
        httpx.Response(201, content=b"m", headers={"Content-Encoding": "br"}),
        httpx.Response(201, stream=Broken(b'{"push', httpx.ReadError("cut"))),
        httpx.Response(201, stream=Broken(b'{"push', httpx.ReadTimeout("slow"))),
    ],
    ids=[
        *(
            "nothing",
            "HTML",
            "text",
            "not UTF-8",
            "deep",
            "a number",
            "an endless ID",
            "half a surrogate pair",
            "control characters",
        ),
        *("too long", "compressed", "cut", "stalled"),
    ],
)
def test_accepted_push_counts_as_sent_whatever_the_answer_looks_like(
    mock: MockKii, accepted: httpx.Response
) -> None:
    mock.gives(accepted)
    assert mock.client().send_to_user("u-1", MESSAGE) is None
    assert len(mock.calls) == 1


@pytest.mark.parametrize("status", [201, 400])
def test_answer_without_an_end_is_read_only_so_far_and_its_connection_dropped(
    mock: MockKii, status: int
) -> None:
    body = Endless()
    mock.gives(httpx.Response(status, stream=body))
    with contextlib.suppress(KiiError):
        assert mock.client().send_to_user("u-1", MESSAGE) is None
    assert body.parts * 65_536 <= response.MAX_BYTES + 65_536
    assert body.closed


def test_rejected_token_is_replaced_once_and_the_push_made_again(mock: MockKii) -> None:
    kii = mock.client()
    mock.gives(refusal(403, "WRONG_TOKEN"), ok({"pushMessageID": "m"}, 201), ok({"pushMessageID": "n"}, 201))
    assert kii.send_to_user("u-1", MESSAGE) == "m"
    assert kii.send_to_user("u-1", MESSAGE) == "n"
    tokens = [request.headers.get("Authorization") for request in mock.requests]
    assert tokens == [None, "Bearer token-1", None, "Bearer token-2", "Bearer token-2"]


def test_token_rejected_twice_is_an_error(mock: MockKii) -> None:
    mock.gives(refusal(403, "WRONG_TOKEN"), refusal(403, "WRONG_TOKEN"))
    with pytest.raises(WrongToken) as caught:
        mock.client().send_to_user("u-1", MESSAGE)
    assert len(mock.calls) == 2
    assert "token-" not in caught.value.reason


@pytest.mark.parametrize("rejections", [1, 2])
def test_token_that_another_environment_had_before_the_rejection_is_replaced_too(
    mock: MockKii, rejections: int
) -> None:
    credentials = Credentials("app", "client", "client-secret", "https://kii.test/api")
    ages = {"old": 60, "older": 120, "new": 0}

    def session(name: str) -> Session:
        minted_at = mock.clock.now - ages[name]
        return Session(credentials, Token(name, credentials.fingerprint, minted_at, minted_at + 3600))

    found = iter(["older", "old", "new"][-rejections - 1 :])
    shared = SimpleNamespace(session=lambda *_: session(next(found)))
    mock.gives(*[refusal(403, "WRONG_TOKEN")] * rejections, ok({"pushMessageID": "m"}, 201))

    assert mock.client(shared=cast("SharedToken", shared)).send_to_user("u-1", MESSAGE) == "m"
    assert len(mock.calls) == rejections + 1
    assert mock.last.headers["Authorization"] == "Bearer new"


def test_app_id_is_the_secrets_and_stands_encoded_in_the_path(mock: MockKii) -> None:
    kii = mock.client({"appID": "ap+p"})
    mock.gives(ok({"pushMessageID": "m"}, 201))
    kii.send_to_user("u-1", MESSAGE)
    assert kii.app_id == "ap+p"
    assert mock.requests[0].headers["X-Kii-AppID"] == "ap%2Bp"
    assert mock.last.url.raw_path == b"/api/apps/ap%2Bp/users/u-1/push/messages"


@pytest.mark.parametrize(
    "expires_in",
    [9223372036854775, 2147483647, 3600, "3600", None, 0, -1, 59, True],
    ids=["huge", "never", "an hour", "text", "none", "nothing", "less than nothing", "a moment", "yes"],
)
def test_token_lives_as_long_as_was_asked_for_if_kii_says_otherwise_and_cannot_mean_it(
    mock: MockKii, expires_in: object
) -> None:
    kii = mock.client()
    mock.logins.extend([ok({"access_token": token, "expires_in": expires_in}) for token in ("a", "b")])
    mock.gives(*[ok({"pushMessageID": "m"}, 201)] * 3)
    kii.send_to_user("u-1", MESSAGE)
    mock.clock.now += 3185
    kii.send_to_user("u-1", MESSAGE)
    mock.clock.now += 2
    kii.send_to_user("u-1", MESSAGE)
    tokens = [request.headers.get("Authorization") for request in mock.requests]
    assert tokens == [None, "Bearer a", "Bearer a", None, "Bearer b"]


def test_a_shorter_life_is_believed(mock: MockKii) -> None:
    kii = mock.client()
    mock.logins.append(ok({"access_token": "a", "expires_in": 600}))
    mock.gives(*[ok({"pushMessageID": "m"}, 201)] * 3)
    for _ in range(3):
        kii.send_to_user("u-1", MESSAGE)
        mock.clock.now += 400
    assert [request.headers.get("Authorization") for request in mock.requests] == [
        *(None, "Bearer a", "Bearer a"),
        *(None, "Bearer token-1"),
    ]


def test_the_token_of_one_app_is_never_used_for_another(mock: MockKii) -> None:
    kii = mock.client()
    mock.gives(*[ok({"pushMessageID": "m"}, 201)] * 2)
    kii.send_to_user("u-1", MESSAGE)
    mock.secret["appID"] = "other"
    mock.clock.now += MAX_AGE_SECONDS + 1
    kii.send_to_user("u-1", MESSAGE)
    assert [
        (request.url.path.removesuffix("/users/u-1/push/messages"), request.headers.get("Authorization"))
        for request in mock.requests
    ] == [
        (LOGIN_PATH, None),
        (APP_PATH, "Bearer token-1"),
        (LOGIN_PATH, None),
        ("/api/apps/other", "Bearer token-2"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        ok({}),
        ok({"access_token": ""}),
        ok({"access_token": 1}),
        ok({"access_token": "a\nb"}),
        ok({"access_token": "é"}),
    ],
    ids=["none", "empty", "a number", "two lines", "not ASCII"],
)
def test_token_that_cannot_be_one_is_a_failed_login(mock: MockKii, answer: httpx.Response) -> None:
    mock.logins.append(answer)
    with pytest.raises(LoginFailed, match=r"^no admin token for app app: Kii's answer has no access_token$"):
        mock.client().send_to_user("u-1", MESSAGE)
    assert not mock.calls


def test_nothing_secret_shows_in_a_refused_login(mock: MockKii) -> None:
    mock.logins.append(
        httpx.Response(400, json={"errorCode": "invalid_grant", "error_description": "secret!"})
    )
    with pytest.raises(LoginFailed) as caught:
        mock.client().send_to_user("u-1", MESSAGE)
    assert caught.value.detail == "no admin token for app app: Kii answered 400 invalid_grant"
    assert caught.value.reason == "the login to Kii failed; the log says why"
    assert SECRET["clientSecret"] not in repr(caught.value)
