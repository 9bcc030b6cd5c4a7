"""A batch of SQS messages: delivered side by side, ordered within a group, postponed one by one."""

import json
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kii_push.errors import KiiUnreachable
from kii_push.kii import client
from kii_push.push.ledger import MAX_TRIES, Ledger
from kii_push.queues import batch, sqs
from kii_push.queues.batch import WORST_CASE_MS, BatchDelivery, Postponed, retry_seconds
from kii_push.queues.sqs import OutgoingMessage
from kii_push.queues.unattended import UnattendedDelivery
from local.template import resource
from tests.delivery.claims import ended, found
from tests.delivery.push_requests import body
from tests.doubles.scripted_kii import ScriptedKii, answer, fail
from tests.support import Queue, ample_time


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(10) as pool:
        yield pool


@pytest.fixture
def other_queues(endpoint: str) -> Iterator[list[Queue]]:
    queues = [Queue(endpoint), Queue(endpoint, fifo=True)]
    yield queues
    for each in queues:
        each.close()


@pytest.fixture
def batches(
    unattended: UnattendedDelivery, queue: Queue, broadcast_queue: Queue, threads: ThreadPoolExecutor
) -> BatchDelivery:
    return batch_delivery(unattended, [queue], broadcast_queue, threads)


def batch_delivery(
    unattended: UnattendedDelivery,
    queues: Iterable[sqs.Queue],
    broadcast_queue: Queue,
    threads: ThreadPoolExecutor,
) -> BatchDelivery:
    """Return the delivery of batches from these queues."""
    return BatchDelivery(
        unattended, queues, threads, broadcast_queue=broadcast_queue, redrive_role_id="AROAREDRIVE"
    )


def received(
    queue: Queue, *bodies: dict[str, Any], group: str | None = None, fifo: bool = True
) -> list[dict[str, Any]]:
    """Put pushes on a real queue and take them off as Lambda's poller does; a FIFO queue's have a `group`."""
    name = queue.name + (".fifo" if group and fifo else "")
    for each in bodies:
        queue.send(OutgoingMessage(json.dumps(each)))
    messages = queue.receive(hide_seconds=360)
    return [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": dict(message["Attributes"]) | ({"MessageGroupId": group} if group else {}),
            "eventSourceARN": f"arn:aws:sqs:ap-northeast-1:000000000000:{name}",
        }
        for message in messages
    ]


def test_a_batch_is_sent_side_by_side(kii: ScriptedKii, batches: BatchDelivery, queue: Queue) -> None:
    together = threading.Barrier(10, timeout=10)
    kii.before = lambda _: together.wait()
    records = received(queue, *[body(f"p-{number}") for number in range(10)])
    assert batches.deliver(records, ample_time) == []
    assert len(kii.sent) == 10


