"""Whether a broadcast was stopped; the table is asked at most every two seconds."""

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kii_push.common import aws, table
from kii_push.common.single_flight import SingleFlight
from kii_push.errors import Cancelled, LedgerError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# How long an answer of the table is used.
_MAX_AGE_SECONDS = 2
# An environment seldom sends pushes of more than a few broadcasts at once.
_MAX_CACHED_BROADCASTS = 100


@dataclass(frozen=True)
class _Known:
    read_at: float
    stopped: bool


class StopSwitch:
    """Knows which broadcasts were stopped. Safe to share between threads."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name
        self._lock = threading.Lock()
        self._known: dict[str, SingleFlight[_Known]] = {}

    def check(self, broadcast_id: str) -> None:
        """Raise Cancelled if the broadcast was stopped, LedgerError if the table cannot be read."""
        known = self._of(broadcast_id).get(
            lambda known: time.monotonic() - known.read_at <= _MAX_AGE_SECONDS,
            lambda: self._read(broadcast_id),
        )
        if known.stopped:
            raise Cancelled(f"the broadcast {broadcast_id} was stopped")

    def _of(self, broadcast_id: str) -> SingleFlight[_Known]:
        with self._lock:
            if broadcast_id not in self._known and len(self._known) >= _MAX_CACHED_BROADCASTS:
                # The one that was looked up first.
                del self._known[next(iter(self._known))]
            return self._known.setdefault(broadcast_id, SingleFlight())

    def _read(self, broadcast_id: str) -> _Known:
        with aws.failing_as(LedgerError, "the ledger"):
            found = self._client.get_item(TableName=self._table_name, Key=table.broadcast_key(broadcast_id))
        phase = found.get("Item", {}).get("phase", {}).get("S")
        return _Known(time.monotonic(), stopped=phase == "stopped")
