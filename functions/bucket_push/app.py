"""POST, PUT, PATCH, DELETE {scope}/buckets/{bucketID}/objects: Push to App, by the change of an object."""

from kii_push import delivery, http, push_api, runtime

kii = runtime.kii_client()
pushes = delivery.from_environment()


@http.api_taking("dryRun")
def handler(event: http.Event) -> http.Answer:
    """Change the object, of which Kii tells the bucket's subscribers; answer as Kii does, or a problem."""
    return push_api.push(event, pushes, kii)
