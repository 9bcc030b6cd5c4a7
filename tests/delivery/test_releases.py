"""What the release before and the release after have written is understood."""

import time
from typing import TYPE_CHECKING, Any

import pytest

from kii_push.common import table as ledger_table
from kii_push.errors import IDConflict, InFlight, KiiUnreachable, NoAnswer, Outcome, kii_error
from kii_push.push.ledger import Ledger, Receipt
from kii_push.push.request import Origin
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.claims import claimed, ended, found
from tests.delivery.push_requests import BROADCAST, as_text, push, queued
from tests.doubles.scripted_kii import ScriptedKii

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from tests.support import Queue

LATER = "2036-12-01T09:00:00Z"
# Of the push `p-1`, which is the same in every release.
FINGERPRINT = push().fingerprint_before_v


@pytest.fixture
def keep(dynamodb: "DynamoDBClient", table: str) -> Any:
    """Put an item into the table as release 0.1.0 did, or with what `more` says."""

    def put(outcome: str, push_id: str = "p-1", **more: str | int) -> None:
        attributes = {
            "outcome": outcome,
            "fingerprint": FINGERPRINT,
            "claim": "a-claim",
            "heldUntil": int(time.time()) + 900,
            "attempts": 1,
            "updatedAt": "2026-11-24T00:00:00.000+00:00",
            "expires": int(time.time()) + 900,
            **more,
        }
        values: dict[str, Any] = {
            name: {"N": str(value)} if isinstance(value, int) else {"S": value}
            for name, value in attributes.items()
        }
        dynamodb.put_item(TableName=table, Item={**ledger_table.push_key(push_id), **values})

    return put


# Its items have no `v`, and a fingerprint that says nothing of `notAfter`.
whenever_it_is_too_late = pytest.mark.parametrize(
    "not_after", [{}, {"notAfter": LATER}], ids=["no notAfter", "notAfter"]
)


@whenever_it_is_too_late
def test_an_item_of_the_release_before_that_was_sent_is_replayed(
    ledger: Ledger, keep: Any, not_after: dict[str, Any]
) -> None:
    keep("sent", pushMessageID="m-1")
    assert ledger.claim(push(**not_after)) == Receipt("m-1", replayed=True)


@whenever_it_is_too_late
@pytest.mark.parametrize("outcome", ["not_sent", "rejected", "expired"])
def test_an_item_of_the_release_before_that_was_not_sent_is_tried_again(
    ledger: Ledger, keep: Any, not_after: dict[str, Any], outcome: str
) -> None:
    keep(outcome)
    claim = claimed(ledger, **not_after)
    assert (claim.doubt, claim.tries) == (False, 1)
    ledger.record(push(**not_after), claim, KiiUnreachable("no connection"))
    assert (found(ledger).outcome, found(ledger).attempts) == ("not_sent", 2)
    claimed(ledger, **not_after)


@whenever_it_is_too_late
def test_an_item_of_the_release_before_that_is_unknown_is_held_or_resent(
    ledger: Ledger, keep: Any, not_after: dict[str, Any]
) -> None:
    keep("unknown")
    with pytest.raises(NoAnswer, match="an earlier try of this push may have reached Kii"):
        ledger.claim(push(**not_after))
    assert claimed(ledger, onUnknown="resend", **not_after).doubt


@whenever_it_is_too_late
def test_an_item_of_the_release_before_that_is_in_flight_is_waited_for(
    ledger: Ledger, keep: Any, not_after: dict[str, Any]
) -> None:
    keep("in_flight")
    with pytest.raises(InFlight):
        ledger.claim(push(**not_after))
    keep("in_flight", heldUntil=1)
    with pytest.raises(NoAnswer):
        ledger.claim(push(**not_after))


@whenever_it_is_too_late
def test_an_item_of_the_release_before_for_another_push_is_a_conflict(
    ledger: Ledger, keep: Any, not_after: dict[str, Any]
) -> None:
    keep("sent", pushMessageID="m-1")
    with pytest.raises(IDConflict):
        ledger.claim(push(text="other", **not_after))


