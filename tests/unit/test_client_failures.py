"""Which failure of a push is which outcome: nothing that may have reached Kii is called not sent."""

import httpx
import pytest

from kii_push import errors
from kii_push.errors import (
    KiiError,
    KiiFailed,
    KiiUnavailable,
    KiiUnreachable,
    LoginFailed,
    NoAnswer,
    Outcome,
    PushError,
    TooManyRequests,
)
from kii_push.kii import response
from kii_push.kii.topics import Topics
from tests.doubles.mock_kii import Broken, MockKii, ok, refusal

NOT_SENT = [
    httpx.ConnectError("[Errno -2] Name or service not known"),
    httpx.ConnectError("[Errno 111] Connection refused"),
    httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"),
    httpx.ConnectTimeout("timed out"),
    httpx.PoolTimeout("no connection is free"),
    httpx.ProxyError("502 Bad Gateway"),
    httpx.UnsupportedProtocol("ftp"),
    httpx.LocalProtocolError("illegal header value"),
    UnicodeError("label too long"),
]
UNKNOWN = [
    httpx.ReadTimeout("timed out"),
    httpx.ReadError("connection reset"),
    httpx.RemoteProtocolError("server disconnected without sending a response"),
    httpx.WriteTimeout("timed out"),
    httpx.WriteError("broken pipe"),
    httpx.CloseError("closed"),
    httpx.DecodingError("garbled"),
    httpx.TooManyRedirects("round and round"),
]


def _push(mock: MockKii) -> PushError:
    with pytest.raises(PushError) as caught:
        mock.client().send_to_user("u-1", {"data": {"text": "private"}})
    assert "private" not in caught.value.reason
    return caught.value


def _name(error: object) -> str:
    return type(error).__name__


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


def test_every_exception_of_httpx_is_classified() -> None:
    abstract = {httpx.TransportError, httpx.TimeoutException, httpx.NetworkError, httpx.ProtocolError}
    concrete = {
        each
        for each in vars(httpx).values()
        if isinstance(each, type) and issubclass(each, httpx.RequestError)
    } - {httpx.RequestError, *abstract}
    assert concrete == {type(each) for each in [*NOT_SENT, *UNKNOWN]} - {UnicodeError}


@pytest.mark.parametrize("failure", NOT_SENT, ids=_name)
def test_what_never_got_onto_a_connection_was_not_sent(mock: MockKii, failure: Exception) -> None:
    mock.gives(failure)
    error = _push(mock)
    assert isinstance(error, KiiUnreachable)
    assert error.outcome == Outcome.NOT_SENT
    assert error.retry_after
    assert error.reason == f"Kii cannot be reached ({_name(failure)})"
    assert len(mock.calls) == 1


@pytest.mark.parametrize("failure", UNKNOWN, ids=_name)
def test_what_may_have_reached_kii_is_unknown(mock: MockKii, failure: Exception) -> None:
    mock.gives(failure)
    error = _push(mock)
    assert isinstance(error, NoAnswer)
    assert error.outcome == Outcome.UNKNOWN
    assert error.reason == f"Kii gave no whole answer ({_name(failure)})"
    assert len(mock.calls) == 1


@pytest.mark.parametrize("location", ["javascript:alert(1)", "http://[", "https://elsewhere.test/"])
def test_a_redirect_is_not_followed_wherever_it_leads(mock: MockKii, location: str) -> None:
    mock.gives(httpx.Response(307, headers={"Location": location}))
    assert _push(mock).outcome == Outcome.UNKNOWN
    assert len(mock.calls) == 1


def test_a_body_that_never_ends_is_not_waited_for(mock: MockKii, monkeypatch: pytest.MonkeyPatch) -> None:
    client = mock.client()
    mock.gives(ok({"pushMessageID": "m-1"}, 201), ok({"pushMessageID": "m-2"}, 201))
    client.send_to_user("u-1", {})  # after a login that is waited for
    monkeypatch.setattr(response, "MAX_BODY_SECONDS", -1)
    assert client.send_to_user("u-1", {}) is None, "the status has said that it was sent"
    mock.gives(*(ok({"SUBSCRIBE_TO_TOPIC": []}) for _ in range(3)))
    with pytest.raises(NoAnswer, match="ReadTimeout"):
        Topics(client).acl("news")


