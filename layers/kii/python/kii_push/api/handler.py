"""The HTTPS door: dispatch API Gateway's event, answer JSON, and errors as RFC 9457 problems."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kii_push.api import params
from kii_push.common import observability, strict_json
from kii_push.errors import (
    IDConflict,
    InFlight,
    InvalidRequest,
    KiiError,
    NotFound,
    Outcome,
    PushError,
    Violation,
)

if TYPE_CHECKING:
    from kii_push.common.calls import CallCounter

type Event = Mapping[str, Any]
type Answer = dict[str, Any]

_STATUS = {
    Outcome.REJECTED: HTTPStatus.BAD_REQUEST,
    Outcome.NOT_SENT: HTTPStatus.SERVICE_UNAVAILABLE,
    Outcome.UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
    Outcome.EXPIRED: HTTPStatus.GONE,
    Outcome.CANCELLED: HTTPStatus.GONE,
}
# The scopes of topics and buckets, as the gateway's paths begin.
_SCOPE = re.compile(r"^/(groups/{groupID}|users/{userID}|things/{thingID})(?=/(topics|buckets)(/|$))")
# Statuses of Kii that mean the same from here. Its 401 and 403 are about the bundle's token, not the caller's
# signature, and would be taken for the gateway's.
_SAME_AS_KII = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_TITLES = {
    Outcome.REJECTED: "The request was refused",
    Outcome.NOT_SENT: "Kii did not take the request; try again later",
    Outcome.UNKNOWN: "Whether Kii took the request is unknown",
    Outcome.EXPIRED: "The push came too late and was dropped",
    Outcome.CANCELLED: "The push was cancelled",
}
_FAULT = "A fault of the bundle's own; the log says where"
# Answers name people's devices, and the broker's passwords.
_NO_STORE = {"Cache-Control": "no-store"}


class UnsupportedMediaType(InvalidRequest):
    """The body's Content-Type is not JSON."""


_STATUS_OF: dict[type[PushError], HTTPStatus] = {
    UnsupportedMediaType: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    strict_json.TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotFound: HTTPStatus.NOT_FOUND,
    IDConflict: HTTPStatus.CONFLICT,
    InFlight: HTTPStatus.CONFLICT,
}


@dataclass(frozen=True)
class Operation:
    """One method of one path: the function that serves it, and the query parameters that it takes."""

    call: Callable[[Event], Answer]
    query: tuple[str, ...] = ()


def dispatch(
    operations: Mapping[str, Operation], calls: "CallCounter | None" = None
) -> Callable[[Event, object], Answer]:
    """Return the Lambda handler that serves `operations`.

    Their keys are the gateway's method and path without the scope that topics and buckets can have: `PUT
    /topics/{topicID}` serves `/groups/{groupID}/topics/{topicID}` as well. An operation returns an answer, or
    raises a PushError, which becomes a problem. A query parameter that it does not take is refused. `calls`
    counts the calls of Kii; it is written after each event. Every answer has the call's ID (`request_id`) in
    its X-Request-ID, and so has every line that is logged meanwhile.
    """

    def serve(event: Event) -> Answer:
        try:
            operation = operations[f"{event['httpMethod']} {_SCOPE.sub('', event['resource'])}"]
            params.refuse_other_queries(event, operation.query)
            return operation.call(event)
        except PushError as error:
            observability.refused(event["httpMethod"], event["resource"], error)
            return problem(error, event)
        except Exception as error:  # noqa: BLE001 (logged; Lambda's own log would quote its message)
            observability.crashed(error)
            return fault(event)
        finally:
            if calls is not None:
                calls.write()
            observability.flush()

    def handler(event: Event, _context: object) -> Answer:
        with observability.logger.append_context_keys(request_id=request_id(event)):
            answer = serve(event)
        answer["headers"]["X-Request-ID"] = request_id(event)
        return answer

    return handler


def request_id(event: Event) -> str:
    """Return the gateway's own ID of the call, which is also in its access log (`extendedRequestId`)."""
    found: str = event["requestContext"]["extendedRequestId"]
    return found


def sender(event: Event) -> str | None:
    """Return the ARN of the caller whose signature the gateway checked, None without IAM authorisation."""
    found: str | None = event["requestContext"]["identity"]["userArn"]
    return found


def json_body(event: Event, max_bytes: int = strict_json.MAX_BYTES) -> Any:
    """Return the event's decoded JSON body. Raises InvalidRequest, TooLarge or UnsupportedMediaType."""
    media_type = (header(event, "content-type") or "").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType(Violation("Content-Type", "must be application/json"))
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        try:
            text = base64.b64decode(text).decode()
        except ValueError:
            raise InvalidRequest(Violation("", "the body is not UTF-8")) from None
    return strict_json.loads(text, max_bytes)


def header(event: Event, name: str) -> str | None:
    """Return a header by its lower-case name."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def answer(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a JSON answer."""
    return _answer(status, json.dumps(body, ensure_ascii=False), "application/json", headers)


def no_content(headers: Mapping[str, str] | None = None) -> Answer:
    """Return 204: done, or yes, without a body."""
    return {"statusCode": int(HTTPStatus.NO_CONTENT), "headers": _NO_STORE | dict(headers or {}), "body": ""}


def problem(error: PushError, event: Event, push_id: str | None = None) -> Answer:
    """Return the RFC 9457 problem for `error`, with Kii's `errorCode` and the fields that are wrong.

    `push_id` is the ID by which the push's record can be looked up.
    """
    members: dict[str, Any] = {
        "detail": error.reason,
        "outcome": error.outcome,
        "requestID": request_id(event),
    }
    if push_id is not None:
        members["id"] = push_id
    if error.error_code:
        members["errorCode"] = error.error_code
    if isinstance(error, InvalidRequest):
        members["errors"] = [{"field": each.field, "reason": each.reason} for each in error.violations]
    wait = error.retry_after
    # Kii may send 0; never advertise less than one second.
    headers = {} if wait is None else {"Retry-After": str(max(1, wait))}
    return _problem(_status(error), f"urn:kii-push:{error.outcome}", _TITLES[error.outcome], members, headers)


def fault(event: Event) -> Answer:
    """Return the problem for a fault of our own, 500."""
    members = {"requestID": request_id(event)}
    return _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "about:blank", _FAULT, members, {})


def doubt(event: Event, what: str, own_id: str) -> Answer:
    """Return the problem for a call that may have done its work: 503, to be repeated with the same ID."""
    detail = "Repeat the call with the same id: it is not done twice."
    members = {"detail": detail, "id": own_id, "requestID": request_id(event)}
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, "about:blank", what, members, {"Retry-After": "5"})


def _status(error: PushError) -> int:
    if type(error) in _STATUS_OF:
        return _STATUS_OF[type(error)]
    if isinstance(error, KiiError) and error.status in _SAME_AS_KII:
        return error.status
    if isinstance(error, KiiError) and error.outcome == Outcome.REJECTED:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return _STATUS[error.outcome]


def _problem(
    status: int, type_: str, title: str, members: Mapping[str, Any], headers: Mapping[str, str]
) -> Answer:
    body = {"type": type_, "title": title, "status": int(status), **members}
    return _answer(status, json.dumps(body, ensure_ascii=False), "application/problem+json", headers)


def _answer(status: int, body: str, media_type: str, headers: Mapping[str, str] | None) -> Answer:
    return {
        "statusCode": int(status),
        "headers": {"Content-Type": media_type, **_NO_STORE, **(headers or {})},
        "body": body,
    }
