"""Count the calls of Kii in a month: Kii bills them."""

import functools
import os
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws, observability

if TYPE_CHECKING:
    import httpx
    from mypy_boto3_dynamodb import DynamoDBClient

# An environment writes its count after so many calls or seconds: not every send waits for it.
_CALLS = 10
_SECONDS = 60
_KEPT = 400 * 86_400


class CallCounter:
    """Counts requests as httpx sends them, and adds them to the month's item in the ledger's table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table
        self._lock = threading.Lock()
        self._calls = 0
        self._written_at = float("-inf")

    def __call__(self, _request: "httpx.Request") -> None:
        """Count one request; an httpx event hook."""
        with self._lock:
            self._calls += 1

    def write(self) -> None:
        """Add what was counted to the month and report the month's sum, unless it is too soon.

        A failure is logged and the count kept: a push that was sent must not fail for it.
        """
        with self._lock:
            calls = self._calls
            if not calls or (calls < _CALLS and time.monotonic() - self._written_at < _SECONDS):
                return
            self._calls = 0
            self._written_at = time.monotonic()
        month = datetime.now(UTC).strftime("%Y-%m")
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"calls#{month}"}},
                UpdateExpression="SET expires = :expires ADD calls :calls",
                ExpressionAttributeValues={
                    ":calls": {"N": str(calls)},
                    ":expires": {"N": str(int(time.time()) + _KEPT)},
                },
                ReturnValues="UPDATED_NEW",
            )
        except (ClientError, BotoCoreError) as error:
            with self._lock:
                self._calls += calls
            observability.crashed(error)
            return
        observability.calls_this_month(int(answer["Attributes"]["calls"]["N"]))


@functools.cache
def from_environment() -> CallCounter:
    """Return the counter of this environment's calls, in the table LEDGER_TABLE."""
    return CallCounter(aws.dynamodb(), os.environ["LEDGER_TABLE"])