@pytest.mark.parametrize(
    ("status", "error_code", "kind", "outcome"),
    [
        (302, None, KiiFailed, Outcome.UNKNOWN),
        (400, "INVALID_INPUT_DATA", KiiError, Outcome.REJECTED),
        (401, "UNAUTHORIZED", KiiError, Outcome.REJECTED),
        (403, "APP_DISABLED", KiiError, Outcome.REJECTED),
        (404, "USER_NOT_FOUND", KiiError, Outcome.REJECTED),
        (409, "INVALID_STATUS", KiiError, Outcome.REJECTED),
        (413, None, KiiError, Outcome.REJECTED),
        (429, None, TooManyRequests, Outcome.NOT_SENT),
        (503, "TEMPORARY_UNAVAILABLE_ERROR", KiiUnavailable, Outcome.NOT_SENT),
        (503, None, KiiUnavailable, Outcome.NOT_SENT),
        (500, "UNDEFINED_ERROR", KiiFailed, Outcome.UNKNOWN),
        (501, "OPERATION_NOT_IMPLEMENTED", KiiFailed, Outcome.UNKNOWN),
        (502, None, KiiFailed, Outcome.UNKNOWN),
        (504, None, KiiFailed, Outcome.UNKNOWN),
    ],
)
def test_status_of_a_push_is_its_outcome_and_it_is_not_repeated(
    mock: MockKii, status: int, error_code: str | None, kind: type[KiiError], outcome: Outcome
) -> None:
    mock.gives(refusal(status, error_code))
    error = _push(mock)
    assert type(error) is kind
    assert isinstance(error, KiiError)
    assert (error.outcome, error.status, error.error_code) == (outcome, status, error_code)
    assert (error.retry_after is not None) == (outcome == Outcome.NOT_SENT)
    assert len(mock.calls) == 1
    assert not mock.clock.slept


@pytest.mark.parametrize(
    "code",
    ["<script>", "x" * 65, "", "two words", 7, None, {"a": 1}],
    ids=["markup", "long", "empty", "spaces", "a number", "null", "an object"],
)
def test_error_code_that_is_none_of_kiis_is_left_out(mock: MockKii, code: object) -> None:
    mock.gives(httpx.Response(400, json={"errorCode": code}))
    error = _push(mock)
    assert error.error_code is None
    assert error.reason == "Kii answered 400 without an error code"


@pytest.mark.parametrize(
    "garbled",
    [
        {"content": b"<html>Bad Gateway</html>"},
        {"content": b"[1]"},
        {"content": b'{"errorCode": ["A"]}'},
        {"stream": Broken(b'{"errorCo', httpx.ReadError("cut"))},
    ],
    ids=["HTML", "a list", "a listed code", "cut"],
)
def test_status_alone_decides_where_an_error_has_no_body_to_read(
    mock: MockKii, garbled: dict[str, object]
) -> None:
    mock.gives(httpx.Response(502, **garbled))  # type: ignore[arg-type]
    error = _push(mock)
    assert isinstance(error, KiiFailed)
    assert error.error_code is None


@pytest.mark.parametrize(
    ("refused", "seconds"),
    [
        (refusal(503, Retry_After="7"), 7),
        (refusal(429, Retry_After="0"), 0),
        (refusal(429, Retry_After="99999"), 3600),
        (refusal(429, Retry_After="9" * 5000), 60),
        (refusal(429, Retry_After="-1"), 60),
        (refusal(429, Retry_After="soon"), 60),
        (refusal(429, Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"), 0),
        (refusal(429, Retry_After="Fri, 31 Dec 9999 23:59:59 GMT"), 3600),
        (httpx.Response(503, json={"retryAfter": 5}), 5),
        (httpx.Response(503, json={"retryAfter": -5}), 0),
        (httpx.Response(503, json={"retryAfter": "5"}), 10),
        (httpx.Response(503, json={"retryAfter": 5}, headers={"Retry-After": "7"}), 5),
    ],
)
def test_wait_that_kii_asks_for_is_passed_on_within_reason(
    mock: MockKii, refused: httpx.Response, seconds: int
) -> None:
    mock.gives(refused)
    assert _push(mock).retry_after == seconds


@pytest.mark.parametrize("failure", [*NOT_SENT, *UNKNOWN], ids=_name)
def test_failure_of_the_login_is_never_unknown(mock: MockKii, failure: Exception) -> None:
    mock.logins.append(failure)
    error = _push(mock)
    assert error.outcome == Outcome.NOT_SENT
    assert isinstance(error, KiiUnreachable if failure in NOT_SENT else LoginFailed)
    assert not mock.calls


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, LoginFailed),
        (401, LoginFailed),
        (403, LoginFailed),
        (404, LoginFailed),
        (429, TooManyRequests),
        (500, LoginFailed),
        (502, LoginFailed),
        (503, KiiUnavailable),
        (504, LoginFailed),
    ],
)
def test_status_of_the_login_is_never_unknown(mock: MockKii, status: int, kind: type[PushError]) -> None:
    mock.logins.append(refusal(status))
    error = _push(mock)
    assert type(error) is kind
    assert error.outcome == Outcome.NOT_SENT
    assert error.retry_after
    assert not mock.calls


def test_failed_login_after_a_rejected_token_is_not_sent(mock: MockKii) -> None:
    mock.logins.extend([ok({"access_token": "a"}), httpx.ReadTimeout("timed out")])
    mock.gives(refusal(403, "WRONG_TOKEN"))
    assert isinstance(_push(mock), LoginFailed)


def test_base_url_that_is_none_means_not_sent(mock: MockKii) -> None:
    with pytest.raises(errors.KiiUnreachable, match="InvalidURL"):
        mock.client({"baseURL": f"https://kii.test/{'a' * 70_000}"}).send_to_user("u-1", {})
