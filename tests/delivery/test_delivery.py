"""Delivery: one test a row of the table of outcomes (docs/architecture.md, "Outcomes")."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import httpx
import pytest

from kii_push.errors import (
    Expired,
    InFlight,
    InvalidRequest,
    LedgerError,
    NoAnswer,
    Outcome,
    PushError,
)
from kii_push.kii.client import KiiClient
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger, Receipt
from kii_push.push.preflight import Preflight
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Throttle
from tests.delivery.claims import ended
from tests.delivery.push_requests import body, push
from tests.doubles.aws_clients import patched, refused
from tests.doubles.scripted_kii import Answer, ScriptedKii, answer, fail

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


ROWS = [
    ("refused connection", fail(httpx.ConnectError), Outcome.NOT_SENT),
    ("slow connection", fail(httpx.ConnectTimeout), Outcome.NOT_SENT),
    ("no free connection", fail(httpx.PoolTimeout), Outcome.NOT_SENT),
    ("429", answer(429), Outcome.NOT_SENT),
    ("503", answer(503), Outcome.NOT_SENT),
    ("no answer in time", fail(httpx.ReadTimeout), Outcome.UNKNOWN),
    ("broken while reading", fail(httpx.ReadError), Outcome.UNKNOWN),
    ("broken while writing", fail(httpx.WriteError), Outcome.UNKNOWN),
    ("cut without an answer", fail(httpx.RemoteProtocolError), Outcome.UNKNOWN),
    ("500", answer(500), Outcome.UNKNOWN),
    ("502", answer(502), Outcome.UNKNOWN),
    ("504", answer(504), Outcome.UNKNOWN),
    ("400", answer(400, errorCode="INVALID_INPUT_DATA"), Outcome.REJECTED),
    ("401", answer(401, errorCode="UNAUTHORIZED"), Outcome.REJECTED),
    ("404", answer(404, errorCode="USER_NOT_FOUND"), Outcome.REJECTED),
]


@pytest.mark.parametrize(("scripted", "outcome"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_each_failure_has_its_outcome_and_is_recorded(
    kii: ScriptedKii,
    delivery: Delivery,
    ledger: Ledger,
    scripted: Answer,
    outcome: Outcome,
) -> None:
    kii.answers.append(scripted)
    with pytest.raises(PushError) as caught:
        delivery.deliver(push())
    assert caught.value.outcome == outcome
    found = ledger.find("p-1")
    assert found
    assert (found.outcome, found.error_code) == (outcome.value, caught.value.error_code)


def test_sent_then_duplicate(kii: ScriptedKii, delivery: Delivery) -> None:
    assert delivery.deliver(push()) == Receipt("m-1")
    assert delivery.deliver(push()) == Receipt("m-1", replayed=True)
    assert len(kii.sent) == 1


def test_a_topic_push_goes_to_its_topic(kii: ScriptedKii, delivery: Delivery) -> None:
    paths: list[str] = []
    kii.before = lambda request: paths.append(request.url.path)
    delivery.deliver(push(target={"topic": "news", "group": "team"}))
    assert paths == ["/api/apps/app/groups/team/topics/news/push/messages"]


def test_a_push_to_everybody_needs_a_confirm_and_may_get_it_under_its_id(
    kii: ScriptedKii, delivery: Delivery, ledger: Ledger
) -> None:
    with pytest.raises(InvalidRequest, match="confirm: must be true"):
        delivery.deliver(push(target={"topic": "news"}))
    found = ledger.find("p-1")
    assert found
    assert found.outcome == "rejected"
    assert not kii.sent
    assert delivery.deliver(push(target={"topic": "news"}, confirm=True)) == Receipt("m-1")


def test_a_push_past_its_time_is_dropped_and_recorded(
    kii: ScriptedKii, delivery: Delivery, ledger: Ledger
) -> None:
    with pytest.raises(Expired, match="2020-01-01T00:00:00"):
        delivery.deliver(push(notAfter="2020-01-01T00:00:00Z"))
    found = ledger.find("p-1")
    assert found
    assert found.outcome == "expired"
    assert not kii.sent


def test_a_push_that_gets_too_late_on_its_way_to_kii_is_not_sent(
    kii: ScriptedKii,
    kii_client: KiiClient,
    ledger: Ledger,
    stop_switch: StopSwitch,
    dynamodb: "DynamoDBClient",
    table: str,
) -> None:
    class Slow(Throttle):
        """Lets a push wait for its place in the rate."""

        def send[T](self, send: Callable[[], T], *, broadcast: bool = False) -> T:
            time.sleep(1.1)
            return super().send(send, broadcast=broadcast)

    delivery = Delivery(kii_client, ledger, Slow(dynamodb, table, 0), stop_switch, Preflight())
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    with pytest.raises(Expired):
        delivery.deliver(push(notAfter=soon))
    assert not kii.sent


def test_a_broken_rule_is_rejected_without_asking_kii(
    kii: ScriptedKii, delivery: Delivery, ledger: Ledger
) -> None:
    message = body()["message"] | {"data": {"from": "me"}}
    with pytest.raises(InvalidRequest, match=r"message\.data\.from"):
        delivery.deliver(push(message=message))
    found = ledger.find("p-1")
    assert found
    assert found.outcome == "rejected"
    assert not kii.sent


def test_unknown_is_held_until_resend_is_asked_for(kii: ScriptedKii, delivery: Delivery) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    for _ in range(2):
        with pytest.raises(NoAnswer):
            delivery.deliver(push())
    assert not kii.sent
    assert delivery.deliver(push(onUnknown="resend")) == Receipt("m-1")


def test_fifty_requests_with_one_id_are_one_push(kii: ScriptedKii, delivery: Delivery) -> None:
    everyone_asked = threading.Event()
    kii.before = lambda _: everyone_asked.wait(10)
    start = threading.Barrier(50)
    answers = 0
    lock = threading.Lock()

    def send(_: int) -> Receipt | str:
        nonlocal answers
        start.wait()
        try:
            return delivery.deliver(push())
        except InFlight as error:
            return type(error).__name__
        finally:
            with lock:
                answers += 1
                if answers == 49:
                    everyone_asked.set()

    with ThreadPoolExecutor(50) as threads:
        ends = list(threads.map(send, range(50)))
    assert len(kii.sent) == 1
    assert ends.count("InFlight") == 49
    assert Receipt("m-1") in ends


def test_without_a_ledger_nothing_is_sent(
    kii: ScriptedKii,
    kii_client: KiiClient,
    throttle: Throttle,
    stop_switch: StopSwitch,
    dynamodb: "DynamoDBClient",
) -> None:
    ledger = Ledger(dynamodb, "missing", in_flight_seconds=960, days=30)
    with pytest.raises(LedgerError):
        Delivery(kii_client, ledger, throttle, stop_switch, Preflight()).deliver(push())
    assert not kii.sent


def test_a_push_whose_end_cannot_be_recorded_has_come_to_it(
    kii: ScriptedKii,
    kii_client: KiiClient,
    throttle: Throttle,
    stop_switch: StopSwitch,
    dynamodb: "DynamoDBClient",
    table: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def update_item(**call: Any) -> Any:
        update = refused("ThrottlingException") if kii.sent else dynamodb.update_item
        return update(**call)

    ledger = Ledger(patched(dynamodb, update_item=update_item), table, in_flight_seconds=960, days=30)
    delivery = Delivery(kii_client, ledger, throttle, stop_switch, Preflight())
    assert delivery.deliver(push()) == Receipt("m-1")
    assert "unsettled" in caplog.messages


def test_a_doubtful_push_whose_end_cannot_be_recorded_is_unknown(
    kii: ScriptedKii,
    kii_client: KiiClient,
    throttle: Throttle,
    stop_switch: StopSwitch,
    ledger: Ledger,
    dynamodb: "DynamoDBClient",
    table: str,
) -> None:
    def update_item(**call: Any) -> Any:
        update = dynamodb.update_item if kii.answers else refused("ThrottlingException")
        return update(**call)

    ended(ledger, NoAnswer("timeout"))
    failing = Ledger(patched(dynamodb, update_item=update_item), table, in_flight_seconds=960, days=30)
    kii.answers.append(answer(503))
    with pytest.raises(NoAnswer, match=r"Kii answered 503 .*; an earlier try may have reached Kii"):
        Delivery(kii_client, failing, throttle, stop_switch, Preflight()).deliver(push(onUnknown="resend"))


def test_a_fault_of_our_own_leaves_the_push_in_flight(
    kii: ScriptedKii, delivery: Delivery, ledger: Ledger
) -> None:
    def crash(_: httpx.Request) -> NoReturn:
        raise ZeroDivisionError

    kii.before = crash
    with pytest.raises(ZeroDivisionError):
        delivery.deliver(push())
    with pytest.raises(InFlight):
        ledger.claim(push())
