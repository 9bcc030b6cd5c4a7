"""Invoked by a person: list the dead letters by cause, and put those of one cause back or drop them."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from kii_push.common import aws, observability
from kii_push.dead_letters.actions import DeadLetters, RedriveResult
from kii_push.queues.sqs import Queue

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

dead_letters = DeadLetters(
    {
        Queue(aws.sqs(), os.environ["DEAD_LETTER_QUEUE_URL"]): Queue(aws.sqs(), os.environ["PUSH_QUEUE_URL"]),
        Queue(aws.sqs(), os.environ["DEAD_LETTER_FIFO_QUEUE_URL"]): Queue(
            aws.sqs(), os.environ["PUSH_FIFO_QUEUE_URL"]
        ),
    }
)


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Answer causes to `{"action": "list"}`, and counts to `redrive` and `drop` with a `cause`.

    If the counts are not `complete`, the same event with their `before` goes on.
    """
    time_left = context.get_remaining_time_in_millis
    match event:
        case {"action": "list"}:
            return dict(to_builtins(dead_letters.causes(time_left)))
        case {"action": "redrive", "cause": str(cause)}:
            return _logged("redrive", dead_letters.redrive(cause, time_left, event.get("before")))
        case {"action": "drop", "cause": str(cause)}:
            return _logged("drop", dead_letters.drop(cause, time_left, event.get("before")))
        case _:
            return {
                "error": 'say {"action": "list"}, or {"action": "redrive", "cause": "..."} with a cause of it'
                ", or drop in place of redrive"
            }


def _logged(action: str, result: RedriveResult) -> dict[str, Any]:
    """Log what was done, and return it."""
    counts: dict[str, Any] = to_builtins(result)
    observability.logger.info(action, **counts)
    return counts
