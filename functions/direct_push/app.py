"""POST /users/{userID}/push/messages: Direct Push to all devices of one user."""

from http import HTTPStatus

from kii_push import http, observability
from kii_push.delivery import deliver
from kii_push.runtime import kii_client

kii = kii_client()


@http.api
def handler(event: http.Event) -> http.Answer:
    """Send the push; answer 201 with `pushMessageID` and the push's `id`, or a problem."""
    request = http.push_request(event, {"user": http.path(event, "userID")})
    push_message_id = deliver(request, kii)
    observability.sent(request.id)
    return http.answer(HTTPStatus.CREATED, {"pushMessageID": push_message_id, "id": request.id})
