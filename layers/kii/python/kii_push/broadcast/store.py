"""Broadcasts under way: what each is made from, in S3; how far it is, in the table; its stop."""

import contextlib
import hashlib
import io
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import msgspec
from botocore.exceptions import ClientError

from kii_push.broadcast import progress
from kii_push.broadcast.request import ID_FORM_VERSION, BroadcastRequest, Job, RecipientShape
from kii_push.common import aws, table
from kii_push.common.decode import ready, wire_name
from kii_push.errors import IDConflict, InvalidRequest, LedgerError, Outcome, PushError, Violation

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectRequestTypeDef

Status = Literal["queueing", "sending", "done", "stopped", "failed"]
_OPEN = "NOT phase IN (:stopped, :failed)"
_FINAL = {":stopped": {"S": "stopped"}, ":failed": {"S": "failed"}}
# A longer line is no recipient, and its text is not kept: a list that was written as one line must not fill
# the memory.
MAX_LINE_BYTES = 64 * 1024
# S3's errors that no retry mends, and what they say about the object.
_GONE = {"PreconditionFailed": "was overwritten meanwhile", "NoSuchKey": "is not there any more"}


class SourceGone(PushError):
    """What a broadcast is made from was overwritten or deleted: it cannot go on."""

    outcome = Outcome.NOT_SENT


@dataclass(frozen=True)
class Line:
    """A line of a list as it is read: its text, and the bytes that it takes there with its line end.

    `text` is None if the line is longer than MAX_LINE_BYTES.
    """

    text: bytes | None
    size: int


class Progress(msgspec.Struct, frozen=True, rename=wire_name, omit_defaults=True):
    """A broadcast's progress. `recipients` is None until the whole list has been read; times are ISO 8601.

    `pending` are those that may still be sent: not begun, in flight, or `not_sent` and to be tried again.
    `reason` is why it `failed`.
    """

    id: str
    status: Status
    created_at: str
    recipients: int | None
    pending: int | None
    counts: dict[str, int]
    reason: str | None = None


