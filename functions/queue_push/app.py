"""SQS, standard and FIFO: one push per message, sent side by side; each message is settled on its own."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kii_push.common import calls, observability
from kii_push.push import delivery
from kii_push.queues.batch import settle_batch

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

pushes = delivery.from_environment()
# Made once: the threads outlive an invocation, and are frozen and thawed with the environment.
threads = ThreadPoolExecutor(max_workers=int(os.environ["PUSH_THREADS"]))


@observability.metrics.log_metrics
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Answer the messages that are to come back; all others are done or in the dead-letter queue."""
    back = settle_batch(event["Records"], pushes, threads, context.get_remaining_time_in_millis)
    calls.from_environment().write()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in back]}
