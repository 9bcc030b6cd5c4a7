"""EventBridge Scheduler: the schedule's input is the push request."""

from typing import TYPE_CHECKING, Any

from kii_push.common import calls, observability
from kii_push.push import delivery
from kii_push.queues import sqs as queues
from kii_push.queues.unattended import settle

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

pushes = delivery.from_environment()


@observability.metrics.log_metrics
def handler(event: Any, context: "LambdaContext") -> None:
    """Send the push; one that Kii cannot take now goes to the push queue, which tries it again."""
    body = queues.as_message(event)
    # The scheduler may deliver a firing twice, as two invocations: only an ID of its own makes them one push.
    settled = settle(body, context.aws_request_id, pushes, own_id=True)
    observability.count(settled.outcome)
    if settled.again:
        queues.enqueue(body, settled.retry_after)
    calls.from_environment().write()
