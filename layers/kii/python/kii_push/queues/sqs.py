"""Put a push request on a queue: the push queue for another try, or the dead-letter queue with the reason."""

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kii_push.common import aws
from kii_push.errors import InvalidRequest, PushError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

# Characters of an attribute; all attributes and the body together may have 1 MiB.
_LONGEST = 1024
# What SQS does not take in a text, such as the NUL in a field's name that a refusal quotes.
_UNSENDABLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
# Of those what JSON does not escape itself.
_RAW = r"[\ud800-\udfff\ufffe\uffff]"
# Seconds, SQS's own limit.
_LONGEST_DELAY = 900
# SQS's own: messages of one call, and their bytes (its limit is 1 MiB; older regions' 256 KiB).
BATCH = 10
_BATCH_BYTES = 240_000


def as_message(value: Any) -> str:
    """Return a push request as a message that SQS takes.

    Not all in ASCII: Japanese would be twice as long, and an object then too long for the queue's function.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub(_RAW, lambda found: f"\\u{ord(found[0]):04x}", text)


def batches[T](messages: Iterable[T], body: Callable[[T], str]) -> Iterator[list[T]]:
    """Yield what SQS takes in one call; a message that is too long for any goes alone."""
    batch: list[T] = []
    size = 0
    for message in messages:
        length = len(body(message).encode())
        if batch and (len(batch) == BATCH or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


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
    aws.sqs().send_message(
        QueueUrl=os.environ["DEAD_LETTER_QUEUE_URL"],
        MessageBody=body,
        MessageAttributes={name: _string(value) for name, value in attributes.items()},
    )


def enqueue(body: str, delay: int) -> None:
    """Put a push request on the push queue, to be taken after `delay` seconds (at most 900)."""
    aws.sqs().send_message(
        QueueUrl=os.environ["PUSH_QUEUE_URL"], MessageBody=body, DelaySeconds=min(delay, _LONGEST_DELAY)
    )


def _string(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": re.sub(_UNSENDABLE, "\ufffd", value)}
