"""How often a push is tried: fifty times if Kii did not take it, three if Kii may have."""

import time
from typing import TYPE_CHECKING

import httpx
import pytest

from kii_push.errors import (
    BreakerOpen,
    Cancelled,
    DoubtRemains,
    Expired,
    KiiUnreachable,
    LedgerError,
    NoAnswer,
    Outcome,
    PushError,
    RateExceeded,
    SecretError,
    kii_error,
)
from kii_push.push.ledger import MAX_DOUBTS, MAX_TRIES, Ledger, Receipt
from kii_push.queues.unattended import MAX_WAIT_DAYS, Settlement, UnattendedDelivery
from tests.delivery.claims import claimed, ended, found
from tests.delivery.push_requests import HTTPS, as_text, push, queued
from tests.doubles.scripted_kii import ScriptedKii, answer, fail

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from kii_push.push.request import Origin
    from tests.support import Queue

DAY = 86_400


def fail_so_often(ledger: Ledger, times: int, **more: "str | Origin") -> None:
    """Let a push be tried so often, and never be taken by Kii."""
    for _ in range(times):
        ended(ledger, KiiUnreachable("no connection"), **more)


def test_the_fiftieth_try_that_was_not_sent_exhausts_the_push(ledger: Ledger) -> None:
    fail_so_often(ledger, MAX_TRIES - 1)
    assert found(ledger).outcome == "not_sent"

    end = ended(ledger, KiiUnreachable("no connection"))

    assert MAX_TRIES == 50
    assert isinstance(end, PushError)
    assert (end.outcome, end.reason) == (Outcome.EXHAUSTED, "no connection; this was try 50")
    record = found(ledger)
    assert (record.outcome, record.reason, record.attempts) == ("exhausted", end.reason, 50)


@pytest.mark.parametrize(
    "error", [BreakerOpen(9), RateExceeded("used up"), LedgerError("throttled"), SecretError("missing")]
)
def test_what_did_not_ask_kii_is_no_try(ledger: Ledger, error: PushError) -> None:
    for _ in range(3):
        ended(ledger, error)
    fail_so_often(ledger, MAX_TRIES - 1)

    assert ended(ledger, error) is error, "the fiftieth claim, but not the fiftieth try"
    assert found(ledger).outcome == "not_sent"
    fail_so_often(ledger, 1)
    assert found(ledger).outcome == "exhausted"


def test_an_exhausted_push_that_is_put_back_has_all_its_tries_again(ledger: Ledger) -> None:
    fail_so_often(ledger, MAX_TRIES)

    fail_so_often(ledger, MAX_TRIES - 1)
    assert found(ledger).outcome == "not_sent"
    fail_so_often(ledger, 1)
    assert (found(ledger).outcome, found(ledger).attempts) == ("exhausted", 100)
    ended(ledger, Receipt("m-1"))
    assert found(ledger).outcome == "sent"


@pytest.mark.parametrize("error", [kii_error(400, "INVALID_INPUT_DATA"), Expired("too late")])
def test_the_next_push_under_an_id_that_is_free_has_tries_of_its_own(
    ledger: Ledger, error: PushError
) -> None:
    fail_so_often(ledger, MAX_TRIES - 2)
    ended(ledger, error)

    assert claimed(ledger, text="corrected").tries == 1


def test_a_caller_by_https_tries_as_often_as_they_like(ledger: Ledger) -> None:
    fail_so_often(ledger, MAX_TRIES + 2, origin=HTTPS)

    assert (found(ledger).outcome, found(ledger).attempts) == ("not_sent", 52)


def test_an_exhausted_push_is_a_dead_letter(
    ledger: Ledger, kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: "Queue"
) -> None:
    fail_so_often(ledger, MAX_TRIES - 1)
    kii.answers.append(answer(503))

    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.EXHAUSTED)
    [letter] = dead_letters.messages()
    assert letter["MessageAttributes"]["outcome"]["StringValue"] == found(ledger).outcome == "exhausted"
    assert unattended.deliver(queued(letter["Body"])) == Settlement(Outcome.SENT)


@pytest.mark.parametrize("age", [MAX_WAIT_DAYS * DAY + 1, 12 * DAY])
def test_a_push_that_waited_for_eleven_days_is_given_up_without_asking_kii(
    ledger: Ledger, kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: "Queue", age: int
) -> None:
    fail_so_often(ledger, 1)

    settlement = unattended.deliver(queued(as_text(), queued_at=time.time() - age))

    assert settlement == Settlement(Outcome.EXHAUSTED)
    assert not kii.sent
    assert found(ledger).outcome == "exhausted"
    assert found(ledger).reason == "it waited on its queue for 11 days"
    [letter] = dead_letters.messages()
    assert letter["MessageAttributes"]["outcome"]["StringValue"] == "exhausted"


