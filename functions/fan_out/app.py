"""SQS: one position in a broadcast; from there on each recipient becomes a message on the broadcast queue."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kii_push import runtime
from kii_push.broadcast.fan_out import FanOut
from kii_push.broadcast.store import Broadcasts
from kii_push.common import aws
from kii_push.push.stop_switch import StopSwitch
from kii_push.queues.sqs import Queue

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

broadcasts = Broadcasts(
    aws.dynamodb(),
    os.environ["LEDGER_TABLE"],
    aws.s3(),
    os.environ["BROADCAST_BUCKET"],
    int(os.environ["LEDGER_DAYS"]),
)
fan_out = FanOut(
    broadcasts,
    runtime.ledger(),
    StopSwitch(aws.dynamodb(), os.environ["LEDGER_TABLE"]),
    pushes=Queue(aws.sqs(), os.environ["BROADCAST_QUEUE_URL"]),
    positions=Queue(aws.sqs(), os.environ["FAN_OUT_QUEUE_URL"]),
)


def handler(event: Mapping[str, Any], context: "LambdaContext") -> None:
    """Queue the pushes; after an exception the message is retried, and queues them under the same IDs."""
    for record in event["Records"]:
        try:
            fan_out.run(record["body"], context.get_remaining_time_in_millis)
        except Exception:
            fan_out.postpone(record)
            raise
