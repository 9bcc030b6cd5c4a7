"""Dead letters on real queues: grouped by cause, put back by cause, never lost."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from kii_push.common import aws
from kii_push.dead_letters.actions import drop, groups, redrive
from kii_push.errors import InvalidRequest, NoAnswer, Outcome, PushError, Violation, kii_error
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger
from kii_push.push.request import parse
from kii_push.queues import sqs as queues
from kii_push.queues.unattended import Settlement, settle
from tests.delivery.conftest import Kii, body
from tests.delivery.test_delivery import fail
from tests.support import Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs.literals import QueueAttributeNameType


@pytest.fixture(autouse=True)
def fifo(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """Stands for the FIFO queue and for its dead letters: here only names and groups matter."""
    queue = Queue(endpoint)
    monkeypatch.setenv("DEAD_LETTER_FIFO_QUEUE_URL", queue.url)
    yield queue
    queue.close()


def plenty() -> int:
    return 60_000


def text(push_id: str, **more: Any) -> str:
    return json.dumps(body(push_id, **more))


HOW_IT_CAME_ABOUT = {
    "unknown": fail(httpx.ReadTimeout),
    "rejected USER_NOT_FOUND": lambda _: httpx.Response(404, json={"errorCode": "USER_NOT_FOUND"}),
    "exhausted": lambda _: httpx.Response(503),
}


def put(*letters: tuple[str, PushError]) -> None:
    for letter, error in letters:
        queues.dead_letter(letter, json.loads(letter)["id"], error)


@pytest.mark.usefixtures("queue")
def test_letters_are_grouped_by_cause_with_their_age(dead_letters: Queue) -> None:
    put(
        (text("a"), kii_error(404, "USER_NOT_FOUND")),
        (text("b"), kii_error(404, "USER_NOT_FOUND")),
        (text("c"), InvalidRequest(Violation("message.data.from", "is reserved"))),
        (text("d"), NoAnswer("timeout")),
    )
    aws.sqs().send_message(QueueUrl=dead_letters.url, MessageBody=text("e"))
    found = {group.cause: group for group in groups(plenty).groups}
    assert {cause: group.count for cause, group in found.items()} == {
        "rejected USER_NOT_FOUND": 2,
        "rejected message.data.from": 1,
        "unknown": 1,
        "exhausted": 1,
    }
    assert sorted(found["rejected USER_NOT_FOUND"].examples) == ["a", "b"]
    assert found["exhausted"].examples == ["e"]
    assert 0 <= found["unknown"].newest <= found["unknown"].oldest < 60
    assert sum(group.count for group in groups(plenty).groups) == 5, "looking does not take them away"


def test_one_cause_goes_back_the_others_stay(dead_letters: Queue, queue: Queue) -> None:
    put((text("a"), kii_error(404, "USER_NOT_FOUND")), (text("b"), NoAnswer("timeout")))
    done = redrive("rejected USER_NOT_FOUND", plenty)
    assert (done.cause, done.put_back, done.dropped, done.complete) == ("rejected USER_NOT_FOUND", 1, 0, True)
    assert [json.loads(each["Body"])["id"] for each in queue.messages()] == ["a"]
    assert [group.cause for group in groups(plenty).groups] == ["unknown"]
    assert dead_letters.messages()


@pytest.mark.usefixtures("dead_letters")
def test_unknown_is_sent_again_only_when_named(queue: Queue, pushes: Delivery, kii: Kii) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert settle(text("a"), "sqs-1", pushes).outcome == Outcome.UNKNOWN
    assert redrive("exhausted", plenty).put_back == 0
    assert redrive("unknown", plenty).put_back == 1
    (message,) = queue.messages()
    assert settle(message["Body"], "sqs-2", pushes).outcome == Outcome.SENT
    assert len(kii.sent) == 1


@pytest.mark.usefixtures("dead_letters")
def test_a_push_keeps_the_id_that_the_ledger_knows(queue: Queue) -> None:
    nameless = json.dumps({key: value for key, value in body().items() if key != "id"})
    queues.dead_letter(nameless, "sqs-1", kii_error(404, "USER_NOT_FOUND"))
    redrive("rejected USER_NOT_FOUND", plenty)
    (message,) = queue.messages()
    assert json.loads(message["Body"])["id"] == "sqs-1"


@pytest.mark.parametrize("cause", ["unknown", "rejected USER_NOT_FOUND", "exhausted"])
def test_what_came_too_late_goes_back_to_be_recorded(
    cause: str, dead_letters: Queue, queue: Queue, pushes: Delivery, kii: Kii, ledger: Ledger
) -> None:
    letter = text("a", notAfter=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    kii.answers.append(HOW_IT_CAME_ABOUT[cause])
    settle(letter, "sqs-1", pushes)
    if cause == "exhausted":
        aws.sqs().send_message(QueueUrl=dead_letters.url, MessageBody=letter)
    time.sleep(1.1)
    done = redrive(cause, plenty)
    assert (done.put_back, done.dropped, done.failed) == (0, 1, 0)
    (message,) = queue.messages()
    assert settle(message["Body"], "sqs-2", pushes) == Settlement(Outcome.EXPIRED)
    entry = ledger.find("a")
    assert entry
    # That it is too late for another try does not tell what became of the first.
    assert entry.outcome == (Outcome.UNKNOWN if cause == "unknown" else Outcome.EXPIRED)
    assert kii.sent == []
    assert groups(plenty).about == 0


@pytest.mark.usefixtures("dead_letters")
def test_what_comes_straight_back_stays_until_asked_for_again(
    queue: Queue, pushes: Delivery, kii: Kii
) -> None:
    def user_not_found(_: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={"errorCode": "USER_NOT_FOUND"})

    def settle_all() -> int:
        messages = queue.messages()
        for message in messages:
            settle(message["Body"], message["MessageId"], pushes)
            aws.sqs().delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])
        return len(messages)

    def plenty_while_others_work() -> int:
        settle_all()
        return 60_000

    kii.answers += [user_not_found] * 5
    settle(text("a"), "sqs-1", pushes)
    first = redrive("rejected USER_NOT_FOUND", plenty_while_others_work)
    assert (first.put_back, first.complete) == (1, True)
    assert len(kii.answers) == 3, "it was tried once more, and refused again"
    assert [group.count for group in groups(plenty).groups] == [1]
    assert redrive("rejected USER_NOT_FOUND", plenty, first.before).put_back == 0
    assert redrive("rejected USER_NOT_FOUND", plenty).put_back == 1


@pytest.mark.parametrize("unreadable", ["{", "[]", "[" * 100_000, '{"id":5}'])
def test_what_cannot_be_read_goes_back_as_it_is(dead_letters: Queue, queue: Queue, unreadable: str) -> None:
    aws.sqs().send_message(QueueUrl=dead_letters.url, MessageBody=unreadable)
    assert redrive("exhausted", plenty).put_back == 1
    assert [each["Body"] for each in queue.messages()] == [unreadable]


def test_what_sqs_gave_up_keeps_its_message_id_and_may_have_any_attributes(
    dead_letters: Queue, queue: Queue
) -> None:
    nameless = json.dumps({key: value for key, value in body().items() if key != "id"})
    sent = aws.sqs().send_message(
        QueueUrl=dead_letters.url,
        MessageBody=nameless,
        MessageAttributes={"trace": {"DataType": "Binary", "BinaryValue": b"\x00"}},
    )
    assert redrive("exhausted", plenty).put_back == 1
    (message,) = queue.messages()
    assert json.loads(message["Body"])["id"] == sent["MessageId"]
    assert UUID(sent["MessageId"])


@pytest.mark.parametrize("own_id", ["a", None])
def test_a_failed_invocation_goes_back_as_the_push_it_was(
    dead_letters: Queue, queue: Queue, own_id: str | None
) -> None:
    asked = {key: value for key, value in body("a").items() if key != "id" or own_id}
    kept = {
        "version": "1.0",
        "requestContext": {"requestId": "request-1", "condition": "RetriesExhausted"},
        "requestPayload": asked,
    }
    aws.sqs().send_message(QueueUrl=dead_letters.url, MessageBody=json.dumps(kept))
    (group,) = groups(plenty).groups
    assert (group.cause, group.examples) == ("fault", [own_id or "request-1"])
    assert redrive("fault", plenty).put_back == 1
    assert [json.loads(each["Body"]) for each in queue.messages()] == [{**asked, "id": own_id or "request-1"}]


@pytest.fixture
def fifo_urls(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:  # noqa: ARG001 (MiniStack's)
    """The FIFO queue's dead letters, and the FIFO queue."""
    urls = []
    for variable in ("DEAD_LETTER_FIFO_QUEUE_URL", "PUSH_FIFO_QUEUE_URL"):
        name = f"test-{uuid4().hex}.fifo"
        attributes: dict[QueueAttributeNameType, str] = {
            "FifoQueue": "true",
            "ContentBasedDeduplication": "true",
        }
        urls.append(aws.sqs().create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])
        monkeypatch.setenv(variable, urls[-1])
    return urls


