"""Invoked by a person: list the dead letters by cause, and put those of one cause back or drop them."""

import os
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from kii_push.common import aws, observability
from kii_push.dead_letters import redrive_event
from kii_push.dead_letters.actions import DeadLetters, RedriveResult
from kii_push.errors import InvalidRequest
from kii_push.queues.sqs import Queue

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

dead_letters = DeadLetters(
    {
        Queue(aws.sqs(), os.environ["DEAD_LETTER_QUEUE_URL"]): Queue(aws.sqs(), os.environ["PUSH_QUEUE_URL"]),
        Queue(aws.sqs(), os.environ["DEAD_LETTER_FIFO_QUEUE_URL"]): Queue(
            aws.sqs(), os.environ["PUSH_FIFO_QUEUE_URL"]
        ),
    },
    broadcast_queue=Queue(aws.sqs(), os.environ["BROADCAST_QUEUE_URL"]),
)


def handler(event: Any, context: "LambdaContext") -> dict[str, Any]:
    """Answer causes to `{"action": "list"}`, and counts to `redrive` and `drop` with a `cause`.

    If the counts are not `complete`, the same event with their `before` goes on. The answer to any other
    event says what is wrong with it.
    """
    time_left = context.get_remaining_time_in_millis
    try:
        asked = redrive_event.read(event)
    except InvalidRequest as error:
        return {"error": f"{error.reason}; {redrive_event.HELP}"}
    match asked.action:
        case "list":
            return dict(to_builtins(dead_letters.causes(time_left)))
        case "redrive":
            return _logged("redrive", dead_letters.redrive(asked.cause, time_left, asked.before))
        case "drop":
            return _logged("drop", dead_letters.drop(asked.cause, time_left, asked.before))


def _logged(action: str, result: RedriveResult) -> dict[str, Any]:
    """Log what was done, and return it."""
    counts: dict[str, Any] = to_builtins(result)
    observability.logger.info(action, **counts)
    return counts
