"""POST /users/{userID}/push/messages: Direct Push to all devices of one user."""

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import push as push_api
from kii_push.push import delivery

kii = runtime.kii_client()
pushes = delivery.from_environment()


@api.api_taking("dryRun")
def handler(event: api.Event) -> api.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    return push_api.push(event, pushes, kii)
