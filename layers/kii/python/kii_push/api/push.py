"""One push through the HTTPS door: read the request, send it or try it out, answer."""

import uuid
from http import HTTPStatus
from typing import Any

from msgspec import to_builtins

from kii_push.api import handler as api
from kii_push.api import params
from kii_push.api.handler import Answer, Event
from kii_push.common import observability
from kii_push.errors import InvalidRequest, PushError, Violation
from kii_push.kii.client import KiiClient
from kii_push.push import request
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Receipt
from kii_push.push.request import BucketTarget, PushRequest

_OPERATIONS = {"POST": "create", "PUT": "replace", "PATCH": "update", "DELETE": "delete"}


def push(event: Event, pushes: Delivery, kii: KiiClient) -> Answer:
    """Make the push that the call asks for, and answer as Kii would, or with a problem.

    To a user or a topic's subscribers: 201 with `pushMessageID`. By the change of an object: 201 or 200 with
    `objectID`, 204 for its deletion. To `dryRun=true`: 200 with what `dry_run.report` says; nothing is sent.
    Raises InvalidRequest for what is wrong with the path or query.
    """
    if params.flag(event, "dryRun"):
        from kii_push.push import dry_run  # noqa: PLC0415 (a real send does without what it loads)

        tried = dry_run.report(_request(event, _idempotency_key(event)), kii)
        return api.answer(HTTPStatus.OK, to_builtins(tried))
    push_id = None
    try:
        push_id = _idempotency_key(event)
        asked = _request(event, push_id)
        push_id = asked.id
        receipt = pushes.deliver(asked)
    except PushError as error:
        observability.failed(push_id, error)
        observability.count(error.outcome)
        return api.problem(error, push_id)
    observability.sent(asked.id, receipt.outcome)
    observability.count(receipt.outcome)
    return _accepted(asked, receipt)


def _idempotency_key(event: Event) -> str | None:
    key = api.header(event, "idempotency-key")
    return None if key is None else request.push_id(key, "Idempotency-Key")


def _request(event: Event, key: str | None) -> PushRequest:
    """Return the push request. Its ID is `key`, else the body's, else a new one.

    `confirm=true` in the query is the same as in a push request: Kii's own body has no place for it.
    """
    target = params.target(event)
    value = (
        _object_change(event, target) if "bucket" in target else request.merged(api.json_body(event), target)
    )
    if "broadcast" in value:
        raise InvalidRequest(request.NOT_OF_A_BROADCAST)
    if key is not None:
        if value.get("id", key) != key:
            raise InvalidRequest(Violation("id", "is not the one in the Idempotency-Key header"))
        value["id"] = key
    if params.flag(event, "confirm"):
        value["confirm"] = True
    return request.from_json(value, default_id=str(uuid.uuid4()))


def _object_change(event: Event, target: dict[str, str]) -> dict[str, Any]:
    """Return the push request for a change of an object: its body is the object itself, as with Kii."""
    value: dict[str, Any] = {"target": target, "operation": _OPERATIONS[event["httpMethod"]]}
    if "objectID" in event["pathParameters"]:
        value["objectID"] = params.path(event, "objectID")
    if event["httpMethod"] != "DELETE":
        value["object"] = api.json_body(event)
    return value


def _accepted(asked: PushRequest, receipt: Receipt) -> Answer:
    """Return the answer to a push that Kii accepted: now, or earlier under the same ID."""
    headers = {"Idempotent-Replayed": "true"} if receipt.replayed else {}
    body: dict[str, Any] = {"id": asked.id}
    if receipt.replayed:
        body["replayed"] = True
    written = receipt.written
    if not isinstance(asked.target, BucketTarget) or written is None:
        return api.answer(HTTPStatus.CREATED, {"pushMessageID": receipt.push_message_id, **body}, headers)
    if asked.target.operation == "delete":
        return api.done(headers)
    times = {"createdAt": written.created_at, "modifiedAt": written.modified_at}
    body |= {"objectID": written.object_id} | {name: at for name, at in times.items() if at is not None}
    if written.version is not None:
        headers["ETag"] = written.version
    created = written.created or asked.target.operation == "create"
    return api.answer(HTTPStatus.CREATED if created else HTTPStatus.OK, body, headers)