def test_one_bad_message_does_not_take_the_others_along(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    records = received(queue, *[body(f"p-{number}") for number in range(9)], {"id": "bad"})
    assert batches.deliver(records, ample_time) == []
    assert len(kii.sent) == 9


def test_what_comes_back_stays_hidden_for_its_delay(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "retry_seconds", lambda receives, retry_after: receives - 1 + retry_after - 10)
    (record,) = received(queue, body())
    kii.answers.append(fail(httpx.ConnectError))
    assert batches.deliver([record], ample_time) == [record["messageId"]]
    assert queue.messages(), "hidden for the 0 seconds it was given, not for the queue's 30"


def test_a_batch_that_failed_whole_is_no_error(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    kii.answers += [fail(httpx.ConnectError)] * 10
    records = received(queue, *[body(f"p-{number}") for number in range(10)])
    assert len(batches.deliver(records, ample_time)) == 10


def test_a_group_keeps_its_order_and_stops_at_the_first_that_comes_back(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    kii.answers += [answer(201, pushMessageID="m-1"), answer(503)]
    a, b, c = received(queue, body("a"), body("b"), body("c"), group="one")
    assert batches.deliver([a, b, c], ample_time) == [b["messageId"], c["messageId"]]
    assert not kii.sent, "the third was not tried"
    assert batches.deliver([b, c], ample_time) == []
    assert len(kii.sent) == 2


def test_a_group_goes_on_behind_a_message_that_can_never_be_sent(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    records = received(queue, {"id": "bad"}, body("b"), group="one")
    assert batches.deliver(records, ample_time) == []
    assert len(kii.sent) == 1


def test_a_standard_queues_groups_keep_no_order(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    together = threading.Barrier(3, timeout=10)
    kii.before = lambda _: together.wait()
    records = received(queue, body("a"), body("b"), body("c"), group="tenant", fifo=False)
    assert batches.deliver(records, ample_time) == []
    assert len(kii.sent) == 3


def test_another_group_is_not_held_up(kii: ScriptedKii, batches: BatchDelivery, queue: Queue) -> None:
    (slow,) = received(queue, body("slow"), group="one")
    (fast,) = received(queue, body("fast"), group="two")
    fast_is_sent = threading.Event()

    def wait(request: httpx.Request) -> None:
        if b"slow" in request.content:
            assert fast_is_sent.wait(10)
        else:
            fast_is_sent.set()

    slow["body"] = slow["body"].replace('"hi"', '"slow"')
    kii.before = wait
    assert batches.deliver([slow, fast], ample_time) == []
    assert len(kii.sent) == 2


def test_nothing_is_begun_that_may_not_end_in_time(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    records = received(queue, body("a"), body("b"))
    back = batches.deliver(records, lambda: WORST_CASE_MS - 1)
    assert sorted(back) == sorted(each["messageId"] for each in records)
    assert not kii.sent
    assert len(queue.messages()) == 2, "they are free for another environment at once"


def test_a_warm_environment_remembers_nothing_of_the_batch_before(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue
) -> None:
    kii.answers.append(fail(httpx.ConnectError))
    first = received(queue, body("a"), group="one")
    assert len(batches.deliver(first, ample_time)) == 1
    second = received(queue, body("b"), group="one")
    assert batches.deliver(second, ample_time) == []


@pytest.mark.parametrize(("exists", "expected"), [(False, "fault"), (True, "not_postponed")])
def test_a_delay_that_sqs_refuses_is_logged(
    unattended: UnattendedDelivery,
    threads: ThreadPoolExecutor,
    queue: Queue,
    broadcast_queue: Queue,
    caplog: pytest.LogCaptureFixture,
    *,
    exists: bool,
    expected: str,
) -> None:
    known = queue if exists else queue.missing()
    (record,) = received(queue, body())
    record["receiptHandle"] = "gone"
    record["eventSourceARN"] = record["eventSourceARN"].replace(queue.name, known.name)
    batch_delivery(unattended, [known], broadcast_queue, threads).postpone([Postponed(record, 1)])
    assert caplog.messages == [expected]


def test_each_queues_messages_are_postponed_there(
    kii: ScriptedKii,
    unattended: UnattendedDelivery,
    threads: ThreadPoolExecutor,
    queue: Queue,
    broadcast_queue: Queue,
    other_queues: list[Queue],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "retry_seconds", lambda *_: 0)
    batches = batch_delivery(unattended, [*other_queues, queue], broadcast_queue, threads)
    kii.answers.append(fail(httpx.ConnectError))
    batches.deliver(received(queue, body()), ample_time)
    assert queue.messages()


def test_delays_grow_with_full_jitter_and_honour_retry_after() -> None:
    for receives, longest in [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (50, 900)]:
        delays = [retry_seconds(receives, 0) for _ in range(300)]
        assert 0 <= min(delays) <= longest / 10
        assert longest * 0.9 <= max(delays) <= longest
    assert 60 <= retry_seconds(1, 60) <= 65


def test_a_queue_that_nobody_named_brings_its_messages_back_all_the_same(
    kii: ScriptedKii,
    unattended: UnattendedDelivery,
    threads: ThreadPoolExecutor,
    queue: Queue,
    broadcast_queue: Queue,
    caplog: pytest.LogCaptureFixture,
) -> None:
    batches = batch_delivery(unattended, [], broadcast_queue, threads)
    kii.answers.append(fail(httpx.ConnectError))
    (record,) = received(queue, body())
    assert batches.deliver([record], ample_time) == [record["messageId"]]
    assert "not_postponed" in caplog.messages


def test_after_many_receives_the_delays_are_longer_than_sqs_would_last_otherwise() -> None:
    for receives, longest in ((100, 900), (101, 3600), (900, 3600)):
        delays = [retry_seconds(receives, 0) for _ in range(300)]
        assert longest * 0.9 <= max(delays) <= longest


def test_a_push_is_not_begun_when_it_may_not_end_before_its_function() -> None:
    # A send, a login and a second send; the table has its part of what is left.
    exchanges = 3 * ((client.TIMEOUT.connect or 0) + (client.TIMEOUT.read or 0))
    assert exchanges * 1000 < WORST_CASE_MS < resource("QueuePushFunction")["Properties"]["Timeout"] * 1000


def sent_by(sender_id: str, record: dict[str, Any], **attributes: str) -> dict[str, Any]:
    """Return the record of a message that this principal sent, with attributes of its own."""
    own = {name: {"stringValue": value, "dataType": "String"} for name, value in attributes.items()}
    system = {**record["attributes"], "SenderId": sender_id}
    return {**record, "attributes": system, "messageAttributes": own}


def test_the_sender_and_the_door_are_on_record(batches: BatchDelivery, queue: Queue, ledger: Ledger) -> None:
    [record] = received(queue, body())

    batches.deliver([sent_by("AROASHOP:job", record, sender="somebody else")], ample_time)

    assert (found(ledger).door, found(ledger).sender) == ("queue", "AROASHOP:job")
    assert found(ledger).created_at


def test_who_puts_a_push_back_is_not_who_sent_it(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue, ledger: Ledger
) -> None:
    kii.answers.append(answer(404, errorCode="USER_NOT_FOUND"))
    [first] = received(queue, body())
    batches.deliver([sent_by("AROASHOP:job", first)], ample_time)
    assert found(ledger).outcome == "rejected"

    [again] = received(queue, body())
    batches.deliver([sent_by("AROAREDRIVE:redrive", again)], ample_time)

    assert (found(ledger).outcome, found(ledger).sender) == ("sent", "AROASHOP:job")


def test_a_push_that_is_put_back_is_its_senders_even_if_it_was_never_claimed(
    batches: BatchDelivery, queue: Queue, ledger: Ledger
) -> None:
    [record] = received(queue, body())
    batches.deliver([sent_by("AROAREDRIVE:redrive", record, sender="AROASHOP:job")], ample_time)
    assert found(ledger).sender == "AROASHOP:job"


def test_who_puts_back_a_push_of_a_schedule_is_not_its_sender(
    batches: BatchDelivery, queue: Queue, ledger: Ledger
) -> None:
    [record] = received(queue, body())
    batches.deliver([sent_by("AROAREDRIVE:redrive", record)], ample_time)
    assert (found(ledger).outcome, found(ledger).sender) == ("sent", None)


@pytest.mark.parametrize("sender_id", ["AROAOTHER:redrive", "AROAOTHER:AROAREDRIVE:", "AROAREDRIVE2:redrive"])
def test_nobody_can_pass_for_who_puts_pushes_back(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue, ledger: Ledger, sender_id: str
) -> None:
    kii.answers.append(answer(404, errorCode="USER_NOT_FOUND"))
    [first] = received(queue, body())
    batches.deliver([sent_by("AROASHOP:job", first)], ample_time)

    [another] = received(queue, body(text="something else"))
    batches.deliver([sent_by(sender_id, another)], ample_time)

    assert (found(ledger).outcome, found(ledger).sender) == ("sent", sender_id)


def test_only_the_broadcast_queue_brings_the_pushes_of_broadcasts(
    kii: ScriptedKii,
    batches: BatchDelivery,
    queue: Queue,
    broadcast_queue: Queue,
    ledger: Ledger,
    dead_letters: Queue,
) -> None:
    one, two = (body(f"broadcast:sale:{line}", broadcast="sale") for line in (1, 2))
    [of_a_stranger] = received(queue, one)
    [of_the_bundle] = received(broadcast_queue, two)

    batches.deliver([sent_by("AROASHOP:job", of_a_stranger)], ample_time)
    batches.deliver([sent_by("AROAFANOUT:fan-out", of_the_bundle, sender="the shop")], ample_time)

    assert len(kii.sent) == 1
    record = found(ledger, "broadcast:sale:2")
    assert (record.outcome, record.door, record.sender) == ("sent", "broadcast", "the shop")
    assert ledger.find("broadcast:sale:1") is None
    [letter] = dead_letters.messages()
    assert letter["MessageAttributes"]["field"]["StringValue"] == "broadcast"


def test_an_exhausted_push_takes_none_of_its_group_along(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue, ledger: Ledger, dead_letters: Queue
) -> None:
    for _ in range(MAX_TRIES - 1):
        ended(ledger, KiiUnreachable("no connection"), push_id="a")
    records = received(queue, body("a"), body("b"), body("c"), group="one")
    kii.answers.append(answer(503))

    assert batches.deliver(records, ample_time) == []

    assert [found(ledger, each).outcome for each in "abc"] == ["exhausted", "sent", "sent"]
    [letter] = dead_letters.messages()
    attributes = {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
    assert (attributes["pushID"], attributes["outcome"]) == ("a", "exhausted")
    assert (attributes["queue"], attributes["group"]) == (f"{queue.name}.fifo", "one")


def test_each_push_of_a_group_that_waited_too_long_has_an_outcome(
    kii: ScriptedKii, batches: BatchDelivery, queue: Queue, ledger: Ledger, dead_letters: Queue
) -> None:
    records = received(queue, body("a"), body("b"), body("c"), group="one")
    for record in records[:2]:
        record["attributes"]["SentTimestamp"] = str(int((time.time() - 11 * 86_400) * 1000))

    assert batches.deliver(records, ample_time) == []

    assert [found(ledger, each).outcome for each in "abc"] == ["exhausted", "exhausted", "sent"]
    assert len(kii.sent) == 1
    assert len(dead_letters.messages()) == 2
