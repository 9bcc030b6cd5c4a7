"""The count of the month's calls of Kii, as the deployed functions keep it."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from local.deploy import aws_session
from local.faults.kii import push_request
from tests.support import wait_until

if TYPE_CHECKING:
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii
    from local.stack import LocalStack

PUSHES = 200
# Calls that an environment may have counted and not yet written.
UNWRITTEN = 9


def counted(stack: "LocalStack") -> int:
    """Return what the ledger's table says."""
    tables = aws_session().client("dynamodb", endpoint_url=stack.endpoint)
    key = {"pk": {"S": f"calls#{datetime.now(UTC):%Y-%m}"}}
    item = tables.get_item(TableName=stack.outputs.LedgerTable, Key=key)["Item"]
    tables.close()
    return int(item["calls"]["N"])


def test_every_call_of_kii_is_counted(kii: "Kii", stack: "LocalStack", bundle: "Bundle") -> None:
    before = kii.last()
    kii.fault({"status": 503, "headers": {"Retry-After": "1"}, "times": 20})
    bundle.enqueue(push_request(f"p-{number}") for number in range(PUSHES))
    assert wait_until(lambda: not bundle.waiting().all, within=90)

    calls = len(kii.requests(before))
    assert calls >= PUSHES + 20
    # What they had not yet written before counts as well.
    unwritten = UNWRITTEN * len(bundle.environments("QueuePushFunction"))
    assert abs(counted(stack) - calls) <= unwritten