@pytest.mark.usefixtures("dead_letters", "queue")
def test_letters_of_the_fifo_queue_go_back_to_their_group_in_order(fifo_urls: list[str]) -> None:
    ids = [f"p-{number}" for number in range(12)]
    for push_id in ids:
        aws.sqs().send_message(QueueUrl=fifo_urls[0], MessageBody=text(push_id), MessageGroupId="one")
    listing = groups(plenty)
    assert (listing.count, listing.about, listing.complete) == (10, 12, False)
    assert redrive("exhausted", plenty).put_back == 12
    found: list[str] = []
    while len(found) < 12:
        answer = aws.sqs().receive_message(
            QueueUrl=fifo_urls[1], MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        for message in answer["Messages"]:
            assert message["Attributes"]["MessageGroupId"] == "one"
            found.append(json.loads(message["Body"])["id"])
            aws.sqs().delete_message(QueueUrl=fifo_urls[1], ReceiptHandle=message["ReceiptHandle"])
    assert found == ids


def test_a_letter_of_the_standard_queue_goes_back_there_with_its_group(
    dead_letters: Queue, queue: Queue, fifo_urls: list[str]
) -> None:
    aws.sqs().send_message(QueueUrl=dead_letters.url, MessageBody=text("a"), MessageGroupId="tenant")
    assert redrive("exhausted", plenty).put_back == 1
    (message,) = aws.sqs().receive_message(QueueUrl=queue.url, MessageSystemAttributeNames=["All"])[
        "Messages"
    ]
    assert message["Attributes"]["MessageGroupId"] == "tenant"
    assert "Messages" not in aws.sqs().receive_message(QueueUrl=fifo_urls[1])


@pytest.mark.usefixtures("dead_letters")
def test_what_sqs_does_not_take_raw_goes_back_escaped(queue: Queue) -> None:
    said = "\ufffe\uffff あ 🎉"
    letter = json.dumps(body("a", said))
    assert letter.isascii()
    put((letter, NoAnswer("timeout")), (text("b"), NoAnswer("timeout")))
    done = redrive("unknown", plenty)
    assert (done.put_back, done.failed) == (2, 0)
    found = {json.loads(each["Body"])["id"]: json.loads(each["Body"]) for each in queue.messages()}
    assert found == {"a": body("a", said, onUnknown="resend"), "b": body("b", onUnknown="resend")}


@pytest.mark.usefixtures("dead_letters")
def test_a_long_japanese_push_stays_as_long_as_the_queues_function_takes(queue: Queue) -> None:
    said = "通知" * 40_000
    put((json.dumps(body("a", said), ensure_ascii=False), NoAnswer("timeout")))
    assert redrive("unknown", plenty).put_back == 1
    (message,) = queue.messages()
    assert parse(message["Body"], default_id="unused").message["data"] == {"msg": said}


@pytest.mark.usefixtures("dead_letters")
def test_a_letter_that_its_queue_refuses_stays_the_others_go_back(queue: Queue) -> None:
    aws.sqs().set_queue_attributes(QueueUrl=queue.url, Attributes={"MaximumMessageSize": "1024"})
    put((text("a", text="long" * 1000), NoAnswer("timeout")), (text("b"), NoAnswer("timeout")))
    done = redrive("unknown", plenty)
    assert (done.put_back, done.failed, done.complete) == (1, 1, True)
    assert [json.loads(each["Body"])["id"] for each in queue.messages()] == ["b"]
    assert [group.examples for group in groups(plenty).groups] == [["a"]]


def test_one_cause_is_dropped_the_others_stay(dead_letters: Queue, queue: Queue) -> None:
    put(
        *((text(f"p-{number}"), kii_error(404, "USER_NOT_FOUND")) for number in range(11)),
        (text("b"), NoAnswer("timeout")),
    )
    done = drop("rejected USER_NOT_FOUND", plenty)
    assert (done.deleted, done.others, done.failed, done.complete) == (11, 1, 0, True)
    assert [json.loads(each["Body"])["id"] for each in dead_letters.messages()] == ["b"]
    assert not queue.messages()


def test_what_came_later_is_not_dropped(dead_letters: Queue) -> None:
    put((text("a"), NoAnswer("timeout")))
    done = drop("unknown", plenty, before=time.time() - 60)
    assert (done.deleted, done.others) == (0, 1)
    assert dead_letters.messages()


def test_letters_that_another_looks_at_are_not_taken_for_none(dead_letters: Queue) -> None:
    put((text("a"), NoAnswer("timeout")))
    assert dead_letters.messages()
    listing, done = groups(plenty), redrive("unknown", plenty)
    assert (listing.groups, listing.about, listing.complete) == ([], 1, False)
    assert (done.put_back, done.hidden) == (0, 1)


@pytest.mark.usefixtures("dead_letters")
def test_nothing_is_taken_up_when_the_time_is_short() -> None:
    put((text("a"), NoAnswer("timeout")))
    assert groups(lambda: 0).groups == []
    done = redrive("unknown", lambda: 0)
    assert (done.put_back, done.dropped, done.complete) == (0, 0, False)
    assert groups(plenty).groups[0].count == 1


def test_letters_of_another_cause_show_themselves_at_once(dead_letters: Queue) -> None:
    put(*((text(f"p-{number}"), NoAnswer("timeout")) for number in range(12)))
    assert redrive("exhausted", plenty).put_back == 0
    assert len(dead_letters.messages()) == 10
    assert len(dead_letters.messages()) == 2