def test_a_push_that_waited_for_less_is_sent(kii: ScriptedKii, unattended: UnattendedDelivery) -> None:
    settlement = unattended.deliver(queued(as_text(), queued_at=time.time() - MAX_WAIT_DAYS * DAY + 60))

    assert settlement == Settlement(Outcome.SENT)
    assert len(kii.sent) == 1


def test_an_old_message_of_a_push_that_came_to_its_end_changes_nothing(
    ledger: Ledger, unattended: UnattendedDelivery, dead_letters: "Queue"
) -> None:
    ended(ledger, Receipt("m-1"))
    old = time.time() - 12 * DAY

    assert unattended.deliver(queued(as_text(), queued_at=old)) == Settlement(Outcome.DUPLICATE)
    too_late = as_text("p-2", notAfter="2020-01-01T00:00:00Z")
    assert unattended.deliver(queued(too_late, queued_at=old)) == Settlement(Outcome.EXPIRED)
    assert not dead_letters.messages()


def test_an_old_push_that_may_have_reached_kii_stays_unknown(
    ledger: Ledger, unattended: UnattendedDelivery, dead_letters: "Queue"
) -> None:
    ended(ledger, NoAnswer("timeout"))

    settlement = unattended.deliver(queued(as_text(onUnknown="resend"), queued_at=time.time() - 12 * DAY))

    assert settlement == Settlement(Outcome.UNKNOWN)
    assert found(ledger).outcome == "unknown"
    [letter] = dead_letters.messages()
    assert letter["MessageAttributes"]["outcome"]["StringValue"] == "unknown"


def test_a_push_is_resent_until_kii_may_have_taken_it_three_times(
    ledger: Ledger, kii: ScriptedKii, unattended: UnattendedDelivery, dead_letters: "Queue"
) -> None:
    asked: list[httpx.Request] = []
    kii.before = asked.append
    kii.answers += [fail(httpx.ReadTimeout)] * 10
    resend = queued(as_text(onUnknown="resend"))

    settlements = [unattended.deliver(resend) for _ in range(6)]

    assert MAX_DOUBTS == 3
    assert len(asked) == 3
    assert settlements[:3] == [Settlement(Outcome.UNKNOWN, retry=True)] * 3
    assert settlements[3:] == [Settlement(Outcome.UNKNOWN)] * 3
    assert found(ledger).outcome == "unknown"
    letter = dead_letters.messages()[0]
    assert letter["MessageAttributes"]["reason"]["StringValue"] == "3 tries of this push may have reached Kii"


def test_what_kii_provably_did_not_take_is_no_delivery(
    kii: ScriptedKii, unattended: UnattendedDelivery
) -> None:
    kii.answers += [fail(httpx.ReadTimeout), *[fail(httpx.ConnectError)] * 5, fail(httpx.ReadTimeout)]
    resend = queued(as_text(onUnknown="resend"))

    settlements = [unattended.deliver(resend) for _ in range(8)]

    assert [each.retry for each in settlements] == [True] * 7 + [False]
    assert settlements[7] == Settlement(Outcome.SENT)


def test_a_sender_that_died_counts_as_a_delivery(table: str, dynamodb: "DynamoDBClient") -> None:
    ledger = Ledger(dynamodb, table, in_flight_seconds=0, days=30)
    for _ in range(MAX_DOUBTS):
        claimed(ledger, onUnknown="resend")

    with pytest.raises(DoubtRemains, match="3 tries of this push may have reached Kii"):
        ledger.claim(push(onUnknown="resend"))
    assert found(ledger).outcome == "unknown"


def test_a_push_that_is_in_doubt_and_out_of_tries_is_held(ledger: Ledger) -> None:
    fail_so_often(ledger, MAX_TRIES - 2)
    ended(ledger, NoAnswer("timeout"))

    end = ended(ledger, KiiUnreachable("no connection"), onUnknown="resend")

    assert isinstance(end, DoubtRemains), "for a person, and not to be retried"
    assert end.reason == "no connection; an earlier try may have reached Kii"
    assert found(ledger).outcome == "unknown"


def test_a_cancelled_push_is_never_begun_again(ledger: Ledger) -> None:
    ended(ledger, Cancelled("the broadcast sale was stopped"))

    for on_unknown in ("hold", "resend"):
        with pytest.raises(Cancelled, match="the broadcast sale was stopped"):
            ledger.claim(push(onUnknown=on_unknown))
