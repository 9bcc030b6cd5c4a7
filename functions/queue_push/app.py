"""SQS, standard and FIFO: one push per message, sent side by side; each message ends on its own."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kii_push import runtime
from kii_push.common import aws, observability
from kii_push.queues.batch import BatchDelivery
from kii_push.queues.sqs import Queue
from kii_push.queues.unattended import UnattendedDelivery

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

calls = runtime.call_counter()
delivery = UnattendedDelivery(
    runtime.delivery(runtime.kii_client(calls)),
    dead_letters=Queue(aws.sqs(), os.environ["DEAD_LETTER_QUEUE_URL"]),
)
batches = BatchDelivery(
    delivery,
    queues=[Queue(aws.sqs(), url) for url in os.environ["QUEUE_URLS"].split()],
    # Made once: the threads outlive an invocation, and are frozen and thawed with the environment.
    threads=ThreadPoolExecutor(max_workers=int(os.environ["PUSH_THREADS"])),
    broadcast_queue=Queue(aws.sqs(), os.environ["BROADCAST_QUEUE_URL"]),
    redrive_role_id=os.environ["REDRIVE_ROLE_ID"],
)


@observability.metrics.log_metrics
def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Return the messages to retry; all others are done or in the dead-letter queue."""
    retried = batches.deliver(event["Records"], context.get_remaining_time_in_millis)
    calls.write()
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in retried]}
