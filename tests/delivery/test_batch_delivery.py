"""A batch of SQS messages: settled side by side, ordered within a group, postponed one by one."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from kii_push.common import aws
from kii_push.push.delivery import Delivery
from kii_push.queues import batch
from kii_push.queues.batch import WORST_CASE, delay, settle_batch
from tests.delivery.conftest import Kii, body
from tests.delivery.test_delivery import answer, fail
from tests.support import Queue


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(10) as pool:
        yield pool


def plenty() -> int:
    return 60_000


def taken(
    queue: Queue, *bodies: dict[str, Any], group: str | None = None, fifo: bool = True
) -> list[dict[str, Any]]:
    """Put pushes on a real queue and take them off as Lambda's poller does; a FIFO queue's have a `group`."""
    name = queue.url.rpartition("/")[2] + (".fifo" if group and fifo else "")
    for each in bodies:
        aws.sqs().send_message(QueueUrl=queue.url, MessageBody=json.dumps(each))
    messages = aws.sqs().receive_message(
        QueueUrl=queue.url, MaxNumberOfMessages=10, VisibilityTimeout=360, MessageSystemAttributeNames=["All"]
    )["Messages"]
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


def test_a_batch_is_sent_side_by_side(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    together = threading.Barrier(10, timeout=10)
    kii.before = lambda _: together.wait()
    records = taken(queue, *[body(f"p-{number}") for number in range(10)])
    assert settle_batch(records, pushes, threads, plenty) == []
    assert len(kii.sent) == 10


@pytest.mark.usefixtures("dead_letters")
def test_one_bad_message_does_not_take_the_others_along(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    records = taken(queue, *[body(f"p-{number}") for number in range(9)], {"id": "bad"})
    assert settle_batch(records, pushes, threads, plenty) == []
    assert len(kii.sent) == 9


def test_what_comes_back_stays_hidden_for_its_delay(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "delay", lambda receives, retry_after: receives - 1 + retry_after - 10)
    (record,) = taken(queue, body())
    kii.answers.append(fail(httpx.ConnectError))
    assert settle_batch([record], pushes, threads, plenty) == [record["messageId"]]
    assert queue.messages(), "hidden for the 0 seconds it was given, not for the queue's 30"


def test_a_batch_that_failed_whole_is_no_error(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    kii.answers += [fail(httpx.ConnectError)] * 10
    records = taken(queue, *[body(f"p-{number}") for number in range(10)])
    assert len(settle_batch(records, pushes, threads, plenty)) == 10


def test_a_group_keeps_its_order_and_stops_at_the_first_that_comes_back(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    kii.answers += [answer(201, pushMessageID="m-1"), answer(503)]
    a, b, c = taken(queue, body("a"), body("b"), body("c"), group="one")
    assert settle_batch([a, b, c], pushes, threads, plenty) == [b["messageId"], c["messageId"]]
    assert not kii.sent, "the third was not tried"
    assert settle_batch([b, c], pushes, threads, plenty) == []
    assert len(kii.sent) == 2


@pytest.mark.usefixtures("dead_letters")
def test_a_group_goes_on_behind_a_message_that_can_never_be_sent(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    records = taken(queue, {"id": "bad"}, body("b"), group="one")
    assert settle_batch(records, pushes, threads, plenty) == []
    assert len(kii.sent) == 1


def test_a_standard_queues_groups_keep_no_order(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    together = threading.Barrier(3, timeout=10)
    kii.before = lambda _: together.wait()
    records = taken(queue, body("a"), body("b"), body("c"), group="tenant", fifo=False)
    assert settle_batch(records, pushes, threads, plenty) == []
    assert len(kii.sent) == 3


def test_another_group_is_not_held_up(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    (slow,) = taken(queue, body("slow"), group="one")
    (fast,) = taken(queue, body("fast"), group="two")
    fast_is_sent = threading.Event()

    def wait(asked: httpx.Request) -> None:
        if b"slow" in asked.content:
            assert fast_is_sent.wait(10)
        else:
            fast_is_sent.set()

    slow["body"] = slow["body"].replace('"hi"', '"slow"')
    kii.before = wait
    assert settle_batch([slow, fast], pushes, threads, plenty) == []
    assert len(kii.sent) == 2


def test_nothing_is_begun_that_may_not_end_in_time(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    records = taken(queue, body("a"), body("b"))
    back = settle_batch(records, pushes, threads, lambda: WORST_CASE - 1)
    assert sorted(back) == sorted(each["messageId"] for each in records)
    assert not kii.sent
    assert len(queue.messages()) == 2, "they are free for another environment at once"


def test_a_warm_environment_remembers_nothing_of_the_batch_before(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue
) -> None:
    kii.answers.append(fail(httpx.ConnectError))
    first = taken(queue, body("a"), group="one")
    assert len(settle_batch(first, pushes, threads, plenty)) == 1
    second = taken(queue, body("b"), group="one")
    assert settle_batch(second, pushes, threads, plenty) == []


@pytest.mark.parametrize(("url", "expected"), [("-missing", "fault"), ("", "not_postponed")])
def test_a_delay_that_sqs_refuses_is_logged(
    queue: Queue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    url: str,
    expected: str,
) -> None:
    (record,) = taken(queue, body())
    record["receiptHandle"] = "gone"
    record["eventSourceARN"] += url
    monkeypatch.setenv("QUEUE_URLS", queue.url + url)
    batch.postpone([batch.Back(record, 1)])
    assert caplog.messages == [expected]


def test_each_queues_messages_are_postponed_there(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "delay", lambda *_: 0)
    monkeypatch.setenv("QUEUE_URLS", f"https://sqs.example/1/other https://sqs.example/1/o.fifo {queue.url}")
    kii.answers.append(fail(httpx.ConnectError))
    settle_batch(taken(queue, body()), pushes, threads, plenty)
    assert queue.messages()


def test_delays_grow_with_full_jitter_and_honour_retry_after() -> None:
    for receives, longest in [(1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (50, 900)]:
        delays = [delay(receives, 0) for _ in range(300)]
        assert 0 <= min(delays) <= longest / 10
        assert longest * 0.9 <= max(delays) <= longest
    assert 60 <= delay(1, 60) <= 65


def test_a_queue_that_nobody_named_brings_its_messages_back_all_the_same(
    kii: Kii, pushes: Delivery, threads: ThreadPoolExecutor, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUEUE_URLS", "")
    kii.answers.append(fail(httpx.ConnectError))
    (record,) = taken(queue, body())
    assert settle_batch([record], pushes, threads, plenty) == [record["messageId"]]