def test_what_the_release_before_does_not_know_of_a_push_is_not_said(ledger: Ledger, keep: Any) -> None:
    keep("sent", pushMessageID="m-1")
    record = found(ledger)
    assert (record.outcome, record.push_message_id) == ("sent", "m-1")
    assert (record.created_at, record.door, record.sender) == (None, None, None)


@pytest.mark.parametrize("outcome", ["paused", "postponed"])
@pytest.mark.parametrize("on_unknown", ["hold", "resend"])
def test_an_outcome_that_a_later_release_knows_counts_as_taken(
    ledger: Ledger,
    keep: Any,
    unattended: UnattendedDelivery,
    kii: ScriptedKii,
    outcome: str,
    on_unknown: str,
) -> None:
    keep(outcome, v=ledger_table.PUSH_VERSION)
    with pytest.raises(InFlight, match=f"the push p-1 is {outcome}"):
        ledger.claim(push(onUnknown=on_unknown))
    settlement = unattended.deliver(queued(as_text(onUnknown=on_unknown)))
    assert (settlement.outcome, settlement.retry) == (Outcome.NOT_SENT, True)
    assert not kii.sent
    assert found(ledger).outcome == outcome


@pytest.mark.parametrize("outcome", ["sent", "not_sent", "unknown", "in_flight"])
def test_an_item_of_a_later_release_is_left_to_it(ledger: Ledger, keep: Any, outcome: str) -> None:
    keep(outcome, v=ledger_table.PUSH_VERSION + 1, fingerprint="made in another way")
    with pytest.raises(InFlight, match="a later release holds the push p-1"):
        ledger.claim(push(onUnknown="resend"))


def test_a_scheduled_push_is_begun_when_it_is_due(ledger: Ledger, keep: Any) -> None:
    keep("scheduled", v=ledger_table.PUSH_VERSION, dueAt=int(time.time()) + 60)
    with pytest.raises(InFlight, match="the push p-1 is scheduled"):
        ledger.claim(push())
    keep("scheduled", v=ledger_table.PUSH_VERSION, dueAt=int(time.time()) - 1)
    assert not claimed(ledger).doubt


def test_a_settlement_of_an_item_that_vanished_changes_nothing(
    ledger: Ledger, dynamodb: "DynamoDBClient", table: str
) -> None:
    claim = claimed(ledger)
    dynamodb.delete_item(TableName=table, Key=ledger_table.push_key("p-1"))
    assert ledger.record(push(), claim, Receipt("m-1")) == Receipt("m-1")
    assert ledger.find("p-1") is None


def test_a_message_of_the_release_before_on_the_broadcast_queue_is_sent(
    unattended: UnattendedDelivery, kii: ScriptedKii, ledger: Ledger, dead_letters: "Queue"
) -> None:
    message = queued(as_text("sale:1", broadcast="sale"), origin=BROADCAST)
    assert unattended.deliver(message) == Settlement(Outcome.SENT)
    assert len(kii.sent) == 1
    assert found(ledger, "sale:1").outcome == "sent"
    assert not dead_letters.messages()


def test_what_another_push_left_under_a_free_id_is_not_the_next_ones(
    ledger: Ledger, dynamodb: "DynamoDBClient", table: str
) -> None:
    """A broadcast of release 0.1.0 gave its pushes IDs that any sender may give."""
    of_the_shop = Origin("broadcast", "the shop")
    ended(ledger, kii_error(404, "USER_NOT_FOUND"), push_id="sale:1", broadcast="sale", origin=of_the_shop)
    key = ledger_table.push_key("sale:1")
    assert {"broadcastShard", "sender"} <= dynamodb.get_item(TableName=table, Key=key)["Item"].keys()

    ended(ledger, Receipt("m-1"), push_id="sale:1")

    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert item["outcome"]["S"] == "sent"
    assert not {"broadcastShard", "sender"} & item.keys()
