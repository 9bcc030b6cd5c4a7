"""POST {scope}/topics/{topicID}/push/messages: Push to User, in app, group, user or thing scope."""

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import push as push_api
from kii_push.push import delivery

kii = runtime.kii_client()
pushes = delivery.from_environment()


@api.api_taking("dryRun", "confirm")
def handler(event: api.Event) -> api.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    return push_api.push(event, pushes, kii)
