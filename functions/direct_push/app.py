"""POST /users/{userID}/push/messages: Direct Push to all devices of one user."""

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import push

calls = runtime.call_counter()
delivery = runtime.delivery(runtime.kii_client(calls))


def send_to_user(event: api.Event) -> api.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    return push.send(event, delivery)


OPERATIONS = {
    "POST /users/{userID}/push/messages": api.Operation(send_to_user, query=("dryRun",)),
}
handler = api.dispatch(OPERATIONS, calls)
