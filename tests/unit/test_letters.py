"""What is believed of a message in a dead-letter queue, and in which characters it is shown."""

import json
from typing import TYPE_CHECKING, Any, cast

import pytest

from kii_push.dead_letters import letter
from kii_push.dead_letters.letter import Letter
from kii_push.queues.sqs import Queue

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PUSH = {"target": {"user": "bob"}, "message": {"title": "t", "body": "b"}}
RECORD = {
    "version": "1.0",
    "requestContext": {"requestId": "request-1", "condition": "RetriesExhausted"},
    "requestPayload": {"id": "hidden", **PUSH},
}
SOURCE = {"DeadLetterQueueSourceArn": "arn:aws:sqs:ap-northeast-1:123456789012:pushes"}
CONTROLS = "a\x1b]0;owned\x07\n\u009b2J"


def read(body: Any, system: dict[str, str] | None = None, **attributes: str) -> Letter:
    """Return the letter in a message with this body."""
    message: Any = {
        "MessageId": "sqs-1",
        "ReceiptHandle": "r",
        "Body": body if isinstance(body, str) else json.dumps(body),
        "Attributes": {"SentTimestamp": "1000", **(system or {})},
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    return letter.from_message(Queue(cast("SQSClient", None), "dead"), message)


def test_a_letter_of_the_bundle_says_which_push_it_is_and_why() -> None:
    found = read(PUSH, pushID="order-1", outcome="rejected", errorCode="USER_NOT_FOUND", field="x")
    assert (found.push_id, found.cause) == ("order-1", "rejected USER_NOT_FOUND")
    assert read(PUSH, pushID="order-1", outcome="rejected", field="colour").cause == "rejected colour"
    assert read(PUSH, pushID="order-1", outcome="unknown", field="colour").cause == "unknown"


def test_the_attributes_of_a_message_that_sqs_moved_are_not_believed() -> None:
    found = read(PUSH, SOURCE, pushID="other", outcome="unknown", errorCode="X")
    assert (found.push_id, found.cause) == ("sqs-1", "exhausted")
    assert json.loads(found.again()) == {**PUSH, "id": "sqs-1"}, "without onUnknown: resend"


def test_a_record_of_lambdas_is_the_push_of_an_invocation_that_failed() -> None:
    found = read(RECORD)
    assert (found.push_id, found.cause, json.loads(found.body)) == (
        "hidden",
        "fault",
        {"id": "hidden", **PUSH},
    )


@pytest.mark.parametrize(
    ("body", "attributes"),
    [
        (RECORD, {}),
        (PUSH, {"ERROR_CODE": "429"}),
        (PUSH, {"pushID": "p", "outcome": "rejected", "queue": "pushes"}),
    ],
    ids=["an invocation that failed", "from the scheduler", "from a queue"],
)
def test_only_an_old_letter_of_the_bundle_is_of_a_broadcast_by_its_body(
    body: dict[str, Any], attributes: dict[str, str]
) -> None:
    of_a_broadcast = {**PUSH, "broadcast": "sale"}
    body = {**body, "requestPayload": of_a_broadcast} if body is RECORD else of_a_broadcast
    assert not read(body, None, **attributes).is_of_a_broadcast
    assert read(of_a_broadcast, pushID="sale:1", outcome="unknown").is_of_a_broadcast


@pytest.mark.parametrize(
    ("system", "attributes", "cause"),
    [
        (SOURCE, {}, "exhausted"),
        ({}, {"pushID": "sqs-1", "outcome": "rejected", "field": "version"}, "rejected version"),
        ({}, {"ERROR_CODE": "429"}, "exhausted"),
    ],
    ids=["moved by SQS", "from the bundle", "from the scheduler"],
)
def test_a_body_that_looks_like_a_record_of_lambdas_is_not_taken_for_one(
    system: dict[str, str], attributes: dict[str, str], cause: str
) -> None:
    found = read(RECORD, system, **attributes)
    assert (found.push_id, found.cause, json.loads(found.body)) == ("sqs-1", cause, RECORD)


def test_an_id_that_no_push_can_have_is_not_taken_for_one() -> None:
    for own in (CONTROLS, "", "x" * 129, "a b", 5, None):
        found = read({**PUSH, "id": own}, pushID="sqs-1", outcome="rejected", field="id")
        assert found.push_id == "sqs-1"
        assert json.loads(found.again())["id"] == own, "it is refused again, as it came"


def test_nothing_that_could_control_a_terminal_is_shown() -> None:
    # Letters of release 0.1.0 may have such fields.
    found = read(PUSH, pushID=CONTROLS, outcome="rejected", field=CONTROLS + "x" * 1000)
    assert found.push_id == "a?]0;owned???2J"
    assert found.cause.startswith("rejected a?]0;owned???2Jxxx")
    assert len(found.cause) < 300
    assert read(PUSH, outcome=CONTROLS).cause == "a?]0;owned???2J"
