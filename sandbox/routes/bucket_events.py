"""Push to App: telling a bucket's subscribers what changed in it (docs/kii-push-api.md §6.1)."""

from sandbox.messages.payloads import BucketEvent
from sandbox.rest.call import Call


def object_changed(
    call: Call, event_type: str, object_id: str | None = None, modified_ms: int | None = None
) -> None:
    """Push an event about the path's object, or about `object_id` when the path has none."""
    _push(call, event_type, object_id or call.params["objectID"], modified_ms)


def bucket_deleted(call: Call) -> None:
    """Push that the path's bucket is gone; to be called while its subscriptions are still there."""
    _push(call, "BUCKET_DELETED", None, None)


def _push(call: Call, event_type: str, object_id: str | None, modified_ms: int | None) -> None:
    bucket_id = call.params["bucketID"]
    below = f"buckets/{bucket_id}" if object_id is None else f"buckets/{bucket_id}/objects/{object_id}"
    now = call.sandbox.clock.now_ms()
    event = BucketEvent(
        type=event_type,
        app_id=call.app_id,
        scope=call.scope,
        bucket_id=bucket_id,
        source_uri=call.scope.uri(below),
        when_ms=now,
        sender=call.principal.sender,
        object_id=object_id,
        modified_ms=modified_ms,
    )
    resource = f"{call.scope.key}/buckets/{bucket_id}"
    call.effects.extend(call.sandbox.delivery.to_bucket(event, resource))