class Broadcasts:
    """Keeps broadcasts for `days`. Every method raises LedgerError if the table or bucket cannot be used."""

    def __init__(
        self, client: "DynamoDBClient", table_name: str, s3: "S3Client", bucket: str, days: int
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._s3 = s3
        self._bucket = bucket
        self._days = days

    def accept(self, request: BroadcastRequest) -> bool:
        """Keep a broadcast; return False if it was accepted before and its fan-out has begun.

        Raises IDConflict if the ID was used for another one, InvalidRequest if there is no object with the
        recipients or one of them is longer than MAX_LINE_BYTES. The broadcast keeps to the object as it is
        now: a later version is another broadcast, and one under way stops.
        """
        job = request.job
        if request.recipients is None:
            job = msgspec.structs.replace(job, recipients_version=self._version(job.recipients_key))
        recipients = _lines(request.recipients or ())
        fingerprint = _fingerprint(job, recipients)
        with _errors():
            try:
                before = self._client.put_item(
                    TableName=self._table_name,
                    Item={
                        **table.broadcast_key(job.id),
                        "fingerprint": {"S": fingerprint},
                        "phase": {"S": "accepted"},
                        "createdAt": table.now(),
                        "expires": table.expires(days=self._days),
                    },
                    # One that was accepted but not begun is safe to accept again: its sender may have died.
                    ConditionExpression=(
                        "attribute_not_exists(pk) OR (phase = :phase AND fingerprint = :same)"
                    ),
                    ExpressionAttributeValues={":phase": {"S": "accepted"}, ":same": {"S": fingerprint}},
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                if table.text(table.item_that_refused(error), "fingerprint") != fingerprint:
                    raise IDConflict(f"the id {job.id} was used for another broadcast") from None
                return False
            if "Attributes" in before:
                job = self._in_the_form_it_has(job)
            self._s3.put_object(Bucket=self._bucket, Key=f"jobs/{job.id}", Body=msgspec.json.encode(job))
            if request.recipients is not None:
                self._s3.put_object(Bucket=self._bucket, Key=job.recipients_key, Body=recipients)
        return True

    def job(self, broadcast_id: str) -> Job:
        """Return what the broadcast's pushes are made from. Raises SourceGone."""
        with _errors("the message"):
            found = self._s3.get_object(Bucket=self._bucket, Key=f"jobs/{broadcast_id}")
            return msgspec.json.decode(found["Body"].read(), type=ready(Job))

    def lines(self, job: Job, offset: int) -> Generator[Line]:
        """Yield the recipients' lines from this byte on.

        Raises SourceGone. Close it, and with it the connection.
        """
        wanted: GetObjectRequestTypeDef = {
            "Bucket": self._bucket,
            "Key": job.recipients_key,
            "Range": f"bytes={offset}-",
        }
        if job.recipients_version:
            wanted["IfMatch"] = job.recipients_version
        with _errors("the list of recipients"):
            try:
                found = self._s3.get_object(**wanted)
            except ClientError as error:
                if error.response["Error"]["Code"] == "InvalidRange":
                    # The object ends here.
                    return
                raise
            # A StreamingBody is one in all but its declared base.
            with io.BufferedReader(cast("io.RawIOBase", found["Body"]), MAX_LINE_BYTES) as body:
                yield from _whole_lines(body) if job.id_form == ID_FORM_VERSION else _pieces(body)

    def set_phase(self, broadcast_id: str, phase: table.Phase, recipients: int | None = None) -> None:
        """Note how far the fan-out is, and once it is through, the number of recipients.

        Changes nothing of a broadcast that was stopped or has failed.
        """
        values: dict[str, Any] = {":phase": {"S": phase}}
        changes = "SET phase = :phase"
        if recipients is not None:
            changes += ", recipients = :recipients"
            values[":recipients"] = {"N": str(recipients)}
        self._change(broadcast_id, changes, _OPEN, values | _FINAL)

    def fail(self, broadcast_id: str, reason: str) -> bool:
        """Note that the fan-out cannot go on, and why; return False if it was over already."""
        condition = f"{_OPEN} AND attribute_not_exists(recipients)"
        values = {":reason": {"S": reason}, **_FINAL}
        return self._change(broadcast_id, "SET phase = :failed, reason = :reason", condition, values)

    def stop(self, broadcast_id: str) -> bool:
        """Let nothing more of a broadcast be sent; return False if there is no such broadcast.

        One that is done stays so.
        """
        item = self._find(broadcast_id)
        if item is None:
            return False
        try:
            # Count only if it could be done: a stop must take effect quickly.
            done = "recipients" in item and self._progress(broadcast_id, item).status == "done"
        except LedgerError:
            # Stop it anyway.
            done = False
        if done:
            return True
        stopped = {":stopped": {"S": "stopped"}}
        self._change(broadcast_id, "SET phase = :stopped", "attribute_exists(pk)", stopped)
        return True

    def progress(self, broadcast_id: str) -> Progress | None:
        """Return how far a broadcast is, counted in the ledger, or None if there is no such broadcast."""
        item = self._find(broadcast_id)
        return None if item is None else self._progress(broadcast_id, item)

    def _progress(self, broadcast_id: str, item: dict[str, Any]) -> Progress:
        with _errors():
            counts = progress.count(self._client, self._table_name, broadcast_id)
        recipients = int(item["recipients"]["N"]) if "recipients" in item else None
        over = sum(counts.values()) - counts[Outcome.NOT_SENT]
        pending = None if recipients is None else max(0, recipients - over)
        reason = item["reason"]["S"] if "reason" in item else None
        status = _status(item["phase"]["S"], pending)
        return Progress(broadcast_id, status, item["createdAt"]["S"], recipients, pending, counts, reason)

    def _find(self, broadcast_id: str) -> dict[str, Any] | None:
        with _errors():
            answer = self._client.get_item(
                TableName=self._table_name, Key=table.broadcast_key(broadcast_id), ConsistentRead=True
            )
        return answer.get("Item")

    def _change(self, broadcast_id: str, changes: str, condition: str, values: dict[str, Any]) -> bool:
        """Change a broadcast's item if there is one and `condition` holds; return whether it was changed."""
        with _errors(), contextlib.suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._table_name,
                Key=table.broadcast_key(broadcast_id),
                UpdateExpression=changes,
                ConditionExpression=f"attribute_exists(pk) AND {condition}",
                ExpressionAttributeValues=values,
            )
            return True
        return False

    def _in_the_form_it_has(self, job: Job) -> Job:
        """Return the job with the IDs that it was first accepted with: its fan-out may have begun."""
        with contextlib.suppress(SourceGone):
            return msgspec.structs.replace(job, id_form=self.job(job.id).id_form)
        return job

    def _version(self, key: str) -> str:
        """Return the object's ETag. Raises InvalidRequest if there is none of this key."""
        with _errors():
            try:
                return self._s3.head_object(Bucket=self._bucket, Key=key)["ETag"]
            except ClientError as error:
                # An answer to HEAD has no body, so the status is all that boto3 knows.
                if error.response["Error"]["Code"] != "404":
                    raise
        raise InvalidRequest(Violation("recipientsKey", "is not an object in the stack's bucket"))


def _fingerprint(job: Job, recipients: bytes) -> str:
    """Return a hash of what the sender said, which is neither the form of the IDs nor who the sender is."""
    said = msgspec.structs.replace(job, id_form=1, sender=None)
    return hashlib.sha256(msgspec.json.encode(said) + recipients).hexdigest()


def _pieces(body: io.BufferedIOBase) -> Iterator[Line]:
    """Yield the lines, each piece of MAX_LINE_BYTES as one, as release 0.1.0 did."""
    while piece := body.readline(MAX_LINE_BYTES):
        yield Line(piece, len(piece))


def _whole_lines(body: io.BufferedIOBase) -> Iterator[Line]:
    while line := body.readline(MAX_LINE_BYTES):
        size = len(line)
        last = line
        while not last.endswith(b"\n") and (last := body.readline(MAX_LINE_BYTES)):
            size += len(last)
        yield Line(line if size == len(line) else None, size)


def _lines(recipients: Iterable[str | RecipientShape]) -> bytes:
    lines = [msgspec.json.encode(each) + b"\n" for each in recipients]
    if any(len(line) > MAX_LINE_BYTES for line in lines):
        raise InvalidRequest(Violation("recipients", f"has one of more than {MAX_LINE_BYTES} bytes"))
    return b"".join(lines)


def _status(phase: str, pending: int | None) -> Status:
    if phase in {"stopped", "failed"}:
        return cast("Status", phase)
    if pending is None:
        return "queueing"
    return "sending" if pending else "done"


@contextlib.contextmanager
def _errors(what: str = "") -> Iterator[None]:
    """Raise LedgerError for AWS's errors; SourceGone if they say so of the object that `what` names."""
    try:
        with aws.failing_as(LedgerError, "the store of broadcasts"):
            yield
    except LedgerError as error:
        if what and error.aws_code in _GONE:
            raise SourceGone(f"{what} {_GONE[error.aws_code]}") from None
        raise
