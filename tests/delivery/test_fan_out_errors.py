"""A fan-out whose queue does not take everything: little is repeated, nothing goes on for ever."""

import json
from typing import Any

import pytest

from kii_push.broadcast import fan_out
from kii_push.broadcast.fan_out import Position
from kii_push.broadcast.store import Line
from kii_push.errors import QueueError
from kii_push.queues import sqs
from tests.delivery.broadcasting import Sale, recipients
from tests.doubles.aws_clients import batch_answer, refused, unreachable
from tests.support import Queue


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fan_out, "_BACKOFF_SECONDS", 0.001)


def first(sale: Sale, number: int, positions: Queue) -> str:
    """Accept and begin; return the first message of the fan-out."""
    assert sale.accept_list(recipients(number))
    sale.begin()
    (message,) = positions.drain()
    return message


def test_only_what_the_queue_refused_is_sent_again(sale: Sale, queue: Queue, positions: Queue) -> None:
    sizes = []

    def send_every_other(**batch: Any) -> Any:
        entries = batch["Entries"]
        sizes.append(len(entries))
        queue.send_entries(entries[::2])
        return batch_answer(entries, failed=entries[1::2])

    sale.pushes = queue.patched(send_message_batch=send_every_other)
    sale.run(first(sale, 8, positions))

    assert sizes == [8, 4, 2, 1]
    sent = [json.loads(body)["id"] for body in queue.drain()]
    assert sorted(sent) == [f"broadcast:sale:{line}" for line in range(1, 9)]


def test_what_is_refused_at_the_first_chunk_comes_back_with_its_message(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    message = first(sale, 2, positions)
    tries: list[int] = []

    def refuse_all(**batch: Any) -> Any:
        tries.append(len(batch["Entries"]))
        return batch_answer(batch["Entries"], failed=batch["Entries"])

    sale.pushes = queue.patched(send_message_batch=refuse_all)
    with pytest.raises(QueueError, match="2 of 2 messages 4 times"):
        sale.run(message)
    assert tries == [2] * 4

    sale.pushes = queue.patched(send_message_batch=refused("ThrottlingException"))
    with pytest.raises(QueueError, match="ThrottlingException"):
        sale.run(message)
    # Nothing new that would begin with ten receptions of its own.
    assert positions.drain() == []


def test_after_an_error_the_fan_out_goes_on_where_it_was_and_later(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    message = first(sale, 1500, positions)
    queued: list[str] = []
    handed_over: list[dict[str, Any]] = []

    def until_full(**batch: Any) -> Any:
        if len(queued) >= 640:
            refused("ThrottlingException")()
        queued.extend(each["MessageBody"] for each in batch["Entries"])
        return batch_answer(batch["Entries"])

    sale.pushes = queue.patched(send_message_batch=until_full)
    sale.positions = positions.patched(send_message=lambda **message: handed_over.append(message))
    sale.run(message)

    (next_one,) = handed_over
    assert next_one["DelaySeconds"] == QueueError.retry_after
    assert json.loads(next_one["MessageBody"])["line"] == 641
    with pytest.raises(QueueError):
        sale.run(next_one["MessageBody"])
    assert handed_over == [next_one]


def test_a_broadcast_that_could_not_begin_is_begun_by_the_same_call_again(
    sale: Sale, positions: Queue
) -> None:
    assert sale.accept_list(recipients(1))
    with pytest.raises(QueueError, match="NonExistentQueue"):
        fan_out.begin("sale", positions.missing())
    with pytest.raises(QueueError, match="EndpointConnectionError"):
        fan_out.begin("sale", sqs.Queue(unreachable("sqs"), positions.url))

    assert sale.accept_list(recipients(1)), "it is to be begun"
    sale.begin()
    (message,) = positions.drain()
    sale.run(message)
    assert not sale.accept_list(recipients(1))


def test_a_message_that_failed_comes_back_soon_and_later_each_time(sale: Sale, positions: Queue) -> None:
    delays: list[int] = []
    sale.positions = positions.patched(
        change_message_visibility=lambda **call: delays.append(call["VisibilityTimeout"])
    )
    for receives in (1, 2, 10):
        record = {"receiptHandle": "r", "attributes": {"ApproximateReceiveCount": str(receives)}}
        sale.fan_out().postpone(record)
    assert 30 <= delays[0] <= 60
    assert 60 <= delays[1] <= 120
    assert 450 <= delays[2] <= 900


def test_a_position_knows_its_line_and_what_is_no_recipient() -> None:
    start = Position("sale")
    texts = (b"\xef\xbb\xbf\n", b'"u-2"\r\n', b"  \t\n", b"\xef\xbb\xbf\n")
    lines = [*(Line(text, len(text)) for text in texts), Line(None, 100_000)]
    numbered = [(1, b""), (2, b'"u-2"'), (3, b""), (4, b"\xef\xbb\xbf"), (5, None)]
    assert list(start.numbered(lines)) == numbered
    assert start.after(lines) == Position("sale", offset=4 + 7 + 4 + 4 + 100_000, line=6, blank=2)
