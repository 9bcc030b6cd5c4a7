"""Objects of a bucket: whose changes push to the bucket's subscribers (docs/kii-push-api.md §6 and §13)."""

import re
import sqlite3
import uuid
from typing import Any, NamedTuple

import msgspec

from sandbox.kii import errors
from sandbox.people import access
from sandbox.rest.call import Call
from sandbox.rest.contract_rate import rate_limited
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response
from sandbox.routes.bucket_events import object_changed
from sandbox.routes.buckets import Bucket, ensure_bucket, require_bucket

OBJECT_ID = re.compile(r"[A-Za-z0-9_.-]{2,100}")
MAX_OBJECT_CHARS = 65_534  # of an object's JSON


class StoredObject(NamedTuple):
    """An object that exists, its bucket, and its `resource` in the store."""

    bucket: Bucket
    row: sqlite3.Row
    resource: str


def require_object(call: Call) -> StoredObject:
    """Return the object that the path names. Raises BUCKET_NOT_FOUND, OBJECT_NOT_FOUND."""
    bucket, object_id = require_bucket(call), call.params["objectID"]
    row = _row(call, bucket, object_id)
    if row is None:
        raise errors.simple(
            404,
            "OBJECT_NOT_FOUND",
            f"The object {object_id} was not found",
            objectID=object_id,
            bucketID=bucket.id,
            objectScope=errors.object_scope(call.scope),
        )
    return StoredObject(bucket, row, f"{bucket.resource}/objects/{object_id}")


def demand_readable(call: Call, stored: StoredObject) -> None:
    """Raise UNAUTHORIZED unless the caller may read the object, or all objects of its bucket."""
    access.demand_any(
        call.store,
        call.principal,
        ("READ_EXISTING_OBJECT", stored.resource),
        ("READ_OBJECTS_IN_BUCKET", stored.bucket.resource),
    )


def create(call: Call) -> Response:
    """Create an object with an ID of Kii's."""
    bucket = ensure_bucket(call)
    return _create(call, bucket, uuid.uuid4().hex)


def replace(call: Call) -> Response:
    """Replace an object whole, or create it with the caller's ID."""
    bucket, object_id = ensure_bucket(call), call.params["objectID"]
    row = _row(call, bucket, object_id)
    if row is None:
        if "if-match" in call.headers:
            raise _stale_version(object_id)
        if not OBJECT_ID.fullmatch(object_id):
            raise errors.invalid_input({"objectID": "must be 2 to 100 of A-Z, a-z, 0-9, _, - and ."})
        return _create(call, bucket, object_id)
    if call.headers.get("if-none-match", "").strip() == "*":
        message = f"The object {object_id} already exists"
        raise errors.simple(409, "OBJECT_ALREADY_EXISTS", message, objectID=object_id, bucketID=bucket.id)
    stored = StoredObject(bucket, row, f"{bucket.resource}/objects/{object_id}")
    return _write(call, stored, _fields(call))


def update(call: Call) -> Response:
    """Merge the given fields into an object."""
    stored = require_object(call)
    return _write(call, stored, {**msgspec.json.decode(stored.row["data"]), **_fields(call)})


def get(call: Call) -> Response:
    """Return an object with its `_` fields."""
    stored = require_object(call)
    demand_readable(call, stored)
    row = stored.row
    own = {
        "_id": row["object_id"],
        "_created": row["created"],
        "_modified": row["modified"],
        "_owner": row["owner"].partition(":")[2] if row["owner"] else None,
        "_version": str(row["version"]),
        "_dataType": row["data_type"],
    }
    return Response(200, {**msgspec.json.decode(row["data"]), **own}, headers=_etag(row["version"]))


