"""Structured logs and metrics that never carry tokens, secrets, device tokens or message text."""

import traceback

from aws_lambda_powertools.logging.logger import Logger
from aws_lambda_powertools.metrics.metrics import Metrics
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.metric_properties import MetricUnit

from kii_push.errors import Outcome, PushError

logger = Logger()
metrics = Metrics()


def count(outcome: Outcome | None) -> None:
    """Count a push by its outcome, None as `fault`. Not for threads: Powertools' metrics have no lock."""
    metrics.add_metric(name=outcome or "fault", unit=MetricUnit.Count, value=1)


def sent(push_id: str) -> None:
    """Log a push that Kii accepted."""
    logger.info("push", push_id=push_id, outcome=Outcome.SENT)


def failed(push_id: str | None, error: PushError) -> None:
    """Log a push that did not reach `sent`, with the reason."""
    logger.warning(
        "push", push_id=push_id, outcome=error.outcome, error_code=error.error_code, reason=error.reason
    )


def crashed(error: Exception) -> None:
    """Log a fault of our own: its type and where it happened, not its message, which may quote the push."""
    frames = traceback.extract_tb(error.__traceback__)
    logger.error(
        "fault",
        error_type=type(error).__name__,
        stack=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )
