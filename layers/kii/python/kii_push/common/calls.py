"""Count the calls of Kii in a month: Kii bills them."""

import threading
import time
from typing import TYPE_CHECKING

from kii_push.common import aws, observability, table
from kii_push.errors import LedgerError

if TYPE_CHECKING:
    import httpx
    from mypy_boto3_dynamodb import DynamoDBClient

# Write the count every 10 calls or 60 s, so that most sends need not wait for it.
_CALLS_PER_WRITE = 10
_WRITE_SECONDS = 60


class CallCounter:
    """Counts requests as httpx sends them, and adds them to the month's item in the table."""

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name
        self._lock = threading.Lock()
        self._calls = 0
        self._written_at = float("-inf")

    def __call__(self, _request: "httpx.Request") -> None:
        """Count one request; an httpx event hook."""
        with self._lock:
            self._calls += 1

    def write(self) -> None:
        """Add the count to the month's and report the month's sum, unless it is too soon.

        A failure is logged and the count kept: a push that was sent must not fail because of it.
        """
        with self._lock:
            calls = self._calls
            soon = time.monotonic() - self._written_at < _WRITE_SECONDS
            if not calls or (calls < _CALLS_PER_WRITE and soon):
                return
            self._calls = 0
            self._written_at = time.monotonic()
        try:
            with aws.failing_as(LedgerError, "the ledger"):
                answer = self._client.update_item(
                    TableName=self._table_name,
                    Key=table.calls_key(),
                    UpdateExpression="SET expires = :expires ADD calls :calls",
                    ExpressionAttributeValues={
                        ":calls": {"N": str(calls)},
                        ":expires": table.expires(days=table.CALLS_DAYS),
                    },
                    ReturnValues="UPDATED_NEW",
                )
        except LedgerError as error:
            with self._lock:
                self._calls += calls
            observability.crashed(error)
            return
        observability.calls_this_month(int(answer["Attributes"]["calls"]["N"]))
