"""The sender dies between Kii's acting and the recording of it: unknown, through all three doors."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from local.deploy import aws_session
from tests.support import wait_until

if TYPE_CHECKING:
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii
    from local.stack import LocalStack
    from tests.faults.three_doors import ThreeDoors

# By the doors of ThreeDoors.
SENDERS = ("DirectPushFunction", "QueuePushFunction", "ScheduledPushFunction")


def let_claims_run_out(stack: "LocalStack", ids: list[str]) -> None:
    """Let the time pass in which the sender of these pushes may still be alive."""
    tables = aws_session().client("dynamodb", endpoint_url=stack.endpoint)
    for push_id in ids:
        tables.update_item(
            TableName=stack.outputs.LedgerTable,
            Key={"pk": {"S": f"push#{push_id}"}},
            UpdateExpression="SET heldUntil = :now",
            ExpressionAttributeValues={":now": {"N": str(int(time.time()))}},
        )
    tables.close()


def test_what_a_dead_sender_held_is_unknown_and_not_sent_again(
    kii: "Kii", stack: "LocalStack", bundle: "Bundle", three: "ThreeDoors"
) -> None:
    before = kii.last()
    # A little less than the client waits.
    kii.fault({"delayMs": 9000, "after": True})
    alive = dict(zip(three.ids, SENDERS, strict=True))

    def all_killed() -> bool:
        for push_id in [each for each in alive if kii.deliveries()[each]]:
            bundle.kill(alive.pop(push_id))
        return not alive

    with ThreadPoolExecutor(1) as threads:
        died = threads.submit(three.send)
        assert wait_until(all_killed, within=90)
    kii.fault()
    assert died.result().status_code == 502

    assert three.all_end_as("in_flight")
    answer = three.post()
    assert (answer.status_code, answer.json()["outcome"]) == (409, "not_sent")
    assert int(answer.headers["Retry-After"]) > 0

    let_claims_run_out(stack, three.ids)
    answer = three.send()
    assert (answer.status_code, answer.json()["outcome"]) == (504, "unknown")
    assert three.all_end_as("unknown")
    letters: dict[str, list[str]] = {}

    def told() -> bool:
        letters.update(bundle.dead_letters())
        return letters.keys() == {three.queue, three.schedule}

    assert wait_until(told, within=90)
    assert {outcome for outcomes in letters.values() for outcome in outcomes} == {"unknown"}
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
    assert len(kii.sends(before)) == 3
