"""The HTTPS door's event, answers and problems."""

import base64
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import pytest

from kii_push.api import handler as api
from kii_push.api.handler import Operation
from kii_push.common import observability, strict_json
from kii_push.common.calls import CallCounter
from kii_push.errors import (
    BreakerOpen,
    Cancelled,
    Expired,
    IDConflict,
    InFlight,
    InvalidRequest,
    KiiUnreachable,
    LoginFailed,
    NoAnswer,
    NotFound,
    Outcome,
    PushError,
    SecretError,
    Violation,
    kii_error,
)
from tests.doubles.gateway import CALLER, REQUEST_ID, request_context

if TYPE_CHECKING:
    from tests.unit.conftest import LogLines

TEXT = "for bob's eyes"


def event(
    body: str | None = "{}", content_type: str | None = "application/json", **more: Any
) -> dict[str, Any]:
    return {
        "httpMethod": "POST",
        "resource": "/topics/{topicID}",
        "headers": {} if content_type is None else {"Content-Type": content_type},
        "multiValueQueryStringParameters": None,
        "body": body,
        "isBase64Encoded": False,
        "requestContext": request_context(),
        **more,
    }


def served_by(call: Callable[[api.Event], api.Answer], *query: str) -> Callable[[api.Event, object], Any]:
    """Return the handler that serves `event()` by `call`, which takes these query parameters."""
    return api.dispatch({"POST /topics/{topicID}": Operation(call, query)})


def called(error: Exception) -> Any:
    """Return the answer of an operation that raises `error`."""

    def fail(_event: api.Event) -> api.Answer:
        raise error

    return served_by(fail)(event(), None)


def done(_event: api.Event) -> api.Answer:
    return api.no_content()


def problem(answer: Any) -> Any:
    """Return the problem, after checking that it is one."""
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    body = json.loads(answer["body"])
    assert body["status"] == answer["statusCode"]
    return body


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (InvalidRequest(Violation("a", "b")), 400, "rejected"),
        (api.UnsupportedMediaType(Violation("Content-Type", "b")), 415, "rejected"),
        (strict_json.TooLarge(Violation("", "b")), 413, "rejected"),
        (NotFound("no such push"), 404, "rejected"),
        (IDConflict("used"), 409, "rejected"),
        (InFlight("being sent", 7), 409, "not_sent"),
        (Expired("late"), 410, "expired"),
        (Cancelled("stopped"), 410, "cancelled"),
        (kii_error(400, "INVALID_INPUT_DATA"), 400, "rejected"),
        (kii_error(401, "UNAUTHORIZED"), 422, "rejected"),
        (kii_error(403, "OPERATION_NOT_SUPPORTED"), 422, "rejected"),
        (kii_error(404, "TOPIC_NOT_FOUND"), 404, "rejected"),
        (kii_error(409, "TOPIC_ALREADY_EXISTS"), 409, "rejected"),
        (kii_error(403, "WRONG_TOKEN"), 503, "not_sent"),
        (kii_error(429, None), 429, "not_sent"),
        (kii_error(503, None), 503, "not_sent"),
        (kii_error(500, "UNDEFINED_ERROR"), 504, "unknown"),
        (KiiUnreachable("no connection"), 503, "not_sent"),
        (LoginFailed("no token"), 503, "not_sent"),
        (BreakerOpen(9), 503, "not_sent"),
        (NoAnswer("nothing came"), 504, "unknown"),
    ],
    ids=repr,
)
def test_each_failure_is_a_problem_of_its_status_and_outcome(
    error: PushError, status: int, outcome: str
) -> None:
    answer = called(error)

    body = problem(answer)
    assert (answer["statusCode"], body["outcome"]) == (status, outcome)
    assert body["type"] == f"urn:kii-push:{outcome}"
    assert body["title"]
    assert body["detail"] == error.reason
    assert body.get("errorCode") == error.error_code
    assert answer["headers"].get("Retry-After") == (str(error.retry_after) if error.retry_after else None)


@pytest.mark.parametrize("error", [SecretError("the secret arn:x"), LoginFailed("no token for app x")])
def test_a_problem_of_the_bundles_own_secret_is_for_the_log_not_for_callers(
    error: PushError, log_lines: "LogLines"
) -> None:
    answer = called(error)

    assert problem(answer)["detail"].endswith("; the log says why")
    assert str(error) not in json.dumps(answer)
    assert [line["reason"] for line in log_lines()] == [str(error)]


