"""Delivery: one test a row of the table of outcomes (design section 4)."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import NoReturn

import httpx
import pytest

from kii_push import runtime
from kii_push.common import aws, calls
from kii_push.errors import (
    Expired,
    InFlight,
    InvalidRequest,
    KiiError,
    KiiUnreachable,
    LedgerError,
    NoAnswer,
    Outcome,
    PushError,
)
from kii_push.kii.client import KiiClient
from kii_push.push.delivery import Delivery, from_environment
from kii_push.push.ledger import Ledger, Receipt
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Throttle
from tests.delivery.conftest import Kii, body, push


def answer(status: int, **content: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, json=content)


def fail(error: type[httpx.RequestError]) -> Callable[[httpx.Request], NoReturn]:
    def raised(asked: httpx.Request) -> NoReturn:
        raise error("", request=asked)

    return raised


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


@pytest.mark.parametrize(("kiis_answer", "outcome"), [pytest.param(*row[1:], id=row[0]) for row in ROWS])
def test_each_failure_has_its_outcome_and_is_recorded(
    kii: Kii,
    pushes: Delivery,
    ledger: Ledger,
    kiis_answer: Callable[[httpx.Request], httpx.Response],
    outcome: Outcome,
) -> None:
    kii.answers.append(kiis_answer)
    with pytest.raises(PushError) as caught:
        pushes.deliver(push())
    assert caught.value.outcome == outcome
    found = ledger.find("p-1")
    assert found
    assert (found.outcome, found.error_code) == (outcome, caught.value.error_code)


def test_sent_then_duplicate(kii: Kii, pushes: Delivery) -> None:
    assert pushes.deliver(push()) == Receipt("m-1")
    assert pushes.deliver(push()) == Receipt("m-1", replayed=True)
    assert len(kii.sent) == 1


def test_a_topic_push_goes_to_its_topic(kii: Kii, pushes: Delivery) -> None:
    asked: list[str] = []
    kii.before = lambda request: asked.append(request.url.path)
    pushes.deliver(push(target={"topic": "news", "group": "team"}))
    assert asked == ["/api/apps/app/groups/team/topics/news/push/messages"]


def test_a_push_to_everybody_needs_a_confirm_and_may_get_it_under_its_id(
    kii: Kii, pushes: Delivery, ledger: Ledger
) -> None:
    with pytest.raises(InvalidRequest, match="confirm: must be true"):
        pushes.deliver(push(target={"topic": "news"}))
    found = ledger.find("p-1")
    assert found
    assert found.outcome == Outcome.REJECTED
    assert not kii.sent
    assert pushes.deliver(push(target={"topic": "news"}, confirm=True)) == Receipt("m-1")


def test_a_push_past_its_time_is_dropped_and_recorded(kii: Kii, pushes: Delivery, ledger: Ledger) -> None:
    with pytest.raises(Expired, match="2020-01-01T00:00:00"):
        pushes.deliver(push(notAfter="2020-01-01T00:00:00Z"))
    found = ledger.find("p-1")
    assert found
    assert found.outcome == Outcome.EXPIRED
    assert not kii.sent


def test_a_push_that_gets_too_late_on_its_way_to_kii_is_not_sent(
    kii: Kii, client: KiiClient, ledger: Ledger, table: str
) -> None:
    class Slow(Throttle):
        """Lets a push wait for its place in the rate."""

        def send[T](self, send: Callable[[], T], *, broadcast: bool = False) -> T:
            time.sleep(1.1)
            return super().send(send, broadcast=broadcast)

    pushes = Delivery(client, ledger, Slow(aws.dynamodb(), table, 0), StopSwitch(aws.dynamodb(), table))
    soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    with pytest.raises(Expired):
        pushes.deliver(push(notAfter=soon))
    assert not kii.sent


def test_a_broken_rule_is_rejected_without_asking_kii(kii: Kii, pushes: Delivery, ledger: Ledger) -> None:
    message = body()["message"] | {"data": {"from": "me"}}
    with pytest.raises(InvalidRequest, match=r"message\.data\.from"):
        pushes.deliver(push(message=message))
    found = ledger.find("p-1")
    assert found
    assert found.outcome == Outcome.REJECTED
    assert not kii.sent


def test_unknown_is_held_until_resend_is_asked_for(kii: Kii, pushes: Delivery) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    for _ in range(2):
        with pytest.raises(NoAnswer):
            pushes.deliver(push())
    assert not kii.sent
    assert pushes.deliver(push(onUnknown="resend")) == Receipt("m-1")


def test_fifty_requests_with_one_id_are_one_push(kii: Kii, pushes: Delivery) -> None:
    everyone_asked = threading.Event()
    kii.before = lambda _: everyone_asked.wait(10)
    start = threading.Barrier(50)
    answers = 0
    lock = threading.Lock()

    def send(_: int) -> Receipt | str:
        nonlocal answers
        start.wait()
        try:
            return pushes.deliver(push())
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


def test_without_a_ledger_nothing_is_sent(kii: Kii, client: KiiClient, table: str) -> None:
    ledger = Ledger(aws.dynamodb(), "missing", in_flight=960, days=30)
    with pytest.raises(LedgerError):
        Delivery(
            client, ledger, Throttle(aws.dynamodb(), table, 0), StopSwitch(aws.dynamodb(), table)
        ).deliver(push())
    assert not kii.sent


def test_a_push_whose_end_cannot_be_recorded_has_come_to_it(
    kii: Kii,
    pushes: Delivery,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    kii.before = lambda _: monkeypatch.setattr(ledger, "_table", "missing")
    assert pushes.deliver(push()) == Receipt("m-1")
    assert "unsettled" in caplog.messages


def test_a_fault_of_our_own_leaves_the_push_in_flight(kii: Kii, pushes: Delivery, ledger: Ledger) -> None:
    def crash(_: httpx.Request) -> NoReturn:
        raise ZeroDivisionError

    kii.before = crash
    with pytest.raises(ZeroDivisionError):
        pushes.deliver(push())
    with pytest.raises(InFlight):
        ledger.claim(push())


def test_the_environment_makes_all_three_parts(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KII_SECRET_ID": "missing",
        "LEDGER_TABLE": table,
        "IN_FLIGHT_SECONDS": "960",
        "LEDGER_DAYS": "30",
        "PUSHES_PER_SECOND": "0",
    }.items():
        monkeypatch.setenv(name, value)
    runtime.kii_client.cache_clear()
    calls.from_environment.cache_clear()
    with pytest.raises(PushError, match="secret missing cannot be read") as caught:
        from_environment().deliver(push())
    assert caught.value.outcome == Outcome.NOT_SENT
    assert not isinstance(caught.value, KiiError | KiiUnreachable)
