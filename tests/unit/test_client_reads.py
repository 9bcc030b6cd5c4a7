"""Reads are tried again when they fail in passing, and nothing else is."""

from typing import Any

import httpx
import pytest

from kii_push.errors import KiiError, KiiFailed, KiiUnavailable, KiiUnreachable, NoAnswer, PushError
from kii_push.kii.client import BACKOFF_SECONDS
from tests.doubles.mock_kii import Broken, MockKii, ok, refusal

PASSING: list[Any] = [
    lambda: refusal(503),
    lambda: refusal(503, "TEMPORARY_UNAVAILABLE_ERROR"),
    lambda: refusal(504),
    lambda: httpx.ConnectError("refused"),
    lambda: httpx.ConnectTimeout("timed out"),
    lambda: httpx.ReadError("reset"),
    lambda: httpx.RemoteProtocolError("disconnected"),
    lambda: httpx.ReadTimeout("timed out"),
    lambda: httpx.Response(200, stream=Broken(b'{"a', httpx.ReadError("cut"))),
]
LASTING: list[Any] = [
    lambda: refusal(400, "INVALID_INPUT_DATA"),
    lambda: refusal(401, "UNAUTHORIZED"),
    lambda: refusal(404, "TOPIC_NOT_FOUND"),
    lambda: refusal(429),
    lambda: refusal(429, Retry_After="1"),
    lambda: refusal(500, "UNDEFINED_ERROR"),
    lambda: refusal(502),
    lambda: refusal(503, "MQTT_ENDPOINT_NOT_READY", Retry_After="1"),
]


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


@pytest.mark.parametrize("failure", PASSING)
def test_read_that_fails_in_passing_succeeds_at_the_third_try(mock: MockKii, failure: Any) -> None:
    mock.gives(failure(), failure(), ok({"a": 1}))
    assert mock.client().call("GET", "/topics").decode(dict[str, int]) == {"a": 1}
    assert mock.calls == ["GET /topics"] * 3
    assert len(mock.clock.slept) == 2
    for slept, longest in zip(mock.clock.slept, BACKOFF_SECONDS, strict=True):
        assert longest / 2 <= slept <= longest


@pytest.mark.parametrize("failure", PASSING)
def test_read_is_tried_three_times_at_most(mock: MockKii, failure: Any) -> None:
    mock.gives(failure(), failure(), failure())
    with pytest.raises((KiiUnavailable, KiiFailed, KiiUnreachable, NoAnswer)):
        mock.client().call("GET", "/topics")
    assert mock.calls == ["GET /topics"] * 3


@pytest.mark.parametrize("failure", LASTING)
def test_read_that_fails_for_good_is_not_tried_again(mock: MockKii, failure: Any) -> None:
    mock.gives(failure())
    with pytest.raises(KiiError):
        mock.client().call("GET", "/topics")
    assert mock.calls == ["GET /topics"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("failure", PASSING[:-1])
def test_nothing_but_a_read_is_tried_again(mock: MockKii, method: str, failure: Any) -> None:
    mock.gives(failure())
    with pytest.raises(PushError):
        mock.client().call(method, "/topics/t")
    assert mock.calls == [f"{method} /topics/t"]
    assert not mock.clock.slept


def test_login_before_a_read_is_not_tried_again(mock: MockKii) -> None:
    mock.logins.append(refusal(503))
    with pytest.raises(KiiUnavailable):
        mock.client().call("GET", "/topics")
    assert len(mock.requests) == 1


def test_kii_is_given_the_time_it_asks_for(mock: MockKii) -> None:
    mock.gives(refusal(503, Retry_After="3"), httpx.Response(503, json={"retryAfter": 2}), ok({}))
    mock.client().call("GET", "/topics")
    assert mock.clock.slept == [3, 2]


def test_wait_beyond_the_patience_of_a_read_is_the_callers(mock: MockKii) -> None:
    mock.gives(refusal(503, Retry_After="5"), refusal(503, Retry_After="5"))
    with pytest.raises(KiiUnavailable) as caught:
        mock.client().call("GET", "/topics")
    assert caught.value.retry_after == 5
    assert mock.clock.slept == [5]


def test_slow_failures_leave_time_to_answer(mock: MockKii) -> None:
    def slow(_: httpx.Request) -> httpx.Response:
        mock.clock.now += 10
        raise httpx.ReadTimeout("timed out")

    mock.gives(slow)
    with pytest.raises(NoAnswer):
        mock.client().call("GET", "/topics")
    assert mock.calls == ["GET /topics"]


def test_rejected_token_is_replaced_in_a_read_too(mock: MockKii) -> None:
    mock.gives(refusal(503), refusal(403, "WRONG_TOKEN"), refusal(503), ok({}))
    mock.client().call("GET", "/topics")
    assert [request.headers.get("Authorization") for request in mock.requests] == [
        *(None, "Bearer token-1", "Bearer token-1"),
        *(None, "Bearer token-2", "Bearer token-2"),
    ]


def test_query_is_encoded_in_full_and_without_what_is_none(mock: MockKii) -> None:
    mock.gives(ok({}), ok({}))
    kii = mock.client()
    kii.call("GET", "/topics", query={"a": "é/+= &", "b": None})
    kii.call("GET", "/topics", query={"b": None})
    assert mock.calls == ["GET /topics?a=%C3%A9%2F%2B%3D%20%26", "GET /topics"]