def test_nobody_is_asked_to_come_back_within_the_second() -> None:
    assert called(kii_error(503, None, retry_after=0))["headers"]["Retry-After"] == "1"


def test_a_problem_names_every_field_that_is_wrong() -> None:
    body = problem(called(InvalidRequest(Violation("a.b", "is odd"), Violation("", "is empty"))))

    assert body["errors"] == [{"field": "a.b", "reason": "is odd"}, {"field": "", "reason": "is empty"}]


def test_a_problem_names_the_push_whose_record_can_be_asked_for() -> None:
    assert problem(api.problem(NoAnswer("nothing came"), event(), "order-42"))["id"] == "order-42"
    assert "id" not in problem(api.problem(NoAnswer("nothing came"), event()))


@pytest.mark.parametrize("error", [None, NoAnswer("nothing came"), ValueError(TEXT)])
def test_every_answer_names_the_call_and_so_does_every_line_of_its_log(
    error: Exception | None, log_lines: "LogLines"
) -> None:
    def call(_event: api.Event) -> api.Answer:
        observability.sent("order-42", Outcome.SENT)
        if error:
            raise error
        return api.no_content()

    answer = served_by(call)(event(), None)
    observability.sent("of another call", Outcome.SENT)

    assert answer["headers"]["X-Request-ID"] == REQUEST_ID
    if error:
        assert problem(answer)["requestID"] == REQUEST_ID
    *lines, later = log_lines()
    assert [line["request_id"] for line in lines] == [REQUEST_ID] * (2 if error else 1)
    assert "request_id" not in later


def test_the_sender_is_who_signed_the_call() -> None:
    unsigned = {"extendedRequestId": REQUEST_ID, "identity": {"userArn": None}}

    assert api.sender(event()) == CALLER
    assert api.sender(event(requestContext=unsigned)) is None


def test_a_refused_call_is_logged_by_the_pattern_of_its_path(log_lines: "LogLines") -> None:
    called(kii_error(404, "TOPIC_NOT_FOUND"))

    [line] = log_lines()
    assert {name: line[name] for name in ("message", "method", "resource", "outcome", "error_code")} == {
        "message": "call",
        "method": "POST",
        "resource": "/topics/{topicID}",
        "outcome": "rejected",
        "error_code": "TOPIC_NOT_FOUND",
    }


def test_a_fault_of_our_own_is_a_problem_whose_cause_is_in_neither_answer_nor_log(
    log_lines: "LogLines", capsys: pytest.CaptureFixture[str]
) -> None:
    answer = called(ValueError(TEXT))

    body = problem(answer)
    assert (answer["statusCode"], body["type"]) == (500, "about:blank")
    [line] = log_lines()
    assert line["error_type"] == "ValueError"
    assert TEXT not in f"{answer} {line} {capsys.readouterr()}"


def test_the_metrics_of_a_call_are_written_when_there_are_any(capsys: pytest.CaptureFixture[str]) -> None:
    def count(_event: api.Event) -> api.Answer:
        observability.count(Outcome.SENT)
        return api.no_content()

    served_by(count)(event(), None)

    assert json.loads(capsys.readouterr().out)["sent"] == [1.0]


def test_a_query_parameter_is_refused_unless_the_operation_takes_it() -> None:
    call = event(multiValueQueryStringParameters={"dryRun": ["true"]})

    assert problem(served_by(done)(call, None))["errors"][0]["field"] == "dryRun"
    assert served_by(done, "dryRun")(call, None)["statusCode"] == 204


class WatchedCounter(CallCounter):
    """Notes how often it was written."""

    writes = 0

    def __init__(self) -> None: ...

    def write(self) -> None:
        self.writes += 1


@pytest.mark.parametrize("error", [None, NoAnswer("nothing came"), ValueError(TEXT)])
def test_the_calls_of_kii_are_written_however_an_operation_ends(error: Exception | None) -> None:
    def call(_event: api.Event) -> api.Answer:
        if error:
            raise error
        return api.no_content()

    calls = WatchedCounter()
    api.dispatch({"POST /topics/{topicID}": Operation(call)}, calls)(event(), None)

    assert calls.writes == 1


