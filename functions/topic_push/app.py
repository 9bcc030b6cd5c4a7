"""POST {scope}/topics/{topicID}/push/messages: Push to User, in app, group, user or thing scope."""

from kii_push import delivery, http, push_api, runtime

kii = runtime.kii_client()
pushes = delivery.from_environment()


@http.api_taking("dryRun", "confirm")
def handler(event: http.Event) -> http.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    return push_api.push(event, pushes, kii)
