"""SQS: one stretch of a broadcast, turned into a message on the broadcast queue for each recipient."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kii_push import broadcasts, fan_out, ledger, observability, stop
from kii_push.errors import Expired

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

kept, pushes, switch = broadcasts.from_environment(), ledger.from_environment(), stop.from_environment()


def handler(event: Mapping[str, Any], context: "LambdaContext") -> None:
    """Queue the pushes; an exception brings the stretch back, to be queued again under the same IDs."""
    for record in event["Records"]:
        try:
            fan_out.run(record["body"], kept, pushes, switch, context.get_remaining_time_in_millis)
        except Expired as stopped:
            observability.failed(None, stopped)
