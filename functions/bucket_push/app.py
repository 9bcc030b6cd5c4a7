"""POST, PUT, PATCH, DELETE {scope}/buckets/{bucketID}/objects: Push to App, by the change of an object."""

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import push as push_api
from kii_push.push import delivery

kii = runtime.kii_client()
pushes = delivery.from_environment()


@api.api_taking("dryRun")
def handler(event: api.Event) -> api.Answer:
    """Change the object, of which Kii tells the bucket's subscribers; answer as Kii does, or a problem."""
    return push_api.push(event, pushes, kii)
