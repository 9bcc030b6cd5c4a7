"""Whatever lies in a dead-letter queue, and whatever redrive is asked for: short causes, no crash."""

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from kii_push.dead_letters import letter, redrive_event
from kii_push.errors import PushError
from kii_push.queues.sqs import Queue
from tests.unit.any_input import (
    ANY_INPUT,
    HOSTILE,
    JSON,
    SETTINGS,
    TEXT,
    bounded,
    check_error,
    check_text,
    near,
)

pytestmark = ANY_INPUT

PUSH = {"id": "order-1", "target": {"user": "bob"}, "message": {"title": "t", "body": "b"}}
RECORD = {
    "version": "1.0",
    "requestContext": {"requestId": "request-1", "condition": "RetriesExhausted"},
    "requestPayload": PUSH,
}
ATTRIBUTES = {"pushID": "order-1", "outcome": "rejected", "reason": "r", "errorCode": "X", "field": "f"}
EVENTS = (
    {"action": "list"},
    {"action": "redrive", "cause": "unknown", "before": 1763942400.5},
    {"action": "drop", "cause": "rejected X"},
)


@SETTINGS
@given(
    near(PUSH, RECORD).map(json.dumps) | JSON.map(json.dumps) | TEXT,
    st.dictionaries(
        st.sampled_from(sorted(ATTRIBUTES)) | TEXT, HOSTILE | st.sampled_from(["rejected", "unknown"])
    ),
    st.none() | st.just("arn:aws:sqs:ap-northeast-1:123456789012:pushes"),
)
def test_any_letter(body: str, attributes: dict[str, str], moved_from: str | None) -> None:
    source = {} if moved_from is None else {"DeadLetterQueueSourceArn": moved_from}
    message: Any = {
        "MessageId": "sqs-1",
        "ReceiptHandle": "r",
        "Body": body,
        "Attributes": {"SentTimestamp": "1000", **source},
        "MessageAttributes": {
            name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
        },
    }
    with bounded():
        found = letter.from_message(Queue(cast("Any", None), "dead"), message)
        found.is_stale()
        found.again()
    check_text(found.cause, 300)
    check_text(found.push_id, 129)
    if moved_from:
        assert found.cause == "exhausted"


@SETTINGS
@given(near(*EVENTS) | JSON)
def test_any_redrive_event(event: Any) -> None:
    with bounded():
        try:
            asked = redrive_event.read(event)
        except PushError as error:
            check_error(error)
            return
    assert len(json.dumps([asked.action, asked.before], allow_nan=False)) < 100
    assert len(asked.cause) < 300
