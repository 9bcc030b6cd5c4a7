"""The ledger on a real table: who may send, what is remembered, what is not."""

import contextlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError

from kii_push.common import table as ledger_table
from kii_push.errors import (
    Expired,
    IDConflict,
    InFlight,
    KiiError,
    KiiUnreachable,
    LedgerError,
    NoAnswer,
    Outcome,
    PushError,
)
from kii_push.push.ledger import Ledger, Receipt
from tests.delivery.claims import claimed, ended, found
from tests.delivery.push_requests import BROADCAST, push
from tests.doubles.aws_clients import patched, unreachable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_a_push_that_was_sent_is_answered_from_the_ledger(ledger: Ledger) -> None:
    ended(ledger, Receipt("m-1"))
    again = ledger.claim(push())
    assert again == Receipt("m-1", replayed=True)
    assert again.outcome == Outcome.DUPLICATE


def test_a_sent_push_without_a_readable_message_id_is_still_sent(ledger: Ledger) -> None:
    ended(ledger, Receipt(None))
    assert ledger.claim(push()) == Receipt(None, replayed=True)


def test_a_claim_whose_first_answer_got_lost_is_held(
    ledger: Ledger, dynamodb: "DynamoDBClient", table: str
) -> None:
    def repeated(**call: Any) -> object:
        """Do as boto3 does when it waits in vain for the answer to a call that arrived."""
        with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
            dynamodb.update_item(**call)
        return dynamodb.update_item(**call)

    repeating = Ledger(patched(dynamodb, update_item=repeated), table, in_flight_seconds=960, days=30)
    claim = claimed(repeating, onUnknown="resend")
    assert not claim.doubt
    ledger.record(push(), claim, NoAnswer("timeout"))
    assert found(ledger).outcome == "unknown"

    claim = claimed(repeating, onUnknown="resend")
    assert (claim.doubt, claim.tries) == (True, 2), "what was there before the first answer got lost"
    ledger.record(push(), claim, Receipt("m-1"))
    assert found(ledger).outcome == "sent"


def test_a_claim_without_any_answer_is_given_back(
    ledger: Ledger, dynamodb: "DynamoDBClient", table: str
) -> None:
    """It would block the push until it runs out, and then leave it in doubt, though nothing was sent."""
    answers = iter([False, True, False, True, False, True])

    def cut(**call: Any) -> object:
        """Do as a table that is too slow: every other call arrives, and its answer does not."""
        answer = dynamodb.update_item(**call)
        if not next(answers):
            raise ReadTimeoutError(endpoint_url="table")
        return answer

    slow = Ledger(patched(dynamodb, update_item=cut), table, in_flight_seconds=960, days=30)
    with pytest.raises(LedgerError):
        slow.claim(push())
    assert (found(ledger).outcome, found(ledger).reason) == (
        "not_sent",
        "the ledger cannot be reached: ReadTimeoutError",
    )
    assert claimed(ledger).tries == 1

    # A try that may have reached Kii is not forgotten for it.
    ended(ledger, NoAnswer("timeout"), id="p-2", onUnknown="resend")
    with pytest.raises(LedgerError):
        slow.claim(push(id="p-2", onUnknown="resend"))
    assert found(ledger, "p-2").outcome == "in_flight"


def test_a_table_that_is_gone_takes_no_claim_back(dynamodb: "DynamoDBClient", table: str) -> None:
    def gone(**_: Any) -> object:
        raise ReadTimeoutError(endpoint_url="table")

    slow = Ledger(patched(dynamodb, update_item=gone), table, in_flight_seconds=960, days=30)
    with pytest.raises(LedgerError, match="ReadTimeoutError"):
        slow.claim(push())


def test_fifty_threads_with_one_id_get_one_claim(ledger: Ledger) -> None:
    start = threading.Barrier(50)

    def take(_: int) -> str:
        start.wait()
        try:
            return type(ledger.claim(push())).__name__
        except InFlight as error:
            return type(error).__name__

    with ThreadPoolExecutor(50) as threads:
        got = list(threads.map(take, range(50)))
    assert sorted(got) == ["Claim"] + ["InFlight"] * 49