def delete(call: Call) -> Response:
    """Delete an object and its ACL."""
    stored = require_object(call)
    access.demand(call.store, call.principal, "WRITE_EXISTING_OBJECT", stored.resource)
    _demand_version(call, stored.row)
    sql = "DELETE FROM objects WHERE bucket = ? AND object_id = ?"
    call.store.run(sql, stored.bucket.resource, stored.row["object_id"])
    call.store.run("DELETE FROM bodies WHERE object = ?", stored.resource)
    call.store.forget_below("acl", "resource", stored.resource)
    object_changed(call, "DATA_OBJECT_DELETED")
    return Response(204)


def _create(call: Call, bucket: Bucket, object_id: str) -> Response:
    principal = call.principal
    access.demand(call.store, principal, "CREATE_OBJECTS_IN_BUCKET", bucket.resource)
    owner = None if principal.is_admin else principal.subject
    data, now = _fields(call), call.sandbox.clock.now_ms()
    data_type = call.headers.get("content-type", "application/json").partition(";")[0].strip()
    call.store.run(
        "INSERT INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
        bucket.resource,
        object_id,
        owner,
        msgspec.json.encode(data).decode(),
        data_type,
        now,
        now,
    )
    access.object_defaults(call.store, call.scope, f"{bucket.resource}/objects/{object_id}", owner)
    object_changed(call, "DATA_OBJECT_CREATED", object_id, now)
    body = {"objectID": object_id, "createdAt": now, "dataType": data_type}
    path = *filter(None, call.scope.path.split("/")), "buckets", bucket.id, "objects", object_id
    location = call.location(*path)
    return Response(201, body, "ObjectCreationResponse", {"Location": location, **_etag(1)})


def _write(call: Call, stored: StoredObject, data: dict[str, Any]) -> Response:
    access.demand(call.store, call.principal, "WRITE_EXISTING_OBJECT", stored.resource)
    _demand_version(call, stored.row)
    version, now = stored.row["version"] + 1, call.sandbox.clock.now_ms()
    call.store.run(
        "UPDATE objects SET data = ?, modified = ?, version = ? WHERE bucket = ? AND object_id = ?",
        msgspec.json.encode(data).decode(),
        now,
        version,
        stored.bucket.resource,
        stored.row["object_id"],
    )
    object_changed(call, "DATA_OBJECT_UPDATED", modified_ms=now)
    body = {"objectID": stored.row["object_id"], "createdAt": stored.row["created"], "modifiedAt": now}
    return Response(200, body, "ObjectUpdateResponse", _etag(version))


def _fields(call: Call) -> dict[str, Any]:
    """Return the body without the `_` fields, which are the server's."""
    body = call.json_object()
    if len(call.raw_body.decode()) > MAX_OBJECT_CHARS:
        raise errors.invalid_input({"body": f"must have at most {MAX_OBJECT_CHARS} characters"})
    return {name: value for name, value in body.items() if not name.startswith("_")}


def _row(call: Call, bucket: Bucket, object_id: str) -> sqlite3.Row | None:
    sql = "SELECT * FROM objects WHERE bucket = ? AND object_id = ?"
    return call.store.one(sql, bucket.resource, object_id)


def _demand_version(call: Call, row: sqlite3.Row) -> None:
    """Raise the stale-version error unless `If-Match`, if given, names the object's version."""
    wanted = call.headers.get("if-match")
    if wanted is None or wanted.strip() == "*":
        return
    if str(row["version"]) not in [tag.strip().removeprefix("W/").strip('"') for tag in wanted.split(",")]:
        raise _stale_version(row["object_id"])


def _stale_version(object_id: str) -> errors.KiiError:
    message = f"The object {object_id} does not have the given version"
    return errors.simple(409, "OBJECT_VERSION_IS_STALE", message, objectID=object_id)


def _etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}


_BUCKET = "/apps/{appID:segment}{scope:scope}/buckets/{bucketID:segment}"

ROUTES = [
    route(f"{_BUCKET}/objects", POST=rate_limited(create)),
    route(
        f"{_BUCKET}/objects/{{objectID:segment}}",
        GET=get,
        PUT=rate_limited(replace),
        PATCH=rate_limited(update),
        DELETE=rate_limited(delete),
    ),
]
