"""What a function makes from its environment variables, used on a real table and bucket."""

import runpy
import time
from typing import TYPE_CHECKING

import pytest

from kii_push import runtime
from kii_push.errors import Cancelled, KiiError, KiiUnreachable, Outcome, PushError
from kii_push.kii.client import KiiClient
from kii_push.push.ledger import Claim, Receipt
from local.settings import ROOT
from tests.delivery.broadcasting import MESSAGE, Sale, request_for
from tests.delivery.push_requests import BROADCAST, push

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch, sale: Sale, table: str) -> None:
    for name, value in {
        "KII_SECRET_ID": "missing",
        "KII_TOKEN_SECRET_ID": "missing",
        "LEDGER_TABLE": table,
        "IN_FLIGHT_SECONDS": "100",
        "LEDGER_DAYS": "20",
        "PUSHES_PER_SECOND": "7",
        "KII_DEFAULT_NETWORKS": "fcm,apns",
        "KII_RULES": "new",
        "BROADCAST_BUCKET": sale.bucket,
        "FAN_OUT_QUEUE_URL": sale.positions.url,
        "CONFIRM_ABOVE": "100",
    }.items():
        monkeypatch.setenv(name, value)


def test_the_ledger_is_in_the_table_and_has_the_times(dynamodb: "DynamoDBClient", table: str) -> None:
    assert isinstance(runtime.ledger().claim(push()), Claim)
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert int(item["heldUntil"]["N"]) == pytest.approx(time.time() + 100, abs=5)
    assert int(item["expires"]["N"]) == pytest.approx(time.time() + 20 * 86_400, abs=10)


def test_the_rate_is_counted_in_the_table(
    kii_client: KiiClient, dynamodb: "DynamoDBClient", table: str
) -> None:
    assert runtime.delivery(kii_client).deliver(push()) == Receipt("m-1")
    used = [item["used"]["N"] for item in dynamodb.scan(TableName=table)["Items"] if "used" in item]
    assert used == ["1"]


def test_a_stop_is_looked_up_in_the_table(kii_client: KiiClient, sale: Sale) -> None:
    assert sale.broadcasts.accept(request_for("u-1"))
    assert sale.broadcasts.stop("sale")
    with pytest.raises(Cancelled, match="sale"):
        runtime.delivery(kii_client).deliver(push("broadcast:sale:1", broadcast="sale", origin=BROADCAST))


def test_kii_is_asked_for_the_app_in_the_secret() -> None:
    kii_client = runtime.kii_client(runtime.call_counter())
    with pytest.raises(PushError, match="secret missing refused") as caught:
        runtime.delivery(kii_client).deliver(push())
    assert caught.value.outcome == Outcome.NOT_SENT
    assert not isinstance(caught.value, KiiError | KiiUnreachable)


def test_broadcasts_are_kept_in_the_table_and_the_bucket(sale: Sale) -> None:
    app = runpy.run_path(str(ROOT / "functions/broadcasts/app.py"))
    assert app["broadcasts"].accept(request_for("u-1"))
    assert sale.broadcasts.job("sale").message == MESSAGE
    assert sale.progress().status == "queueing"
