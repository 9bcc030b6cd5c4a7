"""Broadcasts on a real table, bucket and queue: fanned out, counted, stopped, safe to repeat."""

import hashlib
import json
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import UNSET

from kii_push.broadcast import fan_out, store
from kii_push.common import observability
from kii_push.errors import IDConflict
from kii_push.queues.unattended import UnattendedDelivery
from tests.delivery.broadcasting import MESSAGE, NOTHING, Sale, recipients, request_for, request_for_list
from tests.delivery.push_requests import BROADCAST, queued
from tests.doubles.scripted_kii import ScriptedKii
from tests.support import Queue

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_a_broadcast_reaches_each_recipient_once_and_is_counted(
    sale: Sale, queue: Queue, positions: Queue, unattended: UnattendedDelivery, kii: ScriptedKii
) -> None:
    assert sale.broadcasts.accept(request_for("u-1", "u-2", "me", {"user": "u-3"}))
    assert sale.progress().status == "queueing"
    sale.begin()
    for position in positions.drain() * 2:  # SQS may deliver it twice
        sale.run(position)
    bodies = queue.drain()
    assert len(bodies) == 6
    assert sale.progress().status == "sending"
    assert sale.progress().pending == 3
    for body in bodies:
        unattended.deliver(queued(body, origin=BROADCAST))
    assert len(kii.sent) == 3
    done = sale.progress()
    assert (done.status, done.recipients, done.pending) == ("done", 4, 0)
    assert done.counts == NOTHING | {"sent": 3, "rejected": 1}
    rejected = sale.ledger.find("broadcast:sale:3")
    assert rejected
    assert rejected.reason
    assert "me" in rejected.reason


def test_a_long_one_is_handed_over_where_the_time_ends(sale: Sale, queue: Queue, positions: Queue) -> None:
    assert sale.accept_list(recipients(1500))
    sale.begin()
    runs = 0
    while messages := positions.drain():
        runs += 1
        for position in messages:
            sale.run(position, lambda: 0)
    assert runs == 4, "three chunks, and one that finds the end"
    pushes = [json.loads(body) for body in queue.drain()]
    assert sorted(int(each["id"].rpartition(":")[2]) for each in pushes) == list(range(1, 1501))
    assert all(each["target"]["user"] == "u-" + each["id"].rpartition(":")[2] for each in pushes)
    assert sale.progress().recipients == 1500


LONG = b'{"user": "u-2", "values": {"a": "' + b"x" * 200_000 + b'"}}'


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_that_is_too_long_is_one_rejected_recipient(
    sale: Sale, queue: Queue, positions: Queue, end: bytes
) -> None:
    longest = b'"u-5"'.ljust(store.MAX_LINE_BYTES - len(end))
    assert sale.accept_list(
        end.join([b'"u-1"', LONG, b'"u-3"', b" " * 100_000, longest, longest + b" ", LONG])
    )
    sale.begin()
    sale.run(positions.drain()[0])
    pushes = {each["id"]: each["target"]["user"] for each in map(json.loads, queue.drain())}
    taken = {f"broadcast:sale:{line}": f"u-{line}" for line in (1, 3, 5)}
    assert pushes == taken, "an ID names the line of the file"
    assert (sale.progress().recipients, sale.progress().counts["rejected"]) == (7, 4)
    record = sale.ledger.find("broadcast:sale:2")
    assert record
    assert record.reason == "the line is longer than 65536 bytes"


def test_the_last_line_may_be_the_longest_that_is_taken(sale: Sale) -> None:
    assert sale.accept_list(b"\n" + b"x" * store.MAX_LINE_BYTES)
    assert [line.size for line in sale.lines()] == [1, store.MAX_LINE_BYTES]
    assert all(line.text for line in sale.lines())


