"""POST {scope}/topics/{topicID}/push/messages: Push to User, in app, group, user or thing scope."""

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import push

calls = runtime.call_counter()
delivery = runtime.delivery(runtime.kii_client(calls))


def send_to_topic(event: api.Event) -> api.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    return push.send(event, delivery)


OPERATIONS = {
    "POST /topics/{topicID}/push/messages": api.Operation(send_to_topic, query=("dryRun", "confirm")),
}
handler = api.dispatch(OPERATIONS, calls)
