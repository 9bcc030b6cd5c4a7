"""A fan-out whose queue does not take everything: little is repeated, nothing goes on for ever."""

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from kii_push.broadcast import fan_out
from kii_push.broadcast.fan_out import Position
from kii_push.common import aws
from kii_push.errors import QueueError
from tests.delivery.broadcasting import Sale, recipients

if TYPE_CHECKING:
    from tests.support import Queue

NOWHERE = "http://127.0.0.1:9/000000000000/nowhere"


@pytest.fixture
def sale(table: str, queue: "Queue", dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch) -> Sale:
    monkeypatch.setenv("BROADCAST_QUEUE_URL", queue.url)
    monkeypatch.setenv("FAN_OUT_QUEUE_URL", dead_letters.url)
    monkeypatch.setattr(fan_out, "_PAUSE", 0.001)
    return Sale(table)


def first(sale: Sale, number: int, stretches: "Queue") -> str:
    """Accept and begin; return the first message of the fan-out."""
    assert sale.accept(recipients(number))
    fan_out.begin("sale")
    (message,) = taken(stretches)
    return message


def taken(queue: "Queue") -> list[str]:
    return [each["Body"] for each in queue.messages()]


def throttled(*_: Any, **__: Any) -> Any:
    raise ClientError({"Error": {"Code": "ThrottlingException"}}, "SendMessageBatch")


def test_only_what_the_queue_refused_is_sent_again(
    sale: Sale, queue: "Queue", dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch
) -> None:
    send, sizes = aws.sqs().send_message_batch, []

    def partly(**batch: Any) -> Any:
        """Take every other message."""
        entries = batch.pop("Entries")
        sizes.append(len(entries))
        send(Entries=entries[::2], **batch)
        failed = [{"Id": each["Id"], "SenderFault": False, "Code": "InternalError"} for each in entries[1::2]]
        return {"Failed": failed}

    monkeypatch.setattr(aws.sqs(), "send_message_batch", partly)
    sale.run(first(sale, 8, dead_letters))

    assert sizes == [8, 4, 2, 1]
    sent = [json.loads(body)["id"] for body in taken(queue)]
    assert sorted(sent) == [f"sale:{line}" for line in range(1, 9)]


def test_what_is_refused_at_the_first_stretch_comes_back_with_its_message(
    sale: Sale, dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch
) -> None:
    message = first(sale, 2, dead_letters)
    tries: list[int] = []

    def refused(**batch: Any) -> Any:
        tries.append(len(batch["Entries"]))
        return {"Failed": [{"Id": each["Id"]} for each in batch["Entries"]]}

    monkeypatch.setattr(aws.sqs(), "send_message_batch", refused)
    with pytest.raises(QueueError, match="2 of 2 messages 4 times"):
        sale.run(message)
    assert tries == [2] * 4

    monkeypatch.setattr(aws.sqs(), "send_message_batch", throttled)
    with pytest.raises(QueueError, match="ThrottlingException"):
        sale.run(message)
    # Nothing new that would begin with ten receptions of its own.
    assert taken(dead_letters) == []


def test_after_an_error_the_fan_out_goes_on_where_it_was_and_later(
    sale: Sale, dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch
) -> None:
    message = first(sale, 1500, dead_letters)
    queued: list[str] = []
    handed_over: list[dict[str, Any]] = []

    def until_full(**batch: Any) -> Any:
        if len(queued) >= 640:
            throttled()
        queued.extend(each["MessageBody"] for each in batch["Entries"])
        return {}

    monkeypatch.setattr(aws.sqs(), "send_message_batch", until_full)
    monkeypatch.setattr(aws.sqs(), "send_message", lambda **message: handed_over.append(message))
    sale.run(message)

    (next_one,) = handed_over
    assert next_one["DelaySeconds"] == QueueError.retry_after
    assert json.loads(next_one["MessageBody"])["line"] == 641
    with pytest.raises(QueueError):
        sale.run(next_one["MessageBody"])
    assert handed_over == [next_one]


def test_a_broadcast_that_could_not_begin_is_begun_by_the_same_call_again(
    sale: Sale, dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sale.accept(recipients(1))
    with monkeypatch.context() as patch:
        patch.setenv("FAN_OUT_QUEUE_URL", f"{dead_letters.url}-deleted")
        with pytest.raises(QueueError, match="NonExistentQueue"):
            fan_out.begin("sale")
        patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        aws.sqs.cache_clear()
        with pytest.raises(QueueError, match="EndpointConnectionError"):
            fan_out.begin("sale")
    aws.sqs.cache_clear()

    assert sale.accept(recipients(1)), "it is to be begun"
    fan_out.begin("sale")
    (message,) = taken(dead_letters)
    sale.run(message)
    assert not sale.accept(recipients(1))


def test_a_message_that_failed_comes_back_soon_and_later_each_time(
    sale: Sale, dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch
) -> None:
    first(sale, 1, dead_letters)
    asked: list[int] = []
    monkeypatch.setattr(
        aws.sqs(), "change_message_visibility", lambda **call: asked.append(call["VisibilityTimeout"])
    )
    for receives in (1, 2, 10):
        fan_out.postpone({"receiptHandle": "r", "attributes": {"ApproximateReceiveCount": str(receives)}})
    assert 30 <= asked[0] <= 60
    assert 60 <= asked[1] <= 120
    assert 450 <= asked[2] <= 900


def test_a_position_knows_its_line_and_what_is_no_recipient() -> None:
    start = Position("sale")
    lines = [b"\xef\xbb\xbf\n", b'"u-2"\r\n', b"  \t\n", b"\xef\xbb\xbf\n"]
    assert list(start.numbered(lines)) == [(1, b""), (2, b'"u-2"'), (3, b""), (4, b"\xef\xbb\xbf")]
    assert start.after(lines) == Position("sale", offset=4 + 7 + 4 + 4, line=5, blank=2)