def test_a_list_that_is_one_long_line_is_one_recipient_and_fills_no_memory(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    content = json.dumps([f"u-{number}" for number in range(2_000_000)]).encode()
    assert sale.accept_list(content)
    sale.begin()
    (position,) = positions.drain()
    tracemalloc.start()
    sale.run(position)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < len(content) // 4
    assert queue.drain() == []
    assert sale.progress().counts["rejected"] == sale.progress().recipients == 1


def test_the_time_is_looked_at_amid_long_lines(
    sale: Sale, positions: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "_CHUNK_BYTES", 300_000)
    assert sale.accept_list(b"\n".join([LONG] * 5))
    sale.begin()
    sale.run(positions.drain()[0], lambda: 0)
    assert json.loads(positions.drain()[0])["line"] == 3


def test_a_broadcast_of_release_0_1_0_keeps_its_ids_and_is_recognised(
    sale: Sale, s3: "S3Client", queue: Queue, positions: Queue
) -> None:
    assert sale.accept_list(b"\n".join([b'"u-1"', LONG, b'"u-3"']))
    job = json.loads(s3.get_object(Bucket=sale.bucket, Key="jobs/sale")["Body"].read())
    assert job.pop("idForm") == 2
    as_before = json.dumps(job, separators=(",", ":")).encode()
    s3.put_object(Bucket=sale.bucket, Key="jobs/sale", Body=as_before)
    assert sale.item()["fingerprint"]["S"] == hashlib.sha256(as_before).hexdigest()
    sale.begin()
    sale.run(positions.drain()[0])
    pushes = {each["id"]: each["target"]["user"] for each in map(json.loads, queue.drain())}
    assert pushes == {"sale:1": "u-1", "sale:6": "u-3"}, "the long line is four pieces"
    assert (sale.progress().recipients, sale.progress().counts["rejected"]) == (6, 4)


def test_an_empty_list_is_soon_done(sale: Sale, positions: Queue) -> None:
    assert sale.accept_list(b"")
    sale.begin()
    sale.run(positions.drain()[0])
    assert (sale.progress().status, sale.progress().recipients) == ("done", 0)


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The broadcasts that an alarm tells of, each with the reason."""
    logged: list[tuple[str, str]] = []
    monkeypatch.setattr(observability, "broadcast_failed", lambda *said: logged.append(said))
    return logged


def test_a_list_that_changes_under_way_stops_the_fan_out_and_someone_is_told_once(
    sale: Sale, queue: Queue, positions: Queue, failures: list[tuple[str, str]]
) -> None:
    assert sale.accept_list(b'"u-1"\n')
    sale.put_list(b'"u-2"\n')
    sale.begin()
    for position in positions.drain() * 2:  # SQS may deliver it twice
        sale.run(position)
    assert queue.drain() == positions.drain() == []
    failed = sale.progress()
    reason = "the list of recipients was overwritten meanwhile; queued were the lines before 1"
    assert (failed.status, failed.recipients, failed.reason) == ("failed", None, reason)
    assert failures == [("sale", reason)]
    with pytest.raises(IDConflict):
        sale.broadcasts.accept(request_for_list())


def test_a_list_that_is_deleted_under_way_fails_where_the_fan_out_was(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    assert sale.accept_list(recipients(700))
    sale.begin()
    (first,) = positions.drain()
    sale.run(first, lambda: 0)
    (second,) = positions.drain()
    sale.delete_list()
    for position in (second, first):
        sale.run(position)
    assert len(queue.drain()) == 640
    failed = sale.progress()
    reason = "the list of recipients is not there any more; queued were the lines before 641"
    assert (failed.status, failed.reason) == ("failed", reason)
    assert sale.broadcasts.stop("sale"), "what is queued may still be held back"
    assert sale.progress().status == "stopped"


def test_what_was_all_queued_does_not_fail_any_more(
    sale: Sale, positions: Queue, failures: list[tuple[str, str]]
) -> None:
    assert sale.accept_list(b'"u-1"\n')
    sale.begin()
    (position,) = positions.drain()
    sale.run(position)
    sale.delete_list()
    sale.run(position)  # delivered twice
    assert (sale.progress().status, sale.progress().recipients) == ("sending", 1)
    assert failures == []


def test_large_messages_go_in_smaller_batches(sale: Sale, queue: Queue, positions: Queue) -> None:
    sizes: list[int] = []

    def measured(**batch: Any) -> Any:
        sizes.append(sum(len(entry["MessageBody"]) for entry in batch["Entries"]))
        return queue.send_entries(batch["Entries"])

    sale.pushes = queue.patched(send_message_batch=measured)
    users = [{"user": f"u-{number}", "values": {"text": "x" * 60_000}} for number in range(10)]
    template = {**MESSAGE, "data": {"m": "${text}"}}
    assert sale.broadcasts.accept(request_for(*users, message=UNSET, template=template))
    sale.begin()
    sale.run(positions.drain()[0])
    assert len(sizes) == 4
    assert max(sizes) < 256 * 1024
    assert len(queue.drain()) == 10


def test_one_recipient_whom_a_queue_would_not_take_does_not_stop_the_others(
    sale: Sale, queue: Queue, positions: Queue
) -> None:
    # The second has 50,000 characters in all, each of which is six bytes on the queue.
    texts = ("x" * 60_000, "あ" * 10_000, "x", "\uffff")
    users = [{"user": "u-1", "values": {"text": text}} for text in texts]
    template = {**MESSAGE, "data": {"m": "${text}", **dict.fromkeys("abcd", "${text}")}}
    assert sale.broadcasts.accept(request_for(*users, message=UNSET, template=template))
    sale.begin()
    sale.run(positions.drain()[0])
    bodies = queue.drain()
    assert all(body.isascii() for body in bodies)
    assert {json.loads(body)["message"]["data"]["m"] for body in bodies} == {"x", "\uffff"}
    assert sale.progress().counts["rejected"] == 2
    reasons = [record.reason for line in (1, 2) if (record := sale.ledger.find(f"broadcast:sale:{line}"))]
    assert reasons == [
        "template: becomes longer than 262144 bytes with this recipient's values",
        "the push has 300217 bytes; at most 262144 are taken",
    ]


def test_stopping_holds_back_what_is_queued_and_what_is_not(
    sale: Sale, queue: Queue, positions: Queue, unattended: UnattendedDelivery, kii: ScriptedKii
) -> None:
    assert sale.broadcasts.accept(request_for("u-1", "u-2"))
    sale.begin()
    (position,) = positions.drain()
    sale.run(position)
    one, two = queue.drain()
    unattended.deliver(queued(one, origin=BROADCAST))
    assert sale.broadcasts.stop("sale")
    time.sleep(2.1)  # an environment may go by what it knew for two seconds
    unattended.deliver(queued(two, origin=BROADCAST))
    assert len(kii.sent) == 1
    sale.run(position)
    assert queue.drain() == positions.drain() == []
    sale.broadcasts.set_phase("sale", "queued", 2)
    sale.broadcasts.fail("sale", "too late")
    stopped = sale.progress()
    assert stopped.status == "stopped"
    assert (stopped.counts["sent"], stopped.counts["cancelled"]) == (1, 1)


def test_it_is_safe_to_repeat(sale: Sale, positions: Queue) -> None:
    assert sale.broadcasts.accept(request_for("u-1"))
    assert sale.broadcasts.accept(request_for("u-1")), "its sender may have died before the fan-out began"
    sale.begin()
    sale.run(positions.drain()[0])
    assert not sale.broadcasts.accept(request_for("u-1"))
    with pytest.raises(IDConflict, match="sale"):
        sale.broadcasts.accept(request_for("u-2"))
