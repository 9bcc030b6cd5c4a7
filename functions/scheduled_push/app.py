"""EventBridge Scheduler: the schedule's input is the push request."""

import os
from typing import TYPE_CHECKING, Any

from kii_push import runtime
from kii_push.common import aws, observability
from kii_push.queues.sqs import OutgoingMessage, Queue, as_message
from kii_push.queues.unattended import UnattendedDelivery

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

calls = runtime.call_counter()
delivery = UnattendedDelivery(
    runtime.delivery(runtime.kii_client(calls)),
    dead_letters=Queue(aws.sqs(), os.environ["DEAD_LETTER_QUEUE_URL"]),
)
push_queue = Queue(aws.sqs(), os.environ["PUSH_QUEUE_URL"])


@observability.metrics.log_metrics
def handler(event: Any, context: "LambdaContext") -> None:
    """Send the push; one that Kii cannot take now goes to the push queue, which retries it."""
    body = as_message(event)
    # The scheduler may deliver a firing twice, as two invocations: only an ID of its own makes them one push.
    settlement = delivery.deliver(body, context.aws_request_id, needs_id=True)
    observability.count(settlement.outcome)
    if settlement.retry:
        push_queue.send(OutgoingMessage(body, settlement.retry_after_seconds))
    calls.write()
