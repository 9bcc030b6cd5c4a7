"""/broadcasts: POST to many users, GET how far it is, DELETE what is not yet sent."""

import os
import uuid
from http import HTTPStatus

from msgspec import to_builtins

from kii_push import broadcast, broadcasts, fan_out, http, route
from kii_push.errors import InvalidRequest, NotFound, Violation

kept = broadcasts.from_environment()


@http.api
def handler(event: http.Event) -> http.Answer:
    """Answer 202 to a broadcast that will go out, 200 with its progress, 204 once it is stopped."""
    if event["httpMethod"] == "POST":
        return _start(event)
    broadcast_id = broadcast.check_id(route.path(event, "broadcastID"), "broadcastID")
    if event["httpMethod"] == "DELETE":
        if not kept.stop(broadcast_id):
            raise NotFound(f"there is no broadcast {broadcast_id}")
        return http.done()
    progress = kept.progress(broadcast_id)
    if progress is None:
        raise NotFound(f"there is no broadcast {broadcast_id}")
    return http.answer(HTTPStatus.OK, to_builtins(progress))


def _start(event: http.Event) -> http.Answer:
    key = http.header(event, "idempotency-key")
    asked = broadcast.from_json(
        http.json_body(event, broadcast.MAX_BYTES),
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
    return http.answer(HTTPStatus.ACCEPTED, {"id": asked.job.id}, headers)
