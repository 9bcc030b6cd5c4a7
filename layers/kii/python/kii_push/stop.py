"""Whether a broadcast was stopped, asked of the table at most every two seconds."""

import os
import threading
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from kii_push import aws
from kii_push.errors import Expired, LedgerError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Seconds.
_AGE = 2


class StopSwitch:
    """Knows which broadcasts were stopped. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._lock = threading.Lock()
        self._asked: dict[str, tuple[float, bool]] = {}

    def check(self, broadcast_id: str) -> None:
        """Raise Expired if the broadcast was stopped, LedgerError if the table cannot be asked."""
        with self._lock:
            asked_at, stopped = self._asked.get(broadcast_id, (float("-inf"), False))
            if time.monotonic() - asked_at > _AGE:
                stopped = self._stopped(broadcast_id)
                now = time.monotonic()
                self._asked = {name: asked for name, asked in self._asked.items() if now - asked[0] <= _AGE}
                self._asked[broadcast_id] = (now, stopped)
        if stopped:
            raise Expired(f"the broadcast {broadcast_id} was stopped")

    def _stopped(self, broadcast_id: str) -> bool:
        try:
            item = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": f"broadcast#{broadcast_id}"}}
            ).get("Item", {})
        except (ClientError, BotoCoreError) as error:
            raise LedgerError(f"the broadcast cannot be looked up: {type(error).__name__}") from None
        return item.get("phase", {}).get("S") == "stopped"


def from_environment() -> StopSwitch:
    """Return the switch in the table LEDGER_TABLE."""
    return StopSwitch(aws.dynamodb(), os.environ["LEDGER_TABLE"])
