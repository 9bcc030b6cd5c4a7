"""The FIFO queue, deployed: order within a message group through faults, and no group held up by another."""

import json
from typing import TYPE_CHECKING

from local.deploy import aws_session
from local.faults.kii import push_request
from tests.support import wait_until

if TYPE_CHECKING:
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii
    from local.stack import LocalStack

BOB = "*/users/LOGIN_NAME:bob/push/messages"
EACH = 12


def enqueue(stack: "LocalStack", group: str, user: str, numbers: range) -> list[str]:
    """Put pushes to a user on the FIFO queue; return their IDs."""
    sqs = aws_session().client("sqs", endpoint_url=stack.endpoint)
    ids = [f"{group}-{number:02}" for number in numbers]
    for push_id in ids:
        request = push_request(push_id) | {"target": {"user": f"LOGIN_NAME:{user}"}}
        sqs.send_message(
            QueueUrl=stack.outputs.PushFifoQueueUrl, MessageBody=json.dumps(request), MessageGroupId=group
        )
    sqs.close()
    return ids


def test_a_group_keeps_its_order_through_a_fault_and_others_go_on(
    kii: "Kii", stack: "LocalStack", bundle: "Bundle"
) -> None:
    kii.install("alice")
    first = enqueue(stack, "to-bob", "bob", range(3))
    assert wait_until(lambda: kii.deliveries().total() == len(first), within=90)
    kii.fault(
        {"match": {"path": BOB}, "status": 503, "headers": {"Retry-After": "3"}, "times": 2},
        {"match": {"path": BOB}, "drop": "after", "times": 1},
    )
    bobs = first + enqueue(stack, "to-bob", "bob", range(3, EACH))
    alices = enqueue(stack, "to-alice", "alice", range(EACH))

    assert wait_until(lambda: kii.deliveries().total() == 2 * EACH, within=90)
    order = kii.delivered()
    assert [each for each in order if each in bobs] == bobs
    assert [each for each in order if each in alices] == alices
    assert order.index(alices[-1]) < order.index(bobs[3]), "nobody waited for the other group"
    # Cut after it was delivered: a person decides, and the group goes on behind it.
    assert wait_until(lambda: bundle.outcomes().get(bobs[-1]) == "sent", within=90)
    outcomes = bundle.outcomes()
    assert outcomes.pop(bobs[3]) == "unknown"
    assert set(outcomes.values()) == {"sent"}
    assert bundle.dead_letters() == {bobs[3]: ["unknown"]}
