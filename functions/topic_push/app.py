"""POST {scope}/topics/{topicID}/push/messages: Push to User, in app, group, user or thing scope."""

from kii_push import delivery, http

pushes = delivery.from_environment()

# Path parameter: what the push request calls it.
SCOPES = {"groupID": "group", "userID": "user", "thingID": "thing"}


@http.api
def handler(event: http.Event) -> http.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    target = {"topic": http.path(event, "topicID")}
    for parameter in event["pathParameters"].keys() & SCOPES:
        target[SCOPES[parameter]] = http.path(event, parameter)
    request = http.push_request(event, target)
    return http.created(request.id, pushes.deliver(request))
