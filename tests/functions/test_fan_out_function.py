"""fan_out, built, under Lambda's own runtime."""

from typing import TYPE_CHECKING

import pytest

from local.deploy import aws_session
from local.events import example_event
from local.rie import FunctionError

if TYPE_CHECKING:
    from local.workbench import Workbench
    from tests.functions.conftest import Run
    from tests.support import Queue


def test_a_stretch_that_failed_is_taken_again_long_before_the_queues_visibility_ends(
    run: "Run", servers: "Workbench", push_queue: "Queue"
) -> None:
    client = aws_session().client("sqs", endpoint_url=servers.endpoint)
    client.send_message(QueueUrl=push_queue.url, MessageBody='{"broadcast": "no-such-broadcast"}')
    [message] = client.receive_message(QueueUrl=push_queue.url, VisibilityTimeout=5400)["Messages"]
    client.close()
    record = {
        "body": message["Body"],
        "receiptHandle": message["ReceiptHandle"],
        # One less than a first receive has, so that the test need not wait longer than 30 s.
        "attributes": {"ApproximateReceiveCount": "0"},
    }
    event = example_event("fan_out", Records=[record])
    function = run("fan_out", LEDGER_TABLE="no-such-table", FAN_OUT_QUEUE_URL=push_queue.url)

    with pytest.raises(FunctionError, match="ResourceNotFoundException"):
        function.invoke(event)

    assert push_queue.messages() == []
    assert push_queue.messages(within=20) or push_queue.messages(within=20)
