"""SQS: one push per message, sent side by side; each message is settled on its own."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from kii_push import observability
from kii_push.runtime import kii_client
from kii_push.unattended import settle

kii = kii_client()
# Made once: the threads outlive an invocation, and are frozen and thawed with the environment.
threads = ThreadPoolExecutor(max_workers=int(os.environ["PUSH_THREADS"]))


@observability.metrics.log_metrics
def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer the messages that are to come back; all others are done or in the dead-letter queue."""
    records = event["Records"]
    settled = list(threads.map(lambda record: settle(record["body"], record["messageId"], kii), records))
    for each in settled:
        observability.count(each.outcome)
    back = [record["messageId"] for record, each in zip(records, settled, strict=True) if each.again]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in back]}
