"""One push through the HTTPS door: read the request, send it or try it out, answer."""

from http import HTTPStatus
from typing import Any

from msgspec import to_builtins

from kii_push.api import handler as api
from kii_push.api import params
from kii_push.api.handler import Answer, Event
from kii_push.common import observability
from kii_push.errors import InvalidRequest, PushError, Violation
from kii_push.push import request
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Receipt
from kii_push.push.request import BucketTarget, ObjectOperation, Origin, PushRequest


def send(event: Event, delivery: Delivery) -> Answer:
    """Send the message in the body to the user, or to the topic's subscribers, that the path names.

    Answers 201 with `pushMessageID` and the push's `id`, or a problem. To `dryRun=true`: 200 with what
    `dry_run.report` says; nothing is sent. Raises InvalidRequest for what is wrong with the query.
    """
    return _deliver(event, delivery)


def change_object(event: Event, delivery: Delivery, operation: ObjectOperation) -> Answer:
    """Change the object that the path names, so that Kii pushes to the bucket's subscribers.

    Answers 201 or 200 with `objectID`, 204 for its deletion, or a problem; and to `dryRun=true` as `send`.
    Raises InvalidRequest for what is wrong with the query.
    """
    return _deliver(event, delivery, operation)


def _deliver(event: Event, delivery: Delivery, operation: ObjectOperation | None = None) -> Answer:
    if params.flag(event, "dryRun"):
        from kii_push.push import dry_run  # noqa: PLC0415 (a real send does without what it loads)

        tried = _request(event, operation, _idempotency_key(event))
        report = to_builtins(dry_run.report(tried, delivery.kii, delivery.preflight))
        return api.answer(HTTPStatus.OK, {**report, "requestID": api.request_id(event)})
    push_id = None
    try:
        push_id = _idempotency_key(event)
        push = _request(event, operation, push_id)
        push_id = push.id
        receipt = delivery.deliver(push)
    except PushError as error:
        observability.failed(push_id, error)
        observability.count(error.outcome)
        return api.problem(error, event, push_id)
    observability.sent(push.id, receipt.outcome)
    observability.count(receipt.outcome)
    return _accepted(push, receipt, api.request_id(event))


def _idempotency_key(event: Event) -> str | None:
    key = api.header(event, "idempotency-key")
    return None if key is None else request.push_id(key, "Idempotency-Key")


def _request(event: Event, operation: ObjectOperation | None, key: str | None) -> PushRequest:
    """Return the push request. Its ID is `key`, else the body's, else the call's own.

    `confirm=true` in the query is the same as in a push request: Kii's own body has no place for it.
    """
    target = params.target(event)
    if operation is None:
        value = request.merged(api.json_body(event), target)
    else:
        value = _object_change(event, target, operation)
    if "broadcast" in value:
        raise InvalidRequest(request.NOT_OF_A_BROADCAST)
    if key is not None:
        if value.get("id", key) != key:
            raise InvalidRequest(Violation("id", "is not the one in the Idempotency-Key header"))
        value["id"] = key
    if params.flag(event, "confirm"):
        value["confirm"] = True
    origin = Origin("https", api.sender(event))
    return request.from_json(value, default_id=api.request_id(event), origin=origin)


def _object_change(event: Event, target: dict[str, str], operation: ObjectOperation) -> dict[str, Any]:
    """Return the push request for a change of an object: its body is the object itself, as with Kii."""
    value: dict[str, Any] = {"target": target, "operation": operation}
    if "objectID" in event["pathParameters"]:
        value["objectID"] = params.path(event, "objectID")
    if operation != "delete":
        value["object"] = api.json_body(event)
    return value


def _accepted(push: PushRequest, receipt: Receipt, request_id: str) -> Answer:
    """Return the answer to a push that Kii accepted: now, or earlier under the same ID."""
    headers = {"Idempotent-Replayed": "true"} if receipt.replayed else {}
    body: dict[str, Any] = {"id": push.id, "requestID": request_id}
    if receipt.replayed:
        body["replayed"] = True
    written = receipt.written
    if not isinstance(push.target, BucketTarget) or written is None:
        return api.answer(HTTPStatus.CREATED, {"pushMessageID": receipt.push_message_id, **body}, headers)
    if push.target.operation == "delete":
        return api.no_content(headers)
    times = {"createdAt": written.created_at, "modifiedAt": written.modified_at}
    body |= {"objectID": written.object_id} | {name: at for name, at in times.items() if at is not None}
    if written.version is not None:
        headers["ETag"] = written.version
    created = written.created or push.target.operation == "create"
    return api.answer(HTTPStatus.CREATED if created else HTTPStatus.OK, body, headers)
