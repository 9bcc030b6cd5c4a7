"""What is put on a queue, and what a dead letter says about itself."""

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError
from botocore.stub import ANY, Stubber

from kii_push.common import aws
from kii_push.errors import (
    InvalidRequest,
    NoAnswer,
    Outcome,
    PushError,
    QueueError,
    QueueRefused,
    Violation,
    kii_error,
)
from kii_push.push.request import Origin
from kii_push.queues.sqs import OutgoingMessage, Queue, as_message
from kii_push.queues.unattended import Settlement, UnattendedDelivery, UnattendedPush
from tests.doubles.delivery import ScriptedDelivery

if TYPE_CHECKING:
    from tests.unit.conftest import LogLines

BODY = '{"target": {"user": "bob"}, "message": {}}'
DEAD_LETTERS = "https://sqs.example/dead-letters"
PUSHES = "https://sqs.example/pushes"


@pytest.fixture
def sqs() -> Iterator[Stubber]:
    with Stubber(aws.sqs()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect(sqs: Stubber, url: str, body: str = BODY, **parameters: Any) -> None:
    sqs.add_response("send_message", {"MessageId": "m"}, {"QueueUrl": url, "MessageBody": body, **parameters})


def queue(url: str = PUSHES) -> Queue:
    return Queue(aws.sqs(), url)


def dead_letter(push_id: str, error: PushError, body: str = BODY) -> Settlement:
    """Deliver a push that ends with this error."""
    push = UnattendedPush(body, push_id, Origin("queue"))
    return UnattendedDelivery(ScriptedDelivery(error), queue(DEAD_LETTERS)).deliver(push)


def with_id(push_id: str) -> str:
    """Return the body as a dead letter has it."""
    return f'{{"id":"{push_id}",{BODY[1:]}'


def strings(**attributes: str) -> dict[str, dict[str, str]]:
    return {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}


@pytest.mark.parametrize(
    ("error", "attributes"),
    [
        (
            NoAnswer("Kii gave no whole answer (ReadTimeout)"),
            {"outcome": "unknown", "reason": "Kii gave no whole answer (ReadTimeout)"},
        ),
        (
            kii_error(404, "USER_NOT_FOUND"),
            {
                "outcome": "rejected",
                "reason": "Kii answered 404 USER_NOT_FOUND",
                "errorCode": "USER_NOT_FOUND",
            },
        ),
        (
            InvalidRequest(Violation("message.data.n", "must be flat"), Violation("message.gcm", "is odd")),
            {
                "outcome": "rejected",
                "reason": "message.data.n: must be flat; message.gcm: is odd",
                "field": "message.data.n",
            },
        ),
        (
            InvalidRequest(Violation("", "the body is not valid JSON")),
            {"outcome": "rejected", "reason": "the body is not valid JSON"},
        ),
    ],
    ids=["unknown", "refused by Kii", "broken rules", "not JSON"],
)
def test_a_dead_letter_has_its_id_in_its_body_and_says_why(
    sqs: Stubber, error: PushError, attributes: dict[str, str]
) -> None:
    # Twice: nothing of one letter may stay for the next.
    for _ in range(2):
        expect(
            sqs,
            DEAD_LETTERS,
            with_id("order-42"),
            MessageAttributes=strings(pushID="order-42", **attributes),
        )

        assert dead_letter("order-42", error) == Settlement(error.outcome)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (' \n{"a": 1.0, "b": 1e15}\n', '{"id":"m-1","a": 1.0, "b": 1e15}\n'),
        ("{}", '{"id":"m-1"}'),
        ("{ }", '{"id":"m-1" }'),
        *((body, body) for body in ('{"id": null}', "[1]", '"text"', "{", '{"a": 1, "a": 2}')),
    ],
)
def test_all_else_in_a_dead_letters_body_stays_as_it_came(sqs: Stubber, body: str, kept: str) -> None:
    expect(sqs, DEAD_LETTERS, kept, MessageAttributes=ANY)

    dead_letter("m-1", NoAnswer("nothing came"), body)


def test_what_sqs_does_not_take_in_an_attribute_is_replaced(sqs: Stubber) -> None:
    expect(sqs, PUSHES, MessageAttributes=strings(a="\ufffd\ufffd\ufffd\ufffd\t\r\n\u2028é🎉", b="k" * 1024))

    attributes = {"a": "\0\x1f\ud800\uffff\t\r\n\u2028é🎉", "b": "k" * 5000}
    queue().send(OutgoingMessage(BODY, attributes=attributes))


