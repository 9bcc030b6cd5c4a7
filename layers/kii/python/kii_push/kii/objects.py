"""Objects of buckets: a change of one makes Kii push to the bucket's subscribers.

See docs/kii-push-api.md §6 and §13.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from msgspec import Struct

from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import APP, Scope, encode
from kii_push.kii.response import Response, id_or_none, number_or_none


class ObjectWrite(Struct, frozen=True):
    """An object that Kii wrote. What Kii left out of its answer, or garbled, is None.

    `created`: it is a new one. `version` is its ETag, as `if_match` takes it. `created_at` and `modified_at`
    are Unix times in milliseconds.
    """

    created: bool
    object_id: str | None = None
    version: str | None = None
    created_at: int | None = None
    modified_at: int | None = None


class Objects:
    """Kii's operations on objects, as the app's admin. A missing bucket is made.

    An object is a JSON object of at most 65,534 characters. Each call raises KiiError: 404 for a missing
    scope owner, and with `if_match` (a `version`) 409 if the object has another version by now.
    """

    def __init__(self, kii: KiiClient) -> None:
        self._kii = kii

    def create(self, bucket: str, value: Mapping[str, Any], scope: Scope = APP) -> ObjectWrite:
        """Create an object under an ID of Kii's making: push `DATA_OBJECT_CREATED`."""
        return _written(self._kii.call("POST", f"{_bucket(bucket, scope)}/objects", json=value))

    def replace(
        self,
        bucket: str,
        object_id: str,
        value: Mapping[str, Any],
        scope: Scope = APP,
        *,
        if_match: str | None = None,
    ) -> ObjectWrite:
        """Replace the whole object, or create it: push `DATA_OBJECT_UPDATED` or `DATA_OBJECT_CREATED`."""
        path = _path(bucket, object_id, scope)
        return _written(self._kii.call("PUT", path, headers=_match(if_match), json=value), object_id)

    def update(
        self,
        bucket: str,
        object_id: str,
        value: Mapping[str, Any],
        scope: Scope = APP,
        *,
        if_match: str | None = None,
    ) -> ObjectWrite:
        """Replace the fields in `value` and keep the others: push `DATA_OBJECT_UPDATED`.

        Raises KiiError: 404 `OBJECT_NOT_FOUND`.
        """
        path = _path(bucket, object_id, scope)
        return _written(self._kii.call("PATCH", path, headers=_match(if_match), json=value), object_id)

    def delete(self, bucket: str, object_id: str, scope: Scope = APP, *, if_match: str | None = None) -> None:
        """Delete the object: push `DATA_OBJECT_DELETED`. Raises KiiError: 404 `OBJECT_NOT_FOUND`."""
        self._kii.call("DELETE", _path(bucket, object_id, scope), headers=_match(if_match))

    def get(self, bucket: str, object_id: str, scope: Scope = APP) -> dict[str, Any]:
        """Return the object with Kii's own fields (`_id`, `_created`, `_modified`, `_owner`, `_version`).

        Raises KiiError: 404 `OBJECT_NOT_FOUND`.
        """
        return self._kii.call("GET", _path(bucket, object_id, scope)).decode(dict[str, Any])


def _bucket(bucket: str, scope: Scope) -> str:
    return f"{scope.path}/buckets/{encode(bucket)}"


def _path(bucket: str, object_id: str, scope: Scope) -> str:
    return f"{_bucket(bucket, scope)}/objects/{encode(object_id)}"


def _match(version: str | None) -> dict[str, str]:
    return {} if version is None else {"If-Match": version}


def _written(answer: Response, object_id: str | None = None) -> ObjectWrite:
    # Lenient: the object is written and the push is out, whatever the answer looks like.
    body = answer.json()
    return ObjectWrite(
        created=answer.status == HTTPStatus.CREATED,
        object_id=id_or_none(body.get("objectID")) or object_id,
        version=id_or_none(answer.headers.get("ETag")),
        created_at=number_or_none(body.get("createdAt")),
        modified_at=number_or_none(body.get("modifiedAt")),
    )
