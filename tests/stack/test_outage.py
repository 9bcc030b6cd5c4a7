"""Kii goes down and comes back: callers are told so, and what waits on the queue arrives then."""

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from local.deploy import aws_session
from tests.stack.test_doors import PATH, message, to_bob
from tests.support import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from local.device import Device
    from local.doors import Doors
    from local.stack import LocalStack
    from tests.support import Sandbox

# Seconds until a message that went back is handed out again. The template's is minutes, as it must be.
VISIBILITY = "4"


class PushQueue:
    """The stack's push queue, seen by its attributes."""

    def __init__(self, stack: "LocalStack") -> None:
        self._sqs = aws_session().client("sqs", endpoint_url=stack.endpoint)
        self._url = stack.outputs.PushQueueUrl

    def visibility(self) -> str:
        return self._attributes()["VisibilityTimeout"]

    def set_visibility(self, seconds: str) -> None:
        self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"VisibilityTimeout": seconds})

    def handed_out(self) -> int:
        """Return how many messages have been given to the function and not been done with."""
        return int(self._attributes()["ApproximateNumberOfMessagesNotVisible"])

    def close(self) -> None:
        self._sqs.close()

    def _attributes(self) -> "dict[QueueAttributeNameType, str]":
        return self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["All"])["Attributes"]


@pytest.fixture
def queue(stack: "LocalStack") -> "Iterator[PushQueue]":
    """The push queue, which hands messages out again sooner than usual."""
    queue = PushQueue(stack)
    usual = queue.visibility()
    queue.set_visibility(VISIBILITY)
    yield queue
    queue.set_visibility(usual)
    queue.close()


def test_nothing_is_lost_while_kii_is_down(
    stack: "LocalStack", doors: "Doors", device: "Device", sandbox: "Sandbox", queue: PushQueue
) -> None:
    stack.stop_sandbox()
    try:
        answer = doors.post(PATH, message(n=-1))
        doors.enqueue(*(json.dumps(to_bob(n=n)) for n in range(5)))
        doors.schedule("outage", datetime.now(UTC) + timedelta(seconds=1), to_bob(n=5))
        assert wait_until(lambda: queue.handed_out() == 6, within=20)
    finally:
        stack.start_sandbox()

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["outcome"] == "not_sent"
    assert device.reconnected(within=20)
    for n in range(6):
        assert device.wait_for(n=n, within=30)
    assert len(sandbox.deliveries()) == 6
