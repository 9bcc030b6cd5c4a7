"""POST {scope}/topics/{topicID}/push/messages: Push to User, in app, group, user or thing scope."""

from http import HTTPStatus

from kii_push import http, observability
from kii_push.delivery import deliver
from kii_push.runtime import kii_client

kii = kii_client()

# Path parameter: what the push request calls it.
SCOPES = {"groupID": "group", "userID": "user", "thingID": "thing"}


@http.api
def handler(event: http.Event) -> http.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    target = {"topic": http.path(event, "topicID")}
    for parameter in event["pathParameters"].keys() & SCOPES:
        target[SCOPES[parameter]] = http.path(event, parameter)
    request = http.push_request(event, target)
    push_message_id = deliver(request, kii)
    observability.sent(request.id)
    return http.answer(HTTPStatus.CREATED, {"pushMessageID": push_message_id, "id": request.id})
