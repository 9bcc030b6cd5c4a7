"""/broadcasts: POST to many users, GET how far it is, DELETE what is not yet sent."""

import os
import uuid
from http import HTTPStatus

from msgspec import to_builtins

from kii_push.api import handler as api
from kii_push.api import params
from kii_push.broadcast import fan_out, store
from kii_push.broadcast import request as broadcast_request
from kii_push.errors import InvalidRequest, NotFound, Violation

kept = store.from_environment()


@api.api
def handler(event: api.Event) -> api.Answer:
    """Answer 202 to a broadcast that will go out, 200 with its progress, 204 once it is stopped."""
    if event["httpMethod"] == "POST":
        return _start(event)
    broadcast_id = broadcast_request.check_id(params.path(event, "broadcastID"), "broadcastID")
    if event["httpMethod"] == "DELETE":
        if not kept.stop(broadcast_id):
            raise NotFound(f"there is no broadcast {broadcast_id}")
        return api.done()
    progress = kept.progress(broadcast_id)
    if progress is None:
        raise NotFound(f"there is no broadcast {broadcast_id}")
    return api.answer(HTTPStatus.OK, to_builtins(progress))


def _start(event: api.Event) -> api.Answer:
    key = api.header(event, "idempotency-key")
    asked = broadcast_request.from_json(
        api.json_body(event, broadcast_request.MAX_BYTES),
        default_id=key or str(uuid.uuid4()),
        confirm_above=int(os.environ["CONFIRM_ABOVE"]),
    )
    if key not in {None, asked.job.id}:
        raise InvalidRequest(Violation("id", "is not the one in the Idempotency-Key header"))
    headers = {"Location": f"/broadcasts/{asked.job.id}"}
    if kept.accept(asked):
        fan_out.begin(asked.job.id)
    else:
        headers["Idempotent-Replayed"] = "true"
    return api.answer(HTTPStatus.ACCEPTED, {"id": asked.job.id}, headers)
