"""The HTTPS door: read API Gateway's event, answer JSON, and errors as RFC 9457 problems."""

import base64
import functools
import json
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from kii_push import observability, request, runtime, strict_json
from kii_push.errors import IDConflict, InFlight, InvalidRequest, KiiError, Outcome, PushError, Violation
from kii_push.ledger import Receipt
from kii_push.request import PushRequest

type Event = Mapping[str, Any]
type Answer = dict[str, Any]

_STATUS = {
    Outcome.REJECTED: HTTPStatus.BAD_REQUEST,
    Outcome.NOT_SENT: HTTPStatus.SERVICE_UNAVAILABLE,
    Outcome.UNKNOWN: HTTPStatus.GATEWAY_TIMEOUT,
    Outcome.EXPIRED: HTTPStatus.GONE,
}
# Kii's own statuses that mean the same from here. Its 401 and 403 speak of the bundle's token, not of the
# caller's signature, and would be taken for the gateway's.
_KIIS_OWN = {400, 404, 409, 429}
_TITLES = {
    Outcome.REJECTED: "The request was refused",
    Outcome.NOT_SENT: "Kii did not take the request; try again later",
    Outcome.UNKNOWN: "Whether Kii took the request is unknown",
    Outcome.EXPIRED: "The push came too late and was dropped",
}


class UnsupportedMediaType(InvalidRequest):
    """The body's Content-Type is not JSON."""


def api(handler: Callable[[Event], Answer]) -> Callable[[Event, object], Answer]:
    """Make a Lambda handler of a function that takes the event, answers, or raises a PushError."""

    @observability.metrics.log_metrics
    @functools.wraps(handler)
    def answered(event: Event, _context: object) -> Answer:
        try:
            return handler(event)
        except PushError as error:
            observability.failed(header(event, "idempotency-key"), error)
            observability.count(error.outcome)
            return problem(error)
        finally:
            runtime.calls().write()

    return answered


def push_request(event: Event, target: Mapping[str, str]) -> PushRequest:
    """Return the push request in the event's body for the `target` that the path names.

    The ID is the `Idempotency-Key` header, else the body's, else a new one. Raises InvalidRequest.
    """
    value = request.merged(json_body(event), target)
    key = header(event, "idempotency-key")
    if key is not None:
        request.push_id(key, "Idempotency-Key")
        if value.get("id", key) != key:
            raise InvalidRequest(Violation("id", "is not the one in the Idempotency-Key header"))
        value["id"] = key
    return request.from_json(value, default_id=str(uuid.uuid4()))


def json_body(event: Event) -> Any:
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
    return strict_json.loads(text)


def path(event: Event, name: str) -> str:
    """Return a path parameter, percent-decoded."""
    return unquote(event["pathParameters"][name])


def header(event: Event, name: str) -> str | None:
    """Return a header by its lower-case name."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def answer(status: int, body: Mapping[str, Any]) -> Answer:
    """Return a JSON answer."""
    return _answer(status, body, "application/json", {})


def created(push_id: str, receipt: Receipt) -> Answer:
    """Count a push that Kii accepted, now or earlier under the same ID, and return its answer."""
    observability.sent(push_id, receipt.outcome)
    observability.count(receipt.outcome)
    body: dict[str, Any] = {"pushMessageID": receipt.push_message_id, "id": push_id}
    headers = {}
    if receipt.replayed:
        body["replayed"] = True
        headers["Idempotent-Replayed"] = "true"
    return _answer(HTTPStatus.CREATED, body, "application/json", headers)


def problem(error: PushError) -> Answer:
    """Return the RFC 9457 problem for `error`, with Kii's `errorCode` and the fields that are wrong."""
    status = _status(error)
    body: dict[str, Any] = {
        "type": f"urn:kii-push:{error.outcome}",
        "title": _TITLES[error.outcome],
        "status": status,
        "detail": error.reason,
        "outcome": error.outcome,
    }
    if error.error_code:
        body["errorCode"] = error.error_code
    if isinstance(error, InvalidRequest):
        body["errors"] = [{"field": each.field, "reason": each.reason} for each in error.violations]
    headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
    return _answer(status, body, "application/problem+json", headers)


def _status(error: PushError) -> int:
    if isinstance(error, UnsupportedMediaType):
        return HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    if isinstance(error, strict_json.TooLarge):
        return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    if isinstance(error, IDConflict | InFlight):
        return HTTPStatus.CONFLICT
    if isinstance(error, KiiError) and error.status in _KIIS_OWN:
        return error.status
    if isinstance(error, KiiError) and error.outcome == Outcome.REJECTED:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    return _STATUS[error.outcome]


def _answer(status: int, body: Mapping[str, Any], media_type: str, headers: Mapping[str, str]) -> Answer:
    return {
        "statusCode": int(status),
        "headers": {"Content-Type": media_type, **headers},
        "body": json.dumps(body, ensure_ascii=False),
    }
