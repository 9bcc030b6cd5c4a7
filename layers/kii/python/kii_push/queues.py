"""Put a push request on a queue: the push queue for another try, or the dead-letter queue with the reason."""

import os
from typing import TYPE_CHECKING

from kii_push import aws
from kii_push.errors import InvalidRequest, PushError

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef

# Characters of an attribute; all attributes and the body together may have 1 MiB.
_LONGEST = 1024
# Seconds, SQS's own limit.
_LONGEST_DELAY = 900


def _string(value: str) -> "MessageAttributeValueTypeDef":
    return {"DataType": "String", "StringValue": value}
