"""SQS: one stretch of a broadcast, turned into a message on the broadcast queue for each recipient."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kii_push.broadcast import fan_out, store
from kii_push.push import ledger, stop_switch

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

kept, pushes, switch = store.from_environment(), ledger.from_environment(), stop_switch.from_environment()


def handler(event: Mapping[str, Any], context: "LambdaContext") -> None:
    """Queue the pushes; after an exception the stretch comes back, to be queued again under the same IDs."""
    for record in event["Records"]:
        try:
            fan_out.run(record["body"], kept, pushes, switch, context.get_remaining_time_in_millis)
        except Exception:
            fan_out.postpone(record)
            raise
