"""The broadcast `sale`, kept in a real table and bucket, to be fanned out by hand."""

from typing import Any
from uuid import uuid4

from kii_push.broadcast import fan_out
from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.store import Broadcasts, Progress
from kii_push.common import aws
from kii_push.push.ledger import Ledger
from kii_push.push.stop_switch import StopSwitch

MESSAGE = {"data": {"m": "hi"}, "gcm": {"enabled": True}, "apns": {"enabled": False}}


class Sale:
    """Has a bucket of its own."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.bucket = f"broadcasts-{uuid4().hex}"
        location: Any = {"LocationConstraint": aws.s3().meta.region_name}
        aws.s3().create_bucket(Bucket=self.bucket, CreateBucketConfiguration=location)
        self.kept = Broadcasts(aws.dynamodb(), table, aws.s3(), self.bucket, days=30)
        self.ledger = Ledger(aws.dynamodb(), table, in_flight=960, days=30)
        self.switch = StopSwitch(aws.dynamodb(), table)

    def accept(self, lines: bytes) -> bool:
        """Accept the broadcast to a list."""
        aws.s3().put_object(Bucket=self.bucket, Key="lists/all", Body=lines)
        value = {"message": MESSAGE, "recipientsKey": "lists/all", "confirm": True}
        return self.kept.accept(broadcast_request.from_json(value, default_id="sale", confirm_above=100))

    def run(self, stretch: str, time_left: int = 900_000) -> None:
        """Fan out as the function does."""
        fan_out.run(stretch, self.kept, self.ledger, self.switch, lambda: time_left)

    def progress(self) -> Progress:
        """Return how far it is."""
        found = self.kept.progress("sale")
        assert found
        return found


def recipients(number: int) -> bytes:
    """Return a list of so many users."""
    return "".join(f'"u-{line}"\n' for line in range(1, number + 1)).encode()
