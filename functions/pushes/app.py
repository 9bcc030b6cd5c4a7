"""GET /pushes/{pushID}: what became of a push."""

from http import HTTPStatus

from kii_push.api import handler as api
from kii_push.api import params
from kii_push.errors import NotFound
from kii_push.push import ledger, request

pushes = ledger.from_environment()


@api.api
def handler(event: api.Event) -> api.Answer:
    """Answer 200 with the push's outcome, `in_flight` while it has none, or 404."""
    push_id = request.push_id(params.path(event, "pushID"), "pushID")
    entry = pushes.find(push_id)
    if entry is None:
        raise NotFound(f"nothing is known of a push {push_id}")
    facts = {
        "id": entry.id,
        "outcome": entry.outcome or "in_flight",
        "attempts": entry.attempts,
        "updatedAt": entry.updated_at,
        "pushMessageID": entry.push_message_id,
        "objectID": entry.object_id,
        "errorCode": entry.error_code,
        "reason": entry.reason,
    }
    return api.answer(HTTPStatus.OK, {name: value for name, value in facts.items() if value is not None})
