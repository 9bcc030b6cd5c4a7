"""POST /users/{userID}/push/messages: Direct Push to all devices of one user."""

from kii_push import delivery, http

pushes = delivery.from_environment()


@http.api
def handler(event: http.Event) -> http.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    request = http.push_request(event, {"user": http.path(event, "userID")})
    return http.created(request.id, pushes.deliver(request))
