"""Buckets: made by the first use, deleted with all they hold (docs/kii-push-api.md §6 and §13)."""

import re
from typing import NamedTuple

from sandbox.kii import errors
from sandbox.people import access
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response
from sandbox.routes.bucket_events import bucket_deleted

BUCKET_ID = re.compile(r"[A-Za-z0-9_-]{2,64}")


class Bucket(NamedTuple):
    """A bucket that exists: its ID, its `resource` in the store, its creator's subject (None: the admin)."""

    id: str
    resource: str
    creator: str | None


def find_bucket(call: Call) -> Bucket | None:
    """Return the bucket that the path names, None when there is none."""
    key, bucket_id = call.scope.key, call.params["bucketID"]
    row = call.store.one("SELECT creator FROM buckets WHERE scope = ? AND bucket_id = ?", key, bucket_id)
    return Bucket(bucket_id, f"{key}/buckets/{bucket_id}", row["creator"]) if row else None


def require_bucket(call: Call) -> Bucket:
    """Return the bucket that the path names. Raises BUCKET_NOT_FOUND."""
    bucket = find_bucket(call)
    if bucket is None:
        message = f"The bucket {call.params['bucketID']} was not found"
        raise errors.simple(
            404,
            "BUCKET_NOT_FOUND",
            message,
            bucketID=call.params["bucketID"],
            objectScope=errors.object_scope(call.scope),
        )
    return bucket


def ensure_bucket(call: Call, owner: str | None = None) -> Bucket:
    """Return the bucket that the path names, made by the caller if need be. Raises UNAUTHORIZED.

    It is made for `owner`, an ACL subject; for the caller when there is none.
    """
    bucket = find_bucket(call)
    if bucket is not None:
        return bucket
    principal, key, bucket_id = call.principal, call.scope.key, call.params["bucketID"]
    access.demand(call.store, principal, "CREATE_NEW_BUCKET", key)
    if not BUCKET_ID.fullmatch(bucket_id):
        raise errors.invalid_input({"bucketID": "must be 2 to 64 of A-Z, a-z, 0-9, _ and -"})
    creator = owner or (None if principal.is_admin else principal.subject)
    call.store.run("INSERT INTO buckets VALUES (?, ?, ?)", key, bucket_id, creator)
    bucket = Bucket(bucket_id, f"{key}/buckets/{bucket_id}", creator)
    access.bucket_defaults(call.store, call.scope, bucket.resource, creator)
    return bucket


def delete(call: Call) -> Response:
    """Delete a bucket with its objects, ACLs and subscriptions."""
    bucket = require_bucket(call)
    access.demand(call.store, call.principal, "DROP_BUCKET_WITH_ALL_CONTENT", bucket.resource)
    bucket_deleted(call)
    sql = "DELETE FROM buckets WHERE scope = ? AND bucket_id = ?"
    call.store.run(sql, call.scope.key, bucket.id)
    call.store.run("DELETE FROM objects WHERE bucket = ?", bucket.resource)
    call.store.run("DELETE FROM subscriptions WHERE resource = ?", bucket.resource)
    call.store.forget_below("bodies", "object", bucket.resource)
    call.store.forget_below("acl", "resource", bucket.resource)
    return Response(204)


ROUTES = [route("/apps/{appID:segment}{scope:scope}/buckets/{bucketID:segment}", DELETE=delete)]
