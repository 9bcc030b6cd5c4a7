"""The count of the month's calls of Kii."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kii_push.common import calls
from kii_push.common.calls import CallCounter
from kii_push.common.observability import metrics
from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource
from tests.doubles.aws_clients import patched, refused
from tests.doubles.scripted_kii import ScriptedKii, StubSecret

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUEST = httpx.Request("GET", "https://kii.test")


def counted(dynamodb: "DynamoDBClient", table: str) -> int:
    month = datetime.now(UTC).strftime("%Y-%m")
    item = dynamodb.get_item(TableName=table, Key={"pk": {"S": f"calls#{month}"}}).get("Item")
    return int(item["calls"]["N"]) if item else 0


def test_every_request_counts_the_login_too(dynamodb: "DynamoDBClient", table: str, kii: ScriptedKii) -> None:
    counter = CallCounter(dynamodb, table)
    http = http_client(httpx.MockTransport(kii), on_request=counter)
    client = KiiClient(CredentialsSource("secret", StubSecret()), http)  # type: ignore[arg-type]
    client.send_to_user("u-2", {})
    client.send_to_user("u-2", {})
    counter.write()
    assert counted(dynamodb, table) == 3
    assert "calls_this_month" in str(metrics.metric_set)


def test_a_busy_environment_writes_every_ten_calls(dynamodb: "DynamoDBClient", table: str) -> None:
    counter = CallCounter(dynamodb, table)
    for expected in [1, *[1] * 9, 11]:
        counter(REQUEST)
        counter.write()
        assert counted(dynamodb, table) == expected


def test_a_minute_is_long_enough(
    dynamodb: "DynamoDBClient", table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = CallCounter(dynamodb, table)
    monkeypatch.setattr(calls, "_WRITE_SECONDS", 0)
    for expected in (1, 2):
        counter(REQUEST)
        counter.write()
        assert counted(dynamodb, table) == expected


def test_nothing_counted_writes_nothing(dynamodb: "DynamoDBClient", table: str) -> None:
    CallCounter(dynamodb, table).write()
    assert counted(dynamodb, table) == 0


def test_a_count_that_cannot_be_written_is_kept(
    dynamodb: "DynamoDBClient", table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_WRITE_SECONDS", 0)
    updates = iter([refused("ResourceNotFoundException"), dynamodb.update_item])

    def update_item(**call: Any) -> Any:
        return next(updates)(**call)

    counter = CallCounter(patched(dynamodb, update_item=update_item), table)
    counter(REQUEST)
    counter.write()
    assert counted(dynamodb, table) == 0
    counter.write()
    assert counted(dynamodb, table) == 1
