"""Invoked by a person: list the dead letters by cause, and put those of one cause back or drop them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from kii_push.common import observability
from kii_push.dead_letters import actions
from kii_push.dead_letters.actions import Dealt

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Answer groups to `{"action": "list"}`, and counts to `redrive` and `drop` with a `cause`.

    If these are not `complete`, the same again with their `before` goes on.
    """
    time_left = context.get_remaining_time_in_millis
    match event:
        case {"action": "list"}:
            return dict(to_builtins(actions.groups(time_left)))
        case {"action": "redrive", "cause": str(cause)}:
            return _told("redrive", actions.redrive(cause, time_left, event.get("before")))
        case {"action": "drop", "cause": str(cause)}:
            return _told("drop", actions.drop(cause, time_left, event.get("before")))
        case _:
            return {
                "error": 'say {"action": "list"}, or {"action": "redrive", "cause": "..."} with a cause of it'
                ", or drop in place of redrive"
            }


def _told(action: str, done: Dealt) -> dict[str, Any]:
    """Log what was done, and return it."""
    counts: dict[str, Any] = to_builtins(done)
    observability.logger.info(action, **counts)
    return counts
