"""GET /pushes/{pushID}: what became of a push."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import params
from kii_push.errors import NotFound
from kii_push.push import request

ledger = runtime.ledger()


def get_push(event: api.Event) -> api.Answer:
    """Answer 200 with the push's outcome, `in_flight` while it has none, or 404."""
    push_id = request.push_id(params.path(event, "pushID"), "pushID")
    record = ledger.find(push_id)
    if record is None:
        raise NotFound(f"nothing is known of a push {push_id}")
    return api.answer(HTTPStatus.OK, to_builtins(record))


OPERATIONS = {"GET /pushes/{pushID}": api.Operation(get_push)}
handler = api.dispatch(OPERATIONS)
