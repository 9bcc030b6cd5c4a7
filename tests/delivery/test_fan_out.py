"""Broadcasts on a real table, bucket and queue: fanned out, counted, stopped, safe to repeat."""

import json
import time
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError
from msgspec import UNSET

from kii_push.broadcast import fan_out, store
from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.store import Broadcasts, Progress, SourceGone
from kii_push.common import aws
from kii_push.errors import IDConflict, InvalidRequest, LedgerError
from kii_push.push import stop_switch
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger
from kii_push.push.stop_switch import StopSwitch
from kii_push.queues.unattended import settle
from tests.delivery.conftest import Kii

if TYPE_CHECKING:
    from tests.support import Queue

MESSAGE = {"data": {"m": "hi"}, "gcm": {"enabled": True}, "apns": {"enabled": False}}


@pytest.fixture
def bucket() -> str:
    name = f"broadcasts-{uuid4().hex}"
    location: Any = {"LocationConstraint": aws.s3().meta.region_name}
    aws.s3().create_bucket(Bucket=name, CreateBucketConfiguration=location)
    return name


@pytest.fixture
def kept(table: str, bucket: str) -> Broadcasts:
    return Broadcasts(aws.dynamodb(), table, aws.s3(), bucket, days=30)


@pytest.fixture
def switch(table: str) -> StopSwitch:
    return StopSwitch(aws.dynamodb(), table)


