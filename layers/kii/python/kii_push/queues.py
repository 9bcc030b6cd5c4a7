"""Put a push request on a queue: the push queue for another try, or the dead-letter queue with the reason."""

import functools
import os
from typing import TYPE_CHECKING

import boto3

from kii_push.errors import InvalidRequest, PushError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

_LONGEST = 1024


def dead_letter(body: str, push_id: str, error: PushError) -> None:
    """Put a push request where a person will look, with why as message attributes.

    Attributes, each a string: `pushID`, `outcome`, `reason`, and where known `errorCode` and `field` (the
    first one that is wrong). `body` stays as it came, so that it can be sent again.
    """
    attributes = {"pushID": push_id, "outcome": str(error.outcome), "reason": error.reason[:_LONGEST]}
    if error.error_code:
        attributes["errorCode"] = error.error_code
    if isinstance(error, InvalidRequest) and error.violations[0].field:
        attributes["field"] = error.violations[0].field[:_LONGEST]
    _sqs().send_message(
        QueueUrl=os.environ["DEAD_LETTER_QUEUE_URL"],
        MessageBody=body,
        MessageAttributes={name: _string(value) for name, value in attributes.items()},
    )


def enqueue(body: str) -> None:
    """Put a push request on the push queue, in its own words."""
    _sqs().send_message(QueueUrl=os.environ["PUSH_QUEUE_URL"], MessageBody=body)


@functools.cache
def _sqs() -> "SQSClient":
    # Made at its first use: most invocations put nothing on a queue.
    return boto3.client("sqs")


def _string(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value}
