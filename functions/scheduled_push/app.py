"""EventBridge Scheduler: the schedule's input is the push request."""

import os
from typing import TYPE_CHECKING, Any

from kii_push import runtime
from kii_push.common import aws, observability
from kii_push.push.request import Origin
from kii_push.queues.sqs import OutgoingMessage, Queue, as_message
from kii_push.queues.unattended import UnattendedDelivery, UnattendedPush

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

calls = runtime.call_counter()
delivery = UnattendedDelivery(
    runtime.delivery(runtime.kii_client(calls)),
    dead_letters=Queue(aws.sqs(), os.environ["DEAD_LETTER_QUEUE_URL"]),
)
push_queue = Queue(aws.sqs(), os.environ["PUSH_QUEUE_URL"])


class DeliveryFault(Exception):
    """A fault of our own; the log says where."""


@observability.metrics.log_metrics
def handler(event: Any, context: "LambdaContext") -> None:
    """Send the push; one that Kii cannot take now goes to the push queue, which retries it."""
    body = as_message(event)
    # The scheduler may deliver a firing twice, as two invocations: only an ID of its own makes them one push.
    push = UnattendedPush(
        body, context.aws_request_id, Origin("schedule"), needs_id=True, queue=push_queue.name
    )
    settlement = delivery.deliver(push)
    observability.count(settlement.outcome)
    if settlement.outcome is None:
        # Lambda invokes the function again, and in the end keeps the event as a dead letter. On the queue a
        # push that turns out to have no ID would be given one.
        raise DeliveryFault
    if settlement.retry:
        push_queue.send(OutgoingMessage(body, settlement.retry_after_seconds))
    calls.write()
