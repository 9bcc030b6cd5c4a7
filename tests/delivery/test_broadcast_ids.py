"""A broadcast's pushes are its own: nobody takes their IDs, and nobody is counted among them."""

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import pytest

from kii_push.errors import Expired, InvalidRequest, Outcome
from kii_push.push.delivery import Delivery
from kii_push.push.request import Door, Origin
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.broadcasting import NOTHING, Sale, recipients, request_for, request_for_list
from tests.delivery.claims import found
from tests.delivery.push_requests import BROADCAST, HTTPS, as_text, push, queued
from tests.doubles.scripted_kii import ScriptedKii, answer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.support import Queue


def fanned_out(sale: Sale, queue: "Queue", positions: "Queue") -> list[str]:
    """Fan the broadcast out; return its messages."""
    sale.begin()
    for position in positions.drain():
        sale.run(position)
    assert not positions.drain()
    return queue.drain()


def test_nobody_can_empty_a_broadcast_beforehand(
    sale: Sale,
    queue: "Queue",
    positions: "Queue",
    delivery: Delivery,
    unattended: UnattendedDelivery,
    kii: ScriptedKii,
) -> None:
    too_late = "2001-01-01T00:00:00Z"
    for line in range(1, 21):
        with pytest.raises(Expired):
            delivery.deliver(push(f"sale:{line}", notAfter=too_late, origin=HTTPS))
        with pytest.raises(InvalidRequest, match='id: must not begin with "broadcast:"'):
            push(f"broadcast:sale:{line}", notAfter=too_late, origin=HTTPS)
    assert sale.accept_list(recipients(20))

    for message in fanned_out(sale, queue, positions):
        assert unattended.deliver(queued(message, origin=BROADCAST)) == Settlement(Outcome.SENT)

    assert len(kii.sent) == 20
    done = sale.progress()
    assert (done.status, done.pending, done.counts) == ("done", 0, NOTHING | {"sent": 20})


@pytest.mark.parametrize("door", ["queue", "schedule"])
@pytest.mark.parametrize("push_id", ["sale:77", "broadcast:sale:77"])
def test_nobody_is_counted_among_a_broadcasts_pushes(
    sale: Sale,
    queue: "Queue",
    positions: "Queue",
    unattended: UnattendedDelivery,
    kii: ScriptedKii,
    door: Door,
    push_id: str,
) -> None:
    assert sale.accept_list(recipients(2))
    messages = fanned_out(sale, queue, positions)

    stranger = queued(as_text(push_id, broadcast="sale"), origin=Origin(door))
    assert unattended.deliver(stranger) == Settlement(Outcome.REJECTED)

    assert not kii.sent
    waiting = sale.progress()
    assert (waiting.status, waiting.pending, waiting.counts) == ("sending", 2, NOTHING)
    for message in messages:
        unattended.deliver(queued(message, origin=BROADCAST))
    assert (sale.progress().status, sale.progress().counts) == ("done", NOTHING | {"sent": 2})


def test_progress_is_never_negative_and_ends_whatever_is_counted(
    sale: Sale, queue: "Queue", positions: "Queue", unattended: UnattendedDelivery
) -> None:
    """Release 0.1.0 counted strangers as pushes of a broadcast."""
    assert sale.accept_list(recipients(1))
    [message] = fanned_out(sale, queue, positions)
    for line in (77, 78):
        stranger = as_text(f"sale:{line}", broadcast="sale")
        unattended.deliver(queued(stranger, origin=BROADCAST))

    assert (sale.progress().status, sale.progress().pending) == ("done", 0)
    unattended.deliver(queued(message, origin=BROADCAST))
    assert (sale.progress().status, sale.progress().pending) == ("done", 0)


@pytest.mark.parametrize("end", ["exhausted", "unknown"])
def test_a_push_that_waits_for_a_person_is_pending_no_more(
    sale: Sale, queue: "Queue", positions: "Queue", unattended: UnattendedDelivery, kii: ScriptedKii, end: str
) -> None:
    assert sale.accept_list(recipients(2))
    first, second = fanned_out(sale, queue, positions)
    unattended.deliver(queued(first, origin=BROADCAST))
    if end == "unknown":
        kii.answers.append(answer(500))
        unattended.deliver(queued(second, origin=BROADCAST))
    else:
        unattended.deliver(queued(second, origin=BROADCAST, queued_at=0))

    done = sale.progress()
    assert (done.status, done.counts) == ("done", NOTHING | {"sent": 1, end: 1})


def as_release_0_1_0_wrote_it(sale: Sale, s3: "S3Client") -> None:
    """Rewrite the job of the broadcast without what that release did not know."""
    job = json.loads(msgspec.json.encode(sale.broadcasts.job("sale")))
    assert job.pop("idForm") == 2
    job.pop("sender", None)
    s3.put_object(Bucket=sale.bucket, Key="jobs/sale", Body=json.dumps(job).encode())


def test_a_broadcast_that_began_before_an_update_keeps_its_ids_to_its_end(
    sale: Sale,
    s3: "S3Client",
    queue: "Queue",
    positions: "Queue",
    unattended: UnattendedDelivery,
    kii: ScriptedKii,
) -> None:
    assert sale.accept_list(recipients(2) + b"not JSON\n")
    as_release_0_1_0_wrote_it(sale, s3)

    messages = fanned_out(sale, queue, positions)

    assert [json.loads(message)["id"] for message in messages] == ["sale:1", "sale:2"]
    for message in messages * 2:
        unattended.deliver(queued(message, origin=BROADCAST))
    assert len(kii.sent) == 2
    assert (sale.progress().status, sale.progress().counts) == ("done", NOTHING | {"sent": 2, "rejected": 1})
    assert found(sale.ledger, "sale:3").outcome == "rejected"


@pytest.mark.parametrize("is_list", [False, True])
def test_a_broadcast_that_is_begun_again_keeps_the_ids_it_was_accepted_with(
    sale: Sale, s3: "S3Client", queue: "Queue", positions: "Queue", *, is_list: bool
) -> None:
    sale.put_list(recipients(2))
    asked = request_for_list() if is_list else request_for("u-1", "u-2")
    assert sale.broadcasts.accept(asked)
    as_release_0_1_0_wrote_it(sale, s3)

    assert sale.broadcasts.accept(asked), "its fan-out may not have begun"

    assert [json.loads(each)["id"] for each in fanned_out(sale, queue, positions)] == ["sale:1", "sale:2"]


def test_one_whose_job_was_never_written_gets_todays_ids(
    sale: Sale, s3: "S3Client", queue: "Queue", positions: "Queue"
) -> None:
    assert sale.broadcasts.accept(request_for("u-1"))
    s3.delete_object(Bucket=sale.bucket, Key="jobs/sale")

    assert sale.broadcasts.accept(request_for("u-1"))

    assert [json.loads(each)["id"] for each in fanned_out(sale, queue, positions)] == ["broadcast:sale:1"]


def test_each_push_says_who_started_the_broadcast(sale: Sale, queue: "Queue", positions: "Queue") -> None:
    request = request_for("u-1")
    job = msgspec.structs.replace(request.job, sender="the shop")
    assert sale.broadcasts.accept(replace(request, job=job))
    sale.begin()
    sale.run(positions.drain()[0])

    [message] = queue.messages()

    assert message["MessageAttributes"]["sender"]["StringValue"] == "the shop"
