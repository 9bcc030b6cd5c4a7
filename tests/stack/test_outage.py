"""Kii goes down and comes back: callers are told so, and what waits on the queue arrives then."""

import json
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from local.deploy import aws_session, untouched
from tests.mqtt_pushes import PATH_TO_BOB, message, to_bob
from tests.support import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_sqs.literals import QueueAttributeNameType

    from local.device import Device
    from local.doors import Doors
    from local.stack import LocalStack
    from tests.support import Sandbox


@pytest.fixture
def handed_out(stack: "LocalStack") -> "Iterator[Callable[[], int]]":
    """Tell how many messages the push queue has given to its function that are not done with."""
    sqs = aws_session().client("sqs", endpoint_url=stack.endpoint)
    name: QueueAttributeNameType = "ApproximateNumberOfMessagesNotVisible"

    def count() -> int:
        found = sqs.get_queue_attributes(QueueUrl=stack.outputs.PushQueueUrl, AttributeNames=[name])
        return int(found["Attributes"][name])

    yield count
    sqs.close()


def test_nothing_is_lost_while_kii_is_down(
    stack: "LocalStack",
    doors: "Doors",
    device: "Device",
    sandbox: "Sandbox",
    handed_out: "Callable[[], int]",
) -> None:
    with ExitStack() as online:
        with stack.sandbox_stopped():
            answer = doors.post(PATH_TO_BOB, message(n=-1))
            doors.enqueue(*(json.dumps(to_bob(n=n)) for n in range(5)))
            doors.schedule("outage", datetime.now(UTC) + timedelta(seconds=1), to_bob(n=5))
            assert wait_until(lambda: handed_out() == 6, within=60)
            # MQTT loses what is sent to a device that is not connected yet.
            online.enter_context(untouched(stack.endpoint, "PushQueue"))
        assert device.reconnected(within=20)

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.json()["outcome"] == "not_sent"
    for n in range(6):
        assert device.wait_for(n=n, within=60)
    assert len(sandbox.deliveries()) == 6
