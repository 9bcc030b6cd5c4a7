"""Structured logs and metrics that never carry tokens, secrets, device tokens or message text."""

import traceback

from aws_lambda_powertools.logging.logger import Logger
from aws_lambda_powertools.metrics.metrics import Metrics
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.metric_properties import MetricUnit

from kii_push import __version__
from kii_push.errors import Outcome, PushError

logger = Logger(release=__version__)
metrics = Metrics()


def count(outcome: Outcome | None) -> None:
    """Count a push by its outcome, None as `fault`. Not for threads: Powertools' metrics have no lock."""
    metrics.add_metric(name=outcome or "fault", unit=MetricUnit.Count, value=1)


def calls_this_month(calls: int) -> None:
    """Report how often Kii was called since the month began (UTC)."""
    metrics.add_metric(name="calls_this_month", unit=MetricUnit.Count, value=calls)


def flush() -> None:
    """Write out the metrics of an invocation; Powertools' own decorator warns of one that has none."""
    if metrics.provider.metric_set:
        metrics.flush_metrics()


def sent(push_id: str, outcome: Outcome) -> None:
    """Log a push that Kii accepted, now (`sent`) or earlier (`duplicate`)."""
    logger.info("push", push_id=push_id, outcome=outcome)


def failed(push_id: str | None, error: PushError) -> None:
    """Log a push that did not reach `sent`, with the reason."""
    logger.warning(
        "push", push_id=push_id, outcome=error.outcome, error_code=error.error_code, reason=error.detail
    )


def refused(method: str, resource: str, error: PushError) -> None:
    """Log a call that asked for no push and did not succeed; `resource` is the pattern of its path."""
    logger.warning(
        "call",
        method=method,
        resource=resource,
        outcome=error.outcome,
        error_code=error.error_code,
        reason=error.detail,
    )


def crashed(error: Exception) -> None:
    """Log a fault of our own: its type and where it happened, not its message, which may quote the push."""
    frames = traceback.extract_tb(error.__traceback__)
    logger.error(
        "fault",
        error_type=type(error).__name__,
        stack=[f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    )


def unsettled(push_id: str, outcome: str, error: PushError) -> None:
    """Log a push whose outcome could not be recorded."""
    logger.error("unsettled", push_id=push_id, outcome=outcome, reason=error.detail)


def token_not_shared(error: PushError) -> None:
    """Log that this environment logged in by itself, or could not hand its token on."""
    logger.warning("token_not_shared", reason=error.detail)


def token_not_renewed(error: PushError) -> None:
    """Log that a token is due and could not be renewed; it is used for a while longer."""
    logger.warning("token_not_renewed", outcome=error.outcome, reason=error.detail)


def broadcast_failed(broadcast_id: str, reason: str) -> None:
    """Log a broadcast that ended before all its pushes were queued."""
    logger.error("broadcast_failed", broadcast_id=broadcast_id, reason=reason)


def not_postponed(code: str) -> None:
    """Log a message whose delay SQS refused; it comes back after the queue's own."""
    logger.warning("not_postponed", error_code=code)
