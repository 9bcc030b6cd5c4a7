"""Object bodies: the file that an object may carry, whose changes push as well.

See docs/kii-push-api.md §6.1.
"""

from sandbox.kii import errors
from sandbox.people import access
from sandbox.rest.call import Call
from sandbox.rest.contract_rate import rate_limited
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response
from sandbox.routes.bucket_events import object_changed
from sandbox.routes.objects import StoredObject, demand_readable, require_object


def put(call: Call) -> Response:
    """Store the object's body, of any content type."""
    stored = require_object(call)
    access.demand(call.store, call.principal, "WRITE_EXISTING_OBJECT", stored.resource)
    now = call.sandbox.clock.now_ms()
    content_type = call.headers.get("content-type", "application/octet-stream")
    sql = "INSERT OR REPLACE INTO bodies VALUES (?, ?, ?)"
    call.store.run(sql, stored.resource, content_type, call.raw_body)
    object_changed(call, "DATA_OBJECT_BODY_UPDATED", modified_ms=now)
    return Response(200, {"modifiedAt": now}, "ObjectBodyUpdateResponse")


def get(call: Call) -> Response:
    """Return the object's body as it was stored."""
    stored = require_object(call)
    demand_readable(call, stored)
    row = call.store.one("SELECT * FROM bodies WHERE object = ?", stored.resource)
    if row is None:
        raise _not_found(stored)
    return Response(200, row["content"], headers={"Content-Type": row["content_type"]})


def delete(call: Call) -> Response:
    """Delete the object's body, not the object."""
    stored = require_object(call)
    access.demand(call.store, call.principal, "WRITE_EXISTING_OBJECT", stored.resource)
    if not call.store.run("DELETE FROM bodies WHERE object = ?", stored.resource):
        raise _not_found(stored)
    object_changed(call, "DATA_OBJECT_BODY_DELETED", modified_ms=call.sandbox.clock.now_ms())
    return Response(204)


def _not_found(stored: StoredObject) -> errors.KiiError:
    message = f"The object {stored.row['object_id']} has no body"
    return errors.simple(404, "OBJECT_BODY_NOT_FOUND", message, objectID=stored.row["object_id"])


_BODY = "/apps/{appID:segment}{scope:scope}/buckets/{bucketID:segment}/objects/{objectID:segment}/body"

ROUTES = [route(_BODY, GET=get, PUT=rate_limited(put), DELETE=rate_limited(delete))]