def test_a_dead_letter_names_a_field_in_short_and_printable_characters(sqs: Stubber) -> None:
    field = "data.\0\x1b[2J\ud800\n"
    expected = strings(pushID="p", outcome="rejected", reason="data.??[2J??: is odd", field="data.??[2J??")
    expect(sqs, DEAD_LETTERS, with_id("p"), MessageAttributes=expected)
    dead_letter("p", InvalidRequest(Violation(field, "is odd")))

    field = "k" * 256 + "…"
    expected = strings(pushID="p", outcome="rejected", reason=f"{field}: is odd", field=field)
    expect(sqs, DEAD_LETTERS, with_id("p"), MessageAttributes=expected)
    dead_letter("p", InvalidRequest(Violation("k" * 5000, "is odd")))


@pytest.mark.parametrize(("delay", "known"), [(0, 0), (17, 17), (900, 900), (901, 900)])
def test_a_push_comes_back_after_its_delay_within_what_sqs_knows(
    sqs: Stubber, delay: int, known: int
) -> None:
    expect(sqs, PUSHES, DelaySeconds=known)

    queue().send(OutgoingMessage(BODY, delay))


def test_a_message_without_a_delay_has_the_queues_own(sqs: Stubber) -> None:
    expect(sqs, f"{PUSHES}.fifo", MessageGroupId="bob", MessageDeduplicationId="d-1")

    queue(f"{PUSHES}.fifo").send(OutgoingMessage(BODY, group="bob", deduplication_id="d-1"))


def test_a_letter_that_sqs_refuses_is_not_lost_in_silence(sqs: Stubber, log_lines: "LogLines") -> None:
    sqs.add_client_error("send_message", "AWS.SimpleQueueService.NonExistentQueue")

    settlement = dead_letter("order-42", NoAnswer("no answer"))

    assert settlement == Settlement(None, retry=True)
    assert [line.get("error_type") for line in log_lines()] == [None, "QueueRefused"]


def test_a_call_that_sqs_refuses_says_why(sqs: Stubber) -> None:
    sqs.add_client_error("send_message", "AWS.SimpleQueueService.NonExistentQueue")

    with pytest.raises(QueueRefused, match="NonExistentQueue") as refused:
        queue().send(OutgoingMessage(BODY))

    assert refused.value.outcome == Outcome.NOT_SENT
    assert refused.value.aws_code == "AWS.SimpleQueueService.NonExistentQueue"


def test_an_entry_that_sqs_does_not_mention_was_not_done(sqs: Stubber) -> None:
    failed = {"Id": "1", "SenderFault": False, "Code": "InternalError"}
    sqs.add_response("delete_message_batch", {"Successful": [{"Id": "0"}], "Failed": [failed]})

    assert queue().delete_batch(["a", "b", "c"]) == {1: "InternalError", 2: "NotMentioned"}


def test_a_queue_that_cannot_be_reached_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> Any:
        raise EndpointConnectionError(endpoint_url=PUSHES)

    monkeypatch.setattr(aws.sqs(), "send_message", fail)

    with pytest.raises(QueueError, match="cannot be reached") as failed:
        queue().send(OutgoingMessage(BODY))

    assert not isinstance(failed.value, QueueRefused)
    assert failed.value.aws_code == "EndpointConnectionError"


@pytest.mark.parametrize(
    ("url", "name", "is_fifo"),
    [(PUSHES, "pushes", False), (f"{PUSHES}.fifo", "pushes.fifo", True)],
)
def test_a_queue_is_known_by_its_url(url: str, name: str, *, is_fifo: bool) -> None:
    assert (queue(url).name, queue(url).is_fifo) == (name, is_fifo)


@pytest.mark.parametrize("text", ["注文", "\x00\x1f\x7f", "\ufffe\uffff", "\ud800", "😀", '"\\'])
def test_a_push_request_becomes_a_message_that_sqs_takes(text: str) -> None:
    message = as_message({"id": text})
    assert json.loads(message) == {"id": text}
    assert not re.search(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", message)


def test_japanese_stays_as_short_as_it_is() -> None:
    assert as_message({"id": "注文"}) == '{"id":"注文"}'
