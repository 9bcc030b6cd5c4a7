"""The broadcast `sale`, kept in a real table and bucket, to be fanned out by hand."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from msgspec import UNSET

from kii_push.broadcast import fan_out
from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.fan_out import FanOut
from kii_push.broadcast.request import BroadcastRequest
from kii_push.broadcast.store import Broadcasts, Line, Progress
from kii_push.common.table import broadcast_key
from kii_push.push.ledger import Ledger
from kii_push.push.preflight import Preflight
from kii_push.push.stop_switch import StopSwitch
from kii_push.queues.sqs import Queue
from tests.support import ample_time

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef
    from mypy_boto3_s3 import S3Client

MESSAGE = {"data": {"m": "hi"}, "gcm": {"enabled": True}, "apns": {"enabled": False}}
LIST = "lists/all"
# The counts of a broadcast of which no push has come to an end.
NOTHING = dict.fromkeys(("sent", "rejected", "not_sent", "exhausted", "unknown", "expired", "cancelled"), 0)


class Sale:
    """Has a bucket of its own, and all that its fan-out uses: a test may replace any of it."""

    def __init__(
        self, dynamodb: "DynamoDBClient", table: str, s3: "S3Client", *, pushes: Queue, positions: Queue
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._s3 = s3
        self.bucket = f"broadcasts-{uuid4().hex}"
        location: Any = {"LocationConstraint": s3.meta.region_name}
        s3.create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)
        self.pushes = pushes
        self.positions = positions
        self.broadcasts = self.store()
        self.ledger = Ledger(dynamodb, table, in_flight_seconds=960, days=30)
        self.stop_switch = StopSwitch(dynamodb, table)

    def store(self, *, dynamodb: "DynamoDBClient | None" = None, s3: "S3Client | None" = None) -> Broadcasts:
        """Return the broadcasts in its table and bucket, by these clients in place of its own."""
        return Broadcasts(dynamodb or self._dynamodb, self._table, s3 or self._s3, self.bucket, days=30)

    def put_list(self, lines: bytes) -> None:
        """Write the list of recipients."""
        self._s3.put_object(Bucket=self.bucket, Key=LIST, Body=lines)

    def delete_list(self) -> None:
        self._s3.delete_object(Bucket=self.bucket, Key=LIST)

    def accept_list(self, lines: bytes) -> bool:
        """Write the list of recipients and accept the broadcast to it."""
        self.put_list(lines)
        return self.broadcasts.accept(request_for_list())

    def begin(self) -> None:
        """Have it fanned out, as the API does."""
        fan_out.begin("sale", self.positions)

    def run(self, message: str, time_left: Callable[[], int] = ample_time) -> None:
        """Fan out from the position in `message` on, as the function does."""
        self.fan_out().run(message, time_left)

    def fan_out(self) -> FanOut:
        return FanOut(
            self.broadcasts, self.ledger, self.stop_switch, pushes=self.pushes, positions=self.positions
        )

    def lines(self) -> list[Line]:
        """Return the lines of its list as they are read."""
        return list(self.broadcasts.lines(self.broadcasts.job("sale"), 0))

    def item(self) -> "dict[str, AttributeValueTypeDef]":
        """Return its item in the table."""
        return self._dynamodb.get_item(TableName=self._table, Key=broadcast_key("sale"))["Item"]

    def progress(self) -> Progress:
        """Return how far it is."""
        found = self.broadcasts.progress("sale")
        assert found
        return found


def request_for(*recipients: Any, **more: Any) -> BroadcastRequest:
    """Return the request for a broadcast to these recipients; UNSET takes a field away."""
    given = {"message": MESSAGE, "recipients": list(recipients), **more}
    return _read({name: value for name, value in given.items() if value is not UNSET})


def request_for_list() -> BroadcastRequest:
    """Return the request for a broadcast to the list in the bucket."""
    return _read({"message": MESSAGE, "recipientsKey": LIST, "confirm": True})


def recipients(number: int) -> bytes:
    """Return a list of so many users."""
    return "".join(f'"u-{line}"\n' for line in range(1, number + 1)).encode()


def _read(value: dict[str, Any]) -> BroadcastRequest:
    return broadcast_request.from_json(value, default_id="sale", confirm_above=100, preflight=Preflight())
