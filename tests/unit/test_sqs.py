"""What is put on a queue, and what a dead letter says about itself."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from kii_push.common import aws
from kii_push.errors import InvalidRequest, NoAnswer, PushError, Violation, kii_error
from kii_push.queues import sqs as queues

BODY = '{"target": {"user": "bob"}}'
DEAD_LETTERS = "https://sqs.example/dead-letters"
PUSHES = "https://sqs.example/pushes"


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", DEAD_LETTERS)
    monkeypatch.setenv("PUSH_QUEUE_URL", PUSHES)
    with Stubber(aws.sqs()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def expect(sqs: Stubber, url: str, **parameters: Any) -> None:
    sqs.add_response("send_message", {"MessageId": "m"}, {"QueueUrl": url, "MessageBody": BODY, **parameters})


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
def test_a_dead_letter_keeps_its_body_and_says_why(
    sqs: Stubber, error: PushError, attributes: dict[str, str]
) -> None:
    # Twice: nothing of one letter may stay for the next.
    for _ in range(2):
        expect(sqs, DEAD_LETTERS, MessageAttributes=strings(pushID="order-42", **attributes))

        queues.dead_letter(BODY, "order-42", error)


def test_what_sqs_does_not_take_in_a_text_is_replaced(sqs: Stubber) -> None:
    attributes = strings(
        pushID="order-42",
        outcome="rejected",
        reason="data.\ufffd\ufffd\ufffd\ufffd\t\r\n\u2028é🎉: is odd",
        field="data.\ufffd\ufffd\ufffd\ufffd\t\r\n\u2028é🎉",
    )
    expect(sqs, DEAD_LETTERS, MessageAttributes=attributes)

    queues.dead_letter(
        BODY, "order-42", InvalidRequest(Violation("data.\0\x1f\ud800\uffff\t\r\n\u2028é🎉", "is odd"))
    )


def test_a_reason_without_end_is_cut_so_that_the_letter_goes_through(sqs: Stubber) -> None:
    attributes = strings(pushID="p", outcome="rejected", reason="k" * 1024, field="k" * 1024)
    expect(sqs, DEAD_LETTERS, MessageAttributes=attributes)

    queues.dead_letter(BODY, "p", InvalidRequest(Violation("k" * 5000, "is odd")))


@pytest.mark.parametrize(("delay", "asked"), [(0, 0), (17, 17), (900, 900), (901, 900)])
def test_a_push_comes_back_after_its_delay_within_what_sqs_knows(
    sqs: Stubber, delay: int, asked: int
) -> None:
    expect(sqs, PUSHES, DelaySeconds=asked)

    queues.enqueue(BODY, delay)


def test_a_letter_that_sqs_refuses_is_not_lost_in_silence(sqs: Stubber) -> None:
    sqs.add_client_error("send_message", "AWS.SimpleQueueService.NonExistentQueue")

    with pytest.raises(ClientError):
        queues.dead_letter(BODY, "order-42", NoAnswer("no answer"))


def test_the_queues_are_those_of_the_environment(sqs: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUSH_QUEUE_URL", "https://sqs.example/others")
    expect(sqs, "https://sqs.example/others", DelaySeconds=0)

    queues.enqueue(BODY, 0)


@pytest.mark.parametrize("text", ["注文", "\x00\x1f\x7f", "\ufffe\uffff", "\ud800", "😀", '"\\'])
def test_a_push_request_becomes_a_message_that_sqs_takes(text: str) -> None:
    message = queues.as_message({"id": text})
    assert json.loads(message) == {"id": text}
    assert not re.search(r"[\x00-\x1f\ud800-\udfff\ufffe\uffff]", message)


def test_japanese_stays_as_short_as_it_is() -> None:
    assert queues.as_message({"id": "注文"}) == '{"id":"注文"}'