@pytest.mark.parametrize("error", [KiiUnreachable("no"), KiiError(404, "TOPIC_NOT_FOUND")])
def test_what_kii_never_accepted_may_be_tried_again(ledger: Ledger, error: PushError) -> None:
    ended(ledger, error)
    claimed(ledger)
    record = found(ledger)
    assert (record.outcome, record.attempts, record.reason) == ("in_flight", 2, None)


def test_an_unknown_push_is_held(ledger: Ledger) -> None:
    ended(ledger, NoAnswer("timeout"))
    with pytest.raises(NoAnswer, match="may have reached Kii"):
        ledger.claim(push())


def test_an_unknown_push_is_sent_again_when_asked_for(ledger: Ledger) -> None:
    ended(ledger, NoAnswer("timeout"))
    claimed(ledger, onUnknown="resend")


@pytest.mark.parametrize(
    "later", [KiiUnreachable("no"), KiiError(404, "USER_NOT_FOUND"), Expired("late"), NoAnswer("timeout")]
)
def test_what_may_have_reached_kii_stays_unknown_until_it_is_sent(ledger: Ledger, later: PushError) -> None:
    ended(ledger, NoAnswer("timeout"))
    ended(ledger, later, onUnknown="resend")
    record = found(ledger)
    assert record.outcome == "unknown"
    assert record.reason
    assert record.reason.startswith(later.reason)
    assert ("an earlier try may have reached Kii" in record.reason) == (later.outcome != Outcome.UNKNOWN)
    with pytest.raises(NoAnswer):
        ledger.claim(push())
    ended(ledger, Receipt("m-1"), onUnknown="resend")
    assert ledger.claim(push()) == Receipt("m-1", replayed=True)


def test_the_claim_of_a_dead_sender_counts_as_unknown(table: str, dynamodb: "DynamoDBClient") -> None:
    ledger = Ledger(dynamodb, table, in_flight_seconds=0, days=30)
    dead = claimed(ledger)
    assert (found(ledger).outcome, found(ledger).reason) == ("unknown", None)
    with pytest.raises(NoAnswer):
        ledger.claim(push())
    ledger.record(push(), dead, Receipt("late"))
    assert found(ledger).outcome == "unknown", "a sender that comes back late changes nothing"
    claimed(ledger, onUnknown="resend")


def test_resending_takes_over_the_claim_of_a_dead_sender(table: str, dynamodb: "DynamoDBClient") -> None:
    ledger = Ledger(dynamodb, table, in_flight_seconds=0, days=30)
    claimed(ledger)
    assert claimed(ledger, onUnknown="resend").doubt


def test_a_sender_whose_claim_was_taken_over_changes_nothing(table: str, dynamodb: "DynamoDBClient") -> None:
    ledger = Ledger(dynamodb, table, in_flight_seconds=0, days=30)
    first = claimed(ledger)
    second = claimed(ledger, onUnknown="resend")
    ledger.record(push(), first, Receipt("m-1"))
    assert found(ledger).push_message_id is None
    ledger.record(push(onUnknown="resend"), second, Receipt("m-2"))
    assert (found(ledger).outcome, found(ledger).push_message_id) == ("sent", "m-2")


@pytest.mark.parametrize(
    ("age", "left", "wait"),
    [
        pytest.param(0, 960, 30, id="it may be over at any moment"),
        pytest.param(0, 20, 20, id="it cannot be held any longer"),
        pytest.param(100, 860, 860, id="its sender died"),
    ],
)
def test_in_flight_says_when_to_come_back(
    table: str,
    dynamodb: "DynamoDBClient",
    monkeypatch: pytest.MonkeyPatch,
    age: int,
    left: int,
    wait: int,
) -> None:
    ledger = Ledger(dynamodb, table, in_flight_seconds=age + left, days=30)
    claimed(ledger)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + age)
    with pytest.raises(InFlight) as caught:
        ledger.claim(push(onUnknown="resend"))
    assert caught.value.retry_after == pytest.approx(wait, abs=2)


