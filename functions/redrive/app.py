"""Invoked by a person: list the dead letters by cause, or put those of one cause back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from kii_push import dead_letters, observability

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Answer groups to `{"action": "list"}`, and counts to `{"action": "redrive", "cause": C}`.

    If these are not `complete`, the same again with their `before` goes on.
    """
    match event:
        case {"action": "list"}:
            found = dead_letters.groups(context.get_remaining_time_in_millis)
            return {"groups": to_builtins(found)}
        case {"action": "redrive", "cause": str(cause)}:
            done = dead_letters.redrive(cause, context.get_remaining_time_in_millis, event.get("before"))
            observability.logger.info("redrive", cause=cause, put_back=done.put_back, dropped=done.dropped)
            return dict(to_builtins(done))
        case _:
            return {
                "error": 'say {"action": "list"}, or {"action": "redrive", "cause": "..."} with a cause of it'
            }