def echo(text: str) -> Operation:
    """Return an operation that answers with this text."""
    return Operation(lambda _: api.answer(HTTPStatus.OK, text))


SCOPES = ("", "/groups/{groupID}", "/users/{userID}", "/things/{thingID}")
IN_SCOPES = (
    "GET /topics",
    "PUT /topics/{topicID}",
    "HEAD /topics/{topicID}",
    "POST /buckets/{bucketID}/objects",
)
WITHOUT_SCOPE = ("POST /users/{userID}/push/messages", "GET /broadcasts")
ROUTES = {key: echo(key) for key in (*IN_SCOPES, *WITHOUT_SCOPE)}


@pytest.mark.parametrize(
    ("key", "scope"),
    [*((key, scope) for key in IN_SCOPES for scope in SCOPES), *((key, "") for key in WITHOUT_SCOPE)],
)
def test_an_operation_serves_its_method_and_path_in_every_scope(key: str, scope: str) -> None:
    method, _, path = key.partition(" ")

    answer = api.dispatch(ROUTES)(event(httpMethod=method, resource=f"{scope}{path}"), None)

    assert (answer["statusCode"], json.loads(answer["body"])) == (200, key)


@pytest.mark.parametrize(
    ("method", "resource"),
    [
        ("DELETE", "/topics"),
        ("GET", "/topics/{topicID}"),
        ("GET", "/topicsX"),
        ("POST", "/groups/{groupID}/push/messages"),
        ("GET", "/groups/{groupID}/users/{userID}/topics"),
    ],
)
def test_what_no_operation_serves_is_a_fault(method: str, resource: str) -> None:
    assert api.dispatch(ROUTES)(event(httpMethod=method, resource=resource), None)["statusCode"] == 500


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        " Application/JSON ",
        "application/vnd.kii.SendPushMessageRequest+json",
    ],
)
def test_a_body_is_json_by_any_of_its_names(content_type: str) -> None:
    assert api.json_body(event('{"a": 1}', content_type)) == {"a": 1}


def test_header_names_are_the_same_in_any_case() -> None:
    call = event('{"a": 1}', None, headers={"content-TYPE": "application/json"})

    assert api.json_body(call) == {"a": 1}
    assert api.header(call, "content-type") == "application/json"
    assert api.header({"headers": None}, "content-type") is None


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "application/x-www-form-urlencoded", "json"]
)
def test_a_body_of_another_type_is_refused(content_type: str | None) -> None:
    with pytest.raises(api.UnsupportedMediaType):
        api.json_body(event("{}", content_type))


def test_a_body_that_the_gateway_took_for_binary_is_decoded() -> None:
    encoded = base64.b64encode('{"ä": 1}'.encode()).decode()

    assert api.json_body(event(encoded, isBase64Encoded=True)) == {"ä": 1}


@pytest.mark.parametrize("raw", [b"\xff\xfe", b'{"a": "\xed\xa0\x80"}'])
def test_a_body_that_is_not_utf8_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRequest, match="not UTF-8"):
        api.json_body(event(base64.b64encode(raw).decode(), isBase64Encoded=True))


@pytest.mark.parametrize(
    "body",
    [None, "", "{", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": "\\ud800"}', "[" * 100_000, "9" * 10_000],
    ids=["null", "empty", "malformed", "NaN", "key twice", "half a surrogate pair", "deep", "long number"],
)
def test_a_body_that_lenient_readers_let_through_is_refused(body: str | None) -> None:
    with pytest.raises(InvalidRequest, match="the body"):
        api.json_body(event(body))


def test_a_body_may_have_so_many_bytes_and_no_more() -> None:
    longest = json.dumps("x" * (strict_json.MAX_BYTES - 2))

    assert api.json_body(event(longest))
    with pytest.raises(strict_json.TooLarge):
        api.json_body(event(longest + " "))


def test_answers_are_json_that_nobody_keeps() -> None:
    answer = api.answer(HTTPStatus.CREATED, {"a": "ä"}, {"ETag": "1"})

    assert answer == {
        "statusCode": 201,
        "headers": {"Content-Type": "application/json", "Cache-Control": "no-store", "ETag": "1"},
        "body": '{"a": "ä"}',
    }
    assert api.no_content({"A": "b"}) == {
        "statusCode": 204,
        "headers": {"Cache-Control": "no-store", "A": "b"},
        "body": "",
    }
