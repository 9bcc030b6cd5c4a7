"""EventBridge Scheduler: the schedule's input is the push request."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kii_push import calls, delivery, observability, queues
from kii_push.unattended import settle

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

pushes = delivery.from_environment()


@observability.metrics.log_metrics
def handler(event: Mapping[str, Any], context: "LambdaContext") -> None:
    """Send the push; one that Kii cannot take now goes to the push queue, which tries it again."""
    # Lambda repeats an asynchronous invocation under the same request ID, so the push keeps its ID too.
    body = json.dumps({"id": context.aws_request_id, **event}, ensure_ascii=False)
    settled = settle(body, context.aws_request_id, pushes)
    observability.count(settled.outcome)
    if settled.again:
        queues.enqueue(body, settled.retry_after)
    calls.from_environment().write()
