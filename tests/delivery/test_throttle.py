"""The throttle in front of Kii: one breaker and one rate for all environments."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base

from kii_push.errors import (
    BreakerOpen,
    KiiError,
    LedgerError,
    Outcome,
    RateExceeded,
    TooManyRequests,
    kii_error,
)
from kii_push.kii.client import KiiClient
from kii_push.push import throttle
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger
from kii_push.push.preflight import Preflight
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Throttle
from tests.delivery.push_requests import BROADCAST, push
from tests.doubles.aws_clients import patched, refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def answer_429() -> str:
    raise kii_error(429, None)


def accept() -> str:
    return "m-1"


@pytest.fixture(autouse=True)
def _fresh_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what Powertools counted for the tests before, in this process."""
    for counters in ("_LOCAL_FAILURES", "_LOCAL_SUCCESSES", "_LAST_OBSERVED_STATE"):
        monkeypatch.setattr(base, counters, {})


@pytest.fixture
def short_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the breaker try again after a second."""
    monkeypatch.setattr(throttle, "RECOVERY_SECONDS", 1)


@pytest.mark.usefixtures("short_recovery")
def test_one_429_stops_every_environment_until_a_probe_succeeds(
    dynamodb: "DynamoDBClient", table: str
) -> None:
    here, elsewhere = Throttle(dynamodb, table, 0), Throttle(dynamodb, table, 0)
    with pytest.raises(TooManyRequests):
        here.send(answer_429)
    for each in (here, elsewhere):
        with pytest.raises(BreakerOpen) as caught:
            each.send(accept)
        assert 1 <= (caught.value.retry_after or 0) <= throttle.PROBE_SECONDS
    time.sleep(2)
    assert elsewhere.send(accept) == "m-1"
    time.sleep(1.1)  # as old as the state that `here` may still go by
    assert here.send(accept) == "m-1"


@pytest.mark.usefixtures("short_recovery")
def test_a_probe_that_is_refused_opens_the_breaker_again(dynamodb: "DynamoDBClient", table: str) -> None:
    one = Throttle(dynamodb, table, 0)
    with pytest.raises(TooManyRequests):
        one.send(answer_429)
    time.sleep(2)
    with pytest.raises(TooManyRequests):
        one.send(answer_429)
    with pytest.raises(BreakerOpen):
        one.send(accept)


@pytest.mark.usefixtures("short_recovery")
@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_a_probe_that_kii_answers_otherwise_closes_the_breaker(
    dynamodb: "DynamoDBClient", table: str, status: int
) -> None:
    one, other = Throttle(dynamodb, table, 0), Throttle(dynamodb, table, 0)
    with pytest.raises(TooManyRequests):
        one.send(answer_429)
    time.sleep(2)

    def answered() -> str:
        raise kii_error(status, None)

    with pytest.raises(KiiError):
        one.send(answered)
    assert other.send(accept) == "m-1"


@pytest.mark.usefixtures("short_recovery")
def test_the_probe_of_a_sender_that_died_is_taken_over(dynamodb: "DynamoDBClient", table: str) -> None:
    dying, other = Throttle(dynamodb, table, 0), Throttle(dynamodb, table, 0)
    with pytest.raises(TooManyRequests):
        dying.send(answer_429)
    time.sleep(2)

    def dies() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dying.send(dies)
    with ThreadPoolExecutor(1) as another_sender:
        with pytest.raises(BreakerOpen) as caught:
            another_sender.submit(other.send, accept).result()
        assert caught.value.retry_after == throttle.PROBE_SECONDS
        time.sleep(2)
        assert another_sender.submit(other.send, accept).result() == "m-1"


@pytest.mark.usefixtures("short_recovery")
def test_a_prober_that_cannot_be_elected_does_not_send(dynamodb: "DynamoDBClient", table: str) -> None:
    with pytest.raises(TooManyRequests):
        Throttle(dynamodb, table, 0).send(answer_429)
    time.sleep(2)
    one = Throttle(patched(dynamodb, put_item=refused("ThrottlingException")), table, 0)
    with pytest.raises(BreakerOpen):
        one.send(accept)
    assert Throttle(dynamodb, table, 0).send(accept) == "m-1", "it may be probed"


def test_other_errors_leave_the_breaker_closed(dynamodb: "DynamoDBClient", table: str) -> None:
    one = Throttle(dynamodb, table, 0)

    def fail() -> str:
        raise kii_error(503, None)

    for _ in range(10):
        with pytest.raises(KiiError):
            one.send(fail)
    assert one.send(accept) == "m-1"


def test_the_rate_is_shared(dynamodb: "DynamoDBClient", table: str) -> None:
    throttles = [Throttle(dynamodb, table, 5), Throttle(dynamodb, table, 5)]
    with ThreadPoolExecutor(12) as threads:
        went = list(
            threads.map(lambda number: (throttles[number % 2].send(accept), int(time.time())), range(12))
        )
    assert len(went) == 12
    seconds = [item for item in dynamodb.scan(TableName=table)["Items"] if "used" in item]
    counts = [int(item["used"]["N"]) for item in seconds]
    assert sum(counts) == 12
    assert max(counts) <= 5
    for item in seconds:
        assert int(item["expires"]["N"]) == pytest.approx(time.time() + 3600, abs=60)


def test_broadcasts_leave_room_for_single_pushes(
    dynamodb: "DynamoDBClient", table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_WAIT_SECONDS", 0)
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.5)  # all in one second
    one = Throttle(dynamodb, table, 5)
    for _ in range(4):
        one.send(accept, broadcast=True)
    with pytest.raises(RateExceeded):
        one.send(accept, broadcast=True)
    assert one.send(accept) == "m-1"
    with pytest.raises(RateExceeded):
        one.send(accept)


def test_the_pushes_of_a_broadcast_leave_room_for_a_single_one(
    kii_client: KiiClient,
    ledger: Ledger,
    stop_switch: StopSwitch,
    dynamodb: "DynamoDBClient",
    table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(throttle, "MAX_WAIT_SECONDS", 0)
    at_five = Throttle(dynamodb, table, 5)
    # All in one second; the ledger, whose claims end by the clock, takes any.
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.5)
    delivery = Delivery(kii_client, ledger, at_five, stop_switch, Preflight())
    of_a_broadcast = [
        push(f"broadcast:sale:{line}", broadcast="sale", origin=BROADCAST) for line in range(1, 6)
    ]

    for each in of_a_broadcast[:4]:
        assert delivery.deliver(each).outcome == Outcome.SENT
    with pytest.raises(RateExceeded):
        delivery.deliver(of_a_broadcast[4])
    assert delivery.deliver(push()).outcome == Outcome.SENT


def test_a_push_that_finds_no_room_in_the_rate_is_given_back(
    dynamodb: "DynamoDBClient", table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "MAX_WAIT_SECONDS", 0)
    one = Throttle(dynamodb, table, 1)
    with ThreadPoolExecutor(4) as threads:
        tries = [threads.submit(one.send, accept) for _ in range(4)]
    errors = [error for each in tries if (error := each.exception())]
    assert errors
    assert all(isinstance(error, RateExceeded) and error.retry_after == 1 for error in errors)


def test_a_rate_that_cannot_be_read_lets_nothing_through(dynamodb: "DynamoDBClient") -> None:
    with pytest.raises(LedgerError):
        Throttle(dynamodb, "missing", 5).send(accept)
