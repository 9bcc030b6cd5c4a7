"""Whether a broadcast was stopped, asked of the table at most every two seconds."""

import os
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws
from kii_push.common.single_flight import Kept
from kii_push.errors import Expired, LedgerError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Seconds.
_AGE = 2
# Broadcasts remembered; an environment seldom sends more than a few at once.
_MOST = 100


@dataclass(frozen=True)
class _Answer:
    asked_at: float
    stopped: bool


class StopSwitch:
    """Knows which broadcasts were stopped. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._lock = threading.Lock()
        self._answers: dict[str, Kept[_Answer]] = {}

    def check(self, broadcast_id: str) -> None:
        """Raise Expired if the broadcast was stopped, LedgerError if the table cannot be asked."""
        answer = self._of(broadcast_id).get(
            lambda known: time.monotonic() - known.asked_at <= _AGE, lambda: self._ask(broadcast_id)
        )
        if answer.stopped:
            raise Expired(f"the broadcast {broadcast_id} was stopped")

    def _of(self, broadcast_id: str) -> Kept[_Answer]:
        with self._lock:
            if broadcast_id not in self._answers and len(self._answers) >= _MOST:
                # The one that was first asked for.
                del self._answers[next(iter(self._answers))]
            return self._answers.setdefault(broadcast_id, Kept())

    def _ask(self, broadcast_id: str) -> _Answer:
        try:
            item = self._client.get_item(
                TableName=self._table, Key={"pk": {"S": f"broadcast#{broadcast_id}"}}
            ).get("Item", {})
        except (ClientError, BotoCoreError) as error:
            raise LedgerError(f"the broadcast cannot be looked up: {type(error).__name__}") from None
        return _Answer(time.monotonic(), stopped=item.get("phase", {}).get("S") == "stopped")


def from_environment() -> StopSwitch:
    """Return the switch in the table LEDGER_TABLE."""
    return StopSwitch(aws.dynamodb(), os.environ["LEDGER_TABLE"])
