"""A queue of SQS: send, receive, delay and delete messages, up to ten in one call."""

import contextlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kii_push.common import aws, strict_json
from kii_push.errors import HiddenLimitReached, QueueError, QueueRefused

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

# SQS's limits for one call: messages, and their bytes (it takes 1 MiB; in older regions 256 KiB).
BATCH_SIZE = 10
_BATCH_BYTES = 240_000
# SQS's own limit.
MAX_DELAY_SECONDS = 900
# All attributes and the body together may have 1 MiB.
_MAX_ATTRIBUTE_CHARS = 1024
# What SQS does not take in a text.
_UNSENDABLE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
# Stands for SQS's error code if it says nothing of an entry.
_NOT_MENTIONED = "NotMentioned"
# The subset that json.dumps leaves unescaped.
_RAW = r"[\ud800-\udfff\ufffe\uffff]"


@dataclass(frozen=True)
class OutgoingMessage:
    """A message to send. `group` and `deduplication_id` are for FIFO queues; `attributes` are strings.

    Without `delay_seconds` it has the queue's own delay; a FIFO queue takes no other.
    """

    body: str
    delay_seconds: int | None = None
    group: str | None = None
    deduplication_id: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)


class Queue:
    """One queue. Safe to share between threads.

    A batch is up to BATCH_SIZE messages; its methods return SQS's error code for each message that SQS
    refused, by its place. Every method raises QueueRefused if SQS refuses the whole call, QueueError if it
    does not answer.
    """

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self.url = url

    @property
    def name(self) -> str:
        """The last part of its URL and of its ARN."""
        return self.url.rpartition("/")[2]

    @property
    def is_fifo(self) -> bool:
        """Say whether it keeps the order of a message group."""
        return self.url.endswith(".fifo")

    def send(self, message: OutgoingMessage) -> None:
        """Send one message."""
        with _errors():
            self._client.send_message(QueueUrl=self.url, **_parameters(message))

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        """Send a batch."""
        return self._batch(self._client.send_message_batch, map(_parameters, messages))

    def receive(self, *, hide_seconds: int) -> "Sequence[MessageTypeDef]":
        """Return up to BATCH_SIZE messages with all their attributes, and hide them for so long.

        Raises HiddenLimitReached if SQS hides no more messages of the queue.
        """
        with _errors():
            try:
                found = self._client.receive_message(
                    QueueUrl=self.url,
                    MaxNumberOfMessages=BATCH_SIZE,
                    VisibilityTimeout=hide_seconds,
                    # A short poll asks only some of SQS's servers, and may miss what is there.
                    WaitTimeSeconds=1,
                    MessageAttributeNames=["All"],
                    MessageSystemAttributeNames=["All"],
                )
            except self._client.exceptions.OverLimit:
                raise HiddenLimitReached(f"SQS hides no more messages of {self.name}") from None
        return found.get("Messages", ())

    def hide(self, receipt_handle: str, seconds: int) -> None:
        """Hide a received message for so long from now; 0 shows it at once."""
        with _errors():
            self._client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )

    def hide_batch(self, seconds: Iterable[tuple[str, int]]) -> dict[int, str]:
        """Hide each message, by its receipt handle, for its own time."""
        entries = ({"ReceiptHandle": handle, "VisibilityTimeout": delay} for handle, delay in seconds)
        return self._batch(self._client.change_message_visibility_batch, entries)

    def delete_batch(self, receipt_handles: Iterable[str]) -> dict[int, str]:
        """Delete a batch."""
        return self._batch(
            self._client.delete_message_batch, ({"ReceiptHandle": handle} for handle in receipt_handles)
        )

    def counts(self) -> tuple[int, int]:
        """Return about how many messages are visible, and about how many are hidden."""
        with _errors():
            found = self._client.get_queue_attributes(
                QueueUrl=self.url,
                AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
            )["Attributes"]
        return int(found["ApproximateNumberOfMessages"]), int(found["ApproximateNumberOfMessagesNotVisible"])

    def _batch(self, call: Callable[..., Any], entries: Iterable[Mapping[str, Any]]) -> dict[int, str]:
        numbered = [{"Id": str(place), **entry} for place, entry in enumerate(entries)]
        with _errors():
            answer = call(QueueUrl=self.url, Entries=numbered)
        done = {each["Id"] for each in answer.get("Successful", ())}
        codes = {each["Id"]: each["Code"] for each in answer.get("Failed", ())}
        # An entry that SQS mentions nowhere was not done.
        return {
            place: codes.get(entry["Id"], _NOT_MENTIONED)
            for place, entry in enumerate(numbered)
            if entry["Id"] not in done
        }


def as_message(value: Any) -> str:
    """Return a push request as a message body that SQS takes.

    Not in ASCII: Japanese would be twice as long, and an object then too long for the queue's function.
    """
    return re.sub(_RAW, lambda found: f"\\u{ord(found[0]):04x}", strict_json.dumps(value))


def batches[T](messages: Iterable[T], body: Callable[[T], str]) -> Iterator[list[T]]:
    """Yield what SQS takes in one call. A message too long for any call goes alone."""
    batch: list[T] = []
    size = 0
    for message in messages:
        length = len(body(message).encode())
        if batch and (len(batch) == BATCH_SIZE or size + length > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += length
    if batch:
        yield batch


def _errors() -> contextlib.AbstractContextManager[None]:
    return aws.failing_as(QueueError, "the queue", QueueRefused)


def _parameters(message: OutgoingMessage) -> dict[str, Any]:
    """Return a message as SQS's calls take it."""
    parameters: dict[str, Any] = {"MessageBody": message.body}
    if message.delay_seconds is not None:
        parameters["DelaySeconds"] = min(message.delay_seconds, MAX_DELAY_SECONDS)
    if message.group is not None:
        parameters["MessageGroupId"] = message.group
    if message.deduplication_id is not None:
        parameters["MessageDeduplicationId"] = message.deduplication_id
    if message.attributes:
        parameters["MessageAttributes"] = {name: _text(value) for name, value in message.attributes.items()}
    return parameters


def _text(value: str) -> "MessageAttributeValueTypeDef":
    sendable = re.sub(_UNSENDABLE, "\ufffd", value[:_MAX_ATTRIBUTE_CHARS])
    return {"DataType": "String", "StringValue": sendable}
