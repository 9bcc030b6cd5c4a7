"""Payloads too large for APNs, kept for the device to fetch (docs/kii-push-api.md §8.5, notes)."""

import msgspec

from sandbox.kii import errors
from sandbox.people import access, directory
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response


def get(call: Call) -> Response:
    """Return the message that was too large."""
    user_id = _user_id(call)
    row = call.store.one(
        "SELECT payload FROM payloads WHERE app_id = ? AND user_id = ? AND payload_id = ?",
        call.app_id,
        user_id,
        call.params["payloadID"],
    )
    if row is None:
        raise _not_found(call, user_id)
    return Response(200, msgspec.Raw(row["payload"].encode()), "PushPayloadRetrievalResponse")


def delete(call: Call) -> Response:
    """Forget the message."""
    user_id = _user_id(call)
    sql = "DELETE FROM payloads WHERE app_id = ? AND user_id = ? AND payload_id = ?"
    if not call.store.run(sql, call.app_id, user_id, call.params["payloadID"]):
        raise _not_found(call, user_id)
    return Response(204)


def _user_id(call: Call) -> str:
    user_id = directory.user_id(call.store, call.principal, call.params["userID"])
    access.demand_self(call.principal, f"UserID:{user_id}")
    return user_id


def _not_found(call: Call, user_id: str) -> errors.KiiError:
    payload_id = call.params["payloadID"]
    return errors.KiiError(
        404,
        "PAYLOAD_ID_NOT_FOUND",
        f"The payload {payload_id} was not found",
        type_name="PushPayloadIDNotFoundException",
        userID=user_id,
        payloadID=payload_id,
        appID=call.app_id,
    )


ROUTES = [
    route("/apps/{appID:segment}/users/{userID:segment}/payloads/{payloadID:segment}", GET=get, DELETE=delete)
]