@pytest.fixture(autouse=True)
def _queues(queue: "Queue", dead_letters: "Queue", monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue for the pushes, and one for the stretches (any other will do)."""
    monkeypatch.setenv("BROADCAST_QUEUE_URL", queue.url)
    monkeypatch.setenv("FAN_OUT_QUEUE_URL", dead_letters.url)


def asked(*recipients: Any, **more: Any) -> broadcast_request.BroadcastRequest:
    given = {"message": MESSAGE, "recipients": list(recipients), **more}
    value = {name: each for name, each in given.items() if each is not UNSET}
    return broadcast_request.from_json(value, default_id="sale", confirm_above=100)


def asked_of_list() -> broadcast_request.BroadcastRequest:
    value = {"message": MESSAGE, "recipientsKey": "lists/all", "confirm": True}
    return broadcast_request.from_json(value, default_id="sale", confirm_above=100)


def put_list(bucket: str, lines: str) -> None:
    aws.s3().put_object(Bucket=bucket, Key="lists/all", Body=lines.encode())


def plenty() -> int:
    return 60_000


def drain(queue: "Queue") -> list[str]:
    """Take everything off a queue."""
    found: list[str] = []
    while messages := queue.messages():
        for message in messages:
            found.append(message["Body"])
            aws.sqs().delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
    return found


def progress(kept: Broadcasts) -> Progress:
    found = kept.progress("sale")
    assert found
    return found


def test_a_broadcast_reaches_each_recipient_once_and_is_counted(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue",
    pushes: Delivery, kii: Kii,
) -> None:  # fmt: skip
    assert kept.accept(asked("u-1", "u-2", "me", {"user": "u-3"}))
    assert progress(kept).status == "queueing"
    fan_out.begin("sale")
    for stretch in drain(dead_letters) * 2:  # SQS may deliver it twice
        fan_out.run(stretch, kept, ledger, switch, plenty)
    bodies = drain(queue)
    assert len(bodies) == 6
    assert progress(kept).status == "sending"
    assert progress(kept).pending == 3
    for body in bodies:
        settle(body, "unused", pushes)
    assert len(kii.sent) == 3
    done = progress(kept)
    assert (done.status, done.recipients, done.pending) == ("done", 4, 0)
    assert done.counts == {"sent": 3, "rejected": 1, "not_sent": 0, "unknown": 0, "expired": 0}
    refused = ledger.find("sale:3")
    assert refused
    assert refused.reason
    assert "me" in refused.reason


def test_a_long_one_is_handed_over_where_the_time_ends(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue", bucket: str
) -> None:
    put_list(bucket, "".join(f'"u-{number}"\n' for number in range(1, 1501)))
    assert kept.accept(asked_of_list())
    fan_out.begin("sale")
    runs = 0
    while stretches := drain(dead_letters):
        runs += 1
        for stretch in stretches:
            fan_out.run(stretch, kept, ledger, switch, lambda: 0)
    assert runs == 4, "three stretches, and one that finds the end"
    sent = [json.loads(body) for body in drain(queue)]
    assert sorted(int(each["id"].partition(":")[2]) for each in sent) == list(range(1, 1501))
    assert all(each["target"]["user"] == "u-" + each["id"].partition(":")[2] for each in sent)
    assert progress(kept).recipients == 1500


def test_a_list_that_is_one_long_line_is_read_in_pieces(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue", bucket: str
) -> None:
    put_list(bucket, json.dumps([f"u-{number}" for number in range(20_000)]))
    assert kept.accept(asked_of_list())
    job = kept.job("sale")
    assert [len(line) for line in kept.lines(job, 0)][:2] == [store.LONGEST_LINE] * 2
    fan_out.begin("sale")
    fan_out.run(drain(dead_letters)[0], kept, ledger, switch, plenty)
    assert drain(queue) == []
    assert progress(kept).counts["rejected"] == progress(kept).recipients == 4


def test_a_recipient_who_would_be_read_in_pieces_is_refused(kept: Broadcasts) -> None:
    with pytest.raises(InvalidRequest, match="65536 bytes"):
        kept.accept(asked("u-1", {"user": "u-2", "values": {"text": "x" * 65_536}}))
    assert kept.progress("sale") is None


def test_an_empty_list_is_soon_done(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, dead_letters: "Queue", bucket: str
) -> None:
    put_list(bucket, "")
    assert kept.accept(asked_of_list())
    fan_out.begin("sale")
    fan_out.run(drain(dead_letters)[0], kept, ledger, switch, plenty)
    assert (progress(kept).status, progress(kept).recipients) == ("done", 0)


def test_a_list_that_changes_under_way_stops_the_fan_out(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue", bucket: str
) -> None:
    put_list(bucket, '"u-1"\n')
    assert kept.accept(asked_of_list())
    put_list(bucket, '"u-2"\n')
    fan_out.begin("sale")
    fan_out.run(drain(dead_letters)[0], kept, ledger, switch, plenty)
    assert drain(queue) == drain(dead_letters) == []
    failed = progress(kept)
    reason = "the list of recipients was overwritten meanwhile; queued were the lines before 1"
    assert (failed.status, failed.recipients, failed.reason) == ("failed", None, reason)
    with pytest.raises(IDConflict):
        kept.accept(asked_of_list())


def test_a_list_that_is_deleted_under_way_fails_where_the_fan_out_was(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue", bucket: str
) -> None:
    put_list(bucket, "".join(f'"u-{number}"\n' for number in range(1, 701)))
    assert kept.accept(asked_of_list())
    fan_out.begin("sale")
    (first,) = drain(dead_letters)
    fan_out.run(first, kept, ledger, switch, lambda: 0)
    (second,) = drain(dead_letters)
    aws.s3().delete_object(Bucket=bucket, Key="lists/all")
    for stretch in (second, first):
        fan_out.run(stretch, kept, ledger, switch, plenty)
    assert len(drain(queue)) == 640
    failed = progress(kept)
    reason = "the list of recipients is not there any more; queued were the lines before 641"
    assert (failed.status, failed.reason) == ("failed", reason)
    assert kept.stop("sale"), "what is queued may still be held back"
    assert progress(kept).status == "stopped"


def test_what_was_all_queued_does_not_fail_any_more(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, dead_letters: "Queue", bucket: str
) -> None:
    put_list(bucket, '"u-1"\n')
    assert kept.accept(asked_of_list())
    fan_out.begin("sale")
    (stretch,) = drain(dead_letters)
    fan_out.run(stretch, kept, ledger, switch, plenty)
    aws.s3().delete_object(Bucket=bucket, Key="lists/all")
    fan_out.run(stretch, kept, ledger, switch, plenty)  # delivered twice
    assert (progress(kept).status, progress(kept).recipients) == ("sending", 1)


def test_a_list_that_is_not_there_is_refused(
    kept: Broadcasts, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.s3().put_object(Bucket=bucket, Key="lists/all.ndjson", Body=b"")
    with pytest.raises(InvalidRequest) as caught:
        kept.accept(asked_of_list())
    assert caught.value.violations[0].field == "recipientsKey"
    assert kept.progress("sale") is None

    def forbidden(**_: object) -> NoReturn:
        raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    monkeypatch.setattr(aws.s3(), "head_object", forbidden)
    with pytest.raises(LedgerError, match="403"):
        kept.accept(asked_of_list())


def test_large_messages_go_in_smaller_batches(
    kept: Broadcasts,
    ledger: Ledger,
    switch: StopSwitch,
    queue: "Queue",
    dead_letters: "Queue",
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    send = aws.sqs().send_message_batch

    def measured(**batch: Any) -> Any:
        sizes.append(sum(len(entry["MessageBody"]) for entry in batch["Entries"]))
        return send(**batch)

    monkeypatch.setattr(aws.sqs(), "send_message_batch", measured)
    recipients = [{"user": f"u-{number}", "values": {"text": "x" * 60_000}} for number in range(10)]
    assert kept.accept(asked(*recipients, message=UNSET, template={**MESSAGE, "data": {"m": "${text}"}}))
    fan_out.begin("sale")
    fan_out.run(drain(dead_letters)[0], kept, ledger, switch, plenty)
    assert len(sizes) == 4
    assert max(sizes) < 256 * 1024
    assert len(drain(queue)) == 10


def test_one_recipient_whom_a_queue_would_not_take_does_not_stop_the_others(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue"
) -> None:
    recipients = [{"user": "u-1", "values": {"text": text}} for text in ("x" * 60_000, "x", "\uffff")]
    template = {**MESSAGE, "data": {"m": "${text}", **dict.fromkeys("abcd", "${text}")}}
    assert kept.accept(asked(*recipients, message=UNSET, template=template))
    fan_out.begin("sale")
    fan_out.run(drain(dead_letters)[0], kept, ledger, switch, plenty)
    bodies = drain(queue)
    assert all(body.isascii() for body in bodies)
    assert {json.loads(body)["message"]["data"]["m"] for body in bodies} == {"x", "\uffff"}
    assert progress(kept).counts["rejected"] == 1
    entry = ledger.find("sale:1")
    assert entry
    assert "bytes" in str(entry.reason)


def test_stopping_holds_back_what_is_queued_and_what_is_not(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, queue: "Queue", dead_letters: "Queue",
    pushes: Delivery, kii: Kii,
) -> None:  # fmt: skip
    assert kept.accept(asked("u-1", "u-2"))
    fan_out.begin("sale")
    (stretch,) = drain(dead_letters)
    fan_out.run(stretch, kept, ledger, switch, plenty)
    one, two = drain(queue)
    settle(one, "unused", pushes)
    assert kept.stop("sale")
    time.sleep(2.1)  # an environment may go by what it knew for two seconds
    settle(two, "unused", pushes)
    assert len(kii.sent) == 1
    fan_out.run(stretch, kept, ledger, switch, plenty)
    assert drain(queue) == drain(dead_letters) == []
    kept.set_phase("sale", "queued", 2)
    kept.fail("sale", "too late")
    stopped = progress(kept)
    assert stopped.status == "stopped"
    assert (stopped.counts["sent"], stopped.counts["expired"]) == (1, 1)


def test_it_is_safe_to_repeat(
    kept: Broadcasts, ledger: Ledger, switch: StopSwitch, dead_letters: "Queue"
) -> None:
    assert kept.accept(asked("u-1"))
    assert kept.accept(asked("u-1")), "its first sender may have died before the fan-out began"
    fan_out.begin("sale")
    fan_out.run(drain(dead_letters)[0], kept, ledger, switch, plenty)
    assert not kept.accept(asked("u-1"))
    with pytest.raises(IDConflict, match="sale"):
        kept.accept(asked("u-2"))


def test_unheard_of_broadcasts(kept: Broadcasts) -> None:
    assert kept.progress("sale") is None
    assert not kept.stop("sale")
    with pytest.raises(SourceGone, match="the message is not there any more"):
        kept.job("sale")
    kept.set_phase("sale", "queueing")
    assert kept.progress("sale") is None, "forgotten meanwhile, it does not come up again"


def test_without_connection_nothing_is_kept_or_known(
    monkeypatch: pytest.MonkeyPatch, bucket: str, table: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    aws.dynamodb.cache_clear()
    nowhere = aws.dynamodb()
    with pytest.raises(LedgerError, match="EndpointConnectionError"):
        Broadcasts(nowhere, table, aws.s3(), bucket, days=30).progress("sale")
    with pytest.raises(LedgerError, match="EndpointConnectionError"):
        StopSwitch(nowhere, table).check("sale")


def test_the_environment_names_table_and_bucket(
    monkeypatch: pytest.MonkeyPatch, table: str, bucket: str
) -> None:
    for name, value in {"LEDGER_TABLE": table, "BROADCAST_BUCKET": bucket, "LEDGER_DAYS": "30"}.items():
        monkeypatch.setenv(name, value)
    kept = store.from_environment()
    assert kept.accept(asked("u-1"))
    assert kept.job("sale").message == MESSAGE
    stop_switch.from_environment().check("sale")
