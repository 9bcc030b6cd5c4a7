"""What progress says: of shards, of dead senders, of what was stopped, of blank lines."""

import json
import time
from itertools import batched
from typing import TYPE_CHECKING, Any

import pytest

from kii_push.broadcast import progress
from kii_push.common import table as ledger_table
from kii_push.errors import LedgerError, PushError
from kii_push.push.ledger import Claim, Ledger, Receipt
from kii_push.push.request import PushRequest, from_json
from tests.delivery.broadcasting import NOTHING, Sale, recipients
from tests.delivery.push_requests import BROADCAST
from tests.doubles.aws_clients import patched, refused
from tests.support import Queue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def fanned_out(sale: Sale, lines: bytes, queue: Queue, positions: Queue) -> list[dict[str, Any]]:
    """Fan a list of up to ten recipients out; return the pushes by their lines."""
    assert sale.accept_list(lines)
    sale.begin()
    sale.run(positions.drain()[0])
    pushes = [json.loads(body) for body in queue.drain()]
    return sorted(pushes, key=lambda push: int(push["id"].rpartition(":")[2]))


def read(push: dict[str, Any]) -> PushRequest:
    """Return a push as the queue's function reads it."""
    return from_json(push, default_id="unused", origin=BROADCAST)


def claim(ledger: Ledger, push: dict[str, Any]) -> Claim:
    held = ledger.claim(read(push))
    assert isinstance(held, Claim)
    return held


def end(ledger: Ledger, push: dict[str, Any], end: Receipt | PushError) -> None:
    """Record how a push ended."""
    ledger.record(read(push), claim(ledger, push), end)


def test_thousands_of_pushes_are_counted_over_all_shards(dynamodb: "DynamoDBClient", table: str) -> None:
    outcomes = (*NOTHING, "in_flight", "in_flight")
    items = []
    for line in range(4_500):
        push_id = f"broadcast:sale:{line}"
        # One in flight is held until 1970, the other until 2096.
        items.append(
            {
                "pk": {"S": f"push#{push_id}"},
                "outcome": {"S": outcomes[line % 9]},
                "heldUntil": {"N": str(line % 9 % 2 * 4_000_000_000)},
                "broadcastShard": {"S": ledger_table.broadcast_shard("sale", push_id)},
            }
        )
    assert len({item["broadcastShard"]["S"] for item in items}) == ledger_table.BROADCAST_SHARDS
    for some in batched(items, 25, strict=False):
        requests: Any = [{"PutRequest": {"Item": item}} for item in some]
        dynamodb.batch_write_item(RequestItems={table: requests})

    began = time.monotonic()
    counts = progress.count(dynamodb, table, "sale")

    assert counts == {**dict.fromkeys(NOTHING, 500), "unknown": 1000}
    assert time.monotonic() - began < 20
    assert progress.count(dynamodb, table, "sal") == NOTHING


def test_a_push_whose_settlement_got_lost_is_unknown_once_its_sender_cannot_live(
    sale: Sale, queue: Queue, positions: Queue, dynamodb: "DynamoDBClient", table: str
) -> None:
    dead, alive = fanned_out(sale, recipients(2), queue, positions)
    claim(Ledger(dynamodb, table, in_flight_seconds=0, days=30), dead)
    held = claim(sale.ledger, alive)

    sending = sale.progress()
    assert (sending.status, sending.pending, sending.counts) == ("sending", 1, NOTHING | {"unknown": 1})
    sale.ledger.record(read(alive), held, Receipt("m-1"))
    done = sale.progress()
    assert (done.status, done.pending, done.counts) == ("done", 0, NOTHING | {"sent": 1, "unknown": 1})


def test_blank_lines_are_no_recipients_and_a_byte_order_mark_costs_none(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    lines = b'\xef\xbb\xbf"u-1"\r\n\r\n  \n"u-4"\nnot JSON\n\n"u-7"'

    pushes = fanned_out(sale, lines, queue, positions)

    sent = {push["id"]: push["target"]["user"] for push in pushes}
    assert sent == {f"broadcast:sale:{line}": f"u-{line}" for line in (1, 4, 7)}
    progress = sale.progress()
    assert (progress.recipients, progress.pending) == (4, 3)
    assert progress.counts == NOTHING | {"rejected": 1}


def test_a_broadcast_that_is_done_stays_so_when_it_is_stopped(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    one, two = fanned_out(sale, recipients(2), queue, positions)
    end(sale.ledger, one, Receipt("m-1"))
    end(sale.ledger, two, Receipt("m-2"))

    assert sale.broadcasts.stop("sale")

    assert sale.progress().status == "done"


def test_one_that_is_not_done_is_stopped_even_if_it_cannot_be_counted(
    sale: Sale, queue: Queue, positions: Queue, dynamodb: "DynamoDBClient"
) -> None:
    one, _ = fanned_out(sale, recipients(2), queue, positions)
    end(sale.ledger, one, Receipt("m-1"))

    uncounted = sale.store(dynamodb=patched(dynamodb, get_paginator=refused("ThrottlingException")))
    with pytest.raises(LedgerError, match="ThrottlingException"):
        uncounted.progress("sale")
    assert uncounted.stop("sale")

    stopped = sale.progress()
    assert (stopped.status, stopped.recipients, stopped.pending) == ("stopped", 2, 1)


def test_one_that_is_stopped_before_all_is_read_is_over(sale: Sale) -> None:
    assert sale.accept_list(recipients(2))
    assert sale.broadcasts.stop("sale")
    stopped = sale.progress()
    assert (stopped.status, stopped.recipients, stopped.pending) == ("stopped", None, None)