@pytest.mark.parametrize(
    "more",
    [
        {"text": "other"},
        {"target": {"user": "u-3"}},
        {"target": {"topic": "news"}},
        {"notAfter": "2036-01-01T00:00:00Z"},
    ],
)
def test_an_id_serves_one_push(ledger: Ledger, more: dict[str, object]) -> None:
    ended(ledger, Receipt("m-1"))
    with pytest.raises(IDConflict, match="p-1"):
        ledger.claim(push(**more))  # type: ignore[arg-type]


def test_the_id_of_a_rejected_push_may_serve_the_corrected_one(ledger: Ledger) -> None:
    ended(ledger, KiiError(400, "INVALID_INPUT_DATA"))
    claimed(ledger, text="corrected")


def test_how_a_push_is_to_be_handled_is_not_what_it_says(ledger: Ledger) -> None:
    ended(ledger, Receipt("m-1"))
    replay = ledger.claim(push(onUnknown="resend", confirm=True))
    assert isinstance(replay, Receipt)


def test_the_table_holds_neither_text_nor_target(
    ledger: Ledger, dynamodb: "DynamoDBClient", table: str
) -> None:
    ended(ledger, Receipt("m-1"), text="secret words", target={"user": "EMAIL:bob@example.com"})
    stored = str(dynamodb.scan(TableName=table)["Items"])
    assert "secret words" not in stored
    assert "bob" not in stored


def test_outcomes_are_forgotten_after_the_days_given(
    ledger: Ledger, dynamodb: "DynamoDBClient", table: str
) -> None:
    claimed(ledger)
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert int(item["expires"]["N"]) == pytest.approx(time.time() + 30 * 86_400, abs=10)


def test_find_tells_a_push_in_flight_from_a_settled_and_an_unheard_one(ledger: Ledger) -> None:
    assert ledger.find("p-1") is None
    claim = claimed(ledger)
    assert found(ledger).outcome == "in_flight"
    ledger.record(push(), claim, KiiError(404, "USER_NOT_FOUND"))
    record = found(ledger)
    assert (record.outcome, record.error_code) == ("rejected", "USER_NOT_FOUND")


def test_a_push_of_a_broadcast_can_be_counted(ledger: Ledger, dynamodb: "DynamoDBClient", table: str) -> None:
    ended(ledger, Receipt("m-1"), push_id="broadcast:b-1:1", broadcast="b-1", origin=BROADCAST)
    shard = ledger_table.broadcast_shard("b-1", "broadcast:b-1:1")
    counted = dynamodb.query(
        TableName=table,
        IndexName="broadcast",
        KeyConditionExpression="broadcastShard = :b AND outcome = :sent",
        ExpressionAttributeValues={":b": {"S": shard}, ":sent": {"S": "sent"}},
        Select="COUNT",
    )
    assert counted["Count"] == 1


def test_a_recipient_who_cannot_be_addressed_changes_nothing_that_was_sent(ledger: Ledger) -> None:
    """A fan-out that is repeated may find a line changed."""
    refusal = KiiError(404, "USER_NOT_FOUND")
    ended(ledger, Receipt("m-1"), push_id="broadcast:b-1:1", broadcast="b-1", origin=BROADCAST)
    for push_id in ("broadcast:b-1:1", "broadcast:b-1:2"):
        ledger.reject(push_id, "b-1", refusal)
    assert found(ledger, "broadcast:b-1:1").outcome == "sent"
    rejected = found(ledger, "broadcast:b-1:2")
    assert (rejected.outcome, rejected.reason, rejected.attempts) == ("rejected", refusal.reason, 1)
    assert rejected.created_at


def test_no_table_is_a_ledger_error(dynamodb: "DynamoDBClient") -> None:
    with pytest.raises(LedgerError, match="ResourceNotFoundException"):
        Ledger(dynamodb, "missing", in_flight_seconds=960, days=30).claim(push())


def test_no_connection_is_a_ledger_error(table: str) -> None:
    with pytest.raises(LedgerError, match="EndpointConnectionError"):
        Ledger(unreachable("dynamodb"), table, in_flight_seconds=960, days=30).find("p-1")
