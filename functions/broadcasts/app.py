"""/broadcasts: POST to many users, GET how far it is, DELETE what is not yet sent."""

import os
from http import HTTPStatus

from msgspec import to_builtins

from kii_push.api import handler as api
from kii_push.api import params
from kii_push.broadcast import fan_out
from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.store import Broadcasts
from kii_push.common import aws, observability
from kii_push.errors import InvalidRequest, NotFound, QueueError, Violation
from kii_push.push.preflight import Preflight
from kii_push.queues.sqs import Queue

broadcasts = Broadcasts(
    aws.dynamodb(),
    os.environ["LEDGER_TABLE"],
    aws.s3(),
    os.environ["BROADCAST_BUCKET"],
    int(os.environ["LEDGER_DAYS"]),
)
positions = Queue(aws.sqs(), os.environ["FAN_OUT_QUEUE_URL"])
preflight = Preflight.from_settings(os.environ["KII_DEFAULT_NETWORKS"], os.environ["KII_RULES"])
confirm_above = int(os.environ["CONFIRM_ABOVE"])


def start_broadcast(event: api.Event) -> api.Answer:
    """Answer 202 to a broadcast that will go out."""
    key = api.header(event, "idempotency-key")
    broadcast = broadcast_request.from_json(
        api.json_body(event, broadcast_request.MAX_BYTES),
        default_id=key,
        confirm_above=confirm_above,
        preflight=preflight,
        sender=api.sender(event),
    )
    broadcast_id = broadcast.job.id
    if key not in {None, broadcast_id}:
        raise InvalidRequest(Violation("id", "is not the one in the Idempotency-Key header"))
    headers = {"Location": f"/broadcasts/{broadcast_id}"}
    if not broadcasts.accept(broadcast):
        headers["Idempotent-Replayed"] = "true"
    else:
        try:
            fan_out.begin(broadcast_id, positions)
        except QueueError as error:
            # The queue may have taken the message, and only its answer was lost.
            observability.refused("POST", "/broadcasts", error)
            return api.doubt(event, "It is not known whether the broadcast began", broadcast_id)
    return api.answer(HTTPStatus.ACCEPTED, {"id": broadcast_id, "requestID": api.request_id(event)}, headers)


def get_broadcast(event: api.Event) -> api.Answer:
    """Answer 200 with the broadcast's progress, or 404."""
    broadcast_id = _broadcast_id(event)
    progress = broadcasts.progress(broadcast_id)
    if progress is None:
        raise _not_found(broadcast_id)
    return api.answer(HTTPStatus.OK, to_builtins(progress))


def stop_broadcast(event: api.Event) -> api.Answer:
    """Answer 204 once no more of it will be sent, or 404."""
    broadcast_id = _broadcast_id(event)
    if not broadcasts.stop(broadcast_id):
        raise _not_found(broadcast_id)
    return api.no_content()


def _broadcast_id(event: api.Event) -> str:
    return broadcast_request.check_id(params.path(event, "broadcastID"), "broadcastID")


def _not_found(broadcast_id: str) -> NotFound:
    return NotFound(f"there is no broadcast {broadcast_id}")


OPERATIONS = {
    "POST /broadcasts": api.Operation(start_broadcast),
    "GET /broadcasts/{broadcastID}": api.Operation(get_broadcast),
    "DELETE /broadcasts/{broadcastID}": api.Operation(stop_broadcast),
}
handler = api.dispatch(OPERATIONS)
