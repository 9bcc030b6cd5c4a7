"""House rules for metrics made of log lines: a pattern matches the lines it is meant for, and no others."""

import fnmatch
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from kii_push.common import observability
from kii_push.errors import BreakerOpen, LedgerError, Outcome, kii_error
from local.template import source
from tests.template.model import functions, of_type, transformations

# API Gateway's access log has its own shape.
GATEWAY = of_type("AWS::Logs::MetricFilter")["GatewayFaultFilter"]["FilterPattern"]
OF_FUNCTIONS = {
    properties["MetricTransformations"][0]["MetricName"]: properties["FilterPattern"]
    for properties in of_type("AWS::Logs::MetricFilter").values()
    if properties["LogGroupName"] == {"Ref": "FunctionLogs"}
}

type Line = dict[str, Any]

# What is logged, and the metric that it counts for.
LOGGED: list[tuple[Callable[[], None], str | None]] = [
    (lambda: observability.unsettled("p-1", Outcome.SENT, LedgerError("no")), "log_unsettled"),
    (lambda: observability.broadcast_failed("b-1", "no"), "log_broadcast_failed"),
    (lambda: observability.crashed(ValueError("no")), "log_fault"),
    (lambda: observability.failed("p-1", kii_error(429, None)), "log_429"),
    (lambda: observability.failed("p-1", kii_error(429, "TOO_MANY")), "log_429"),
    (lambda: observability.refused("GET", "/topics", kii_error(429, None)), "log_429"),
    (lambda: observability.failed("p-1", BreakerOpen(30)), None),
    (lambda: observability.failed("p-1", kii_error(404, "USER_NOT_FOUND")), None),
    (lambda: observability.sent("p-1", Outcome.SENT), None),
]


def matches(pattern: str, line: Line) -> bool:
    """Say whether CloudWatch takes a line for a pattern, of the kind that the template has."""
    [alternatives] = re.findall(r"^\{ (.+) \}$", pattern)
    for alternative in alternatives.split(" || "):
        [(field, wanted)] = re.findall(r'^\$\.(\w+) = "([^"]+)"$', alternative)
        if field in line and fnmatch.fnmatchcase(str(line[field]), wanted):
            return True
    return False


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged meanwhile, as Lambda gets it."""
    stream = io.StringIO()
    handler = cast("Any", observability.logger.registered_handler)
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


@pytest.mark.parametrize(("log", "metric"), LOGGED)
def test_a_line_counts_for_the_metric_it_is_meant_for(
    written: io.StringIO, log: Callable[[], None], metric: str | None
) -> None:
    log()

    line = json.loads(written.getvalue())
    assert [name for name, pattern in OF_FUNCTIONS.items() if matches(pattern, line)] == (
        [metric] if metric else []
    )
    # The metric's only dimension.
    assert "service" in line


def test_every_metric_has_a_line_that_counts_for_it() -> None:
    assert {metric for _, metric in LOGGED if metric} == set(OF_FUNCTIONS)


def test_an_answer_of_the_gateway_counts_as_a_fault_if_it_is_one_of_the_bundle() -> None:
    logged = source()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"]["Fn::Sub"]
    statuses = ["201", "400", "429", "500", "502", "503", "504"]
    errors = ["-", "INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT", "THROTTLED", "INVALID_SIGNATURE"]
    by_functions = [{"status": status, "error": "-"} for status in statuses]
    by_itself = [{"status": "504", "error": error} for error in errors]

    # A function's 503 and 504 say that Kii did not take it, or nothing.
    assert [line["status"] for line in by_functions if matches(GATEWAY, line)] == ["500", "502"]
    assert [line["error"] for line in by_itself if matches(GATEWAY, line)] == errors[1:3]
    line = json.loads(logged)
    assert (line["status"], line["error"]) == ("$context.status", "$context.error.responseType")
    assert line["service"] == "${AWS::StackName}"


def test_the_gateways_log_and_the_functions_name_the_same_call() -> None:
    logged = json.loads(source()["Resources"]["Api"]["Properties"]["AccessLogSetting"]["Format"]["Fn::Sub"])

    # The first is `request_id` in the lines of functions, and in every answer; the second is `xray_trace_id`.
    assert logged["extendedRequestId"] == "$context.extendedRequestId"
    assert logged["traceId"] == "$context.xrayTraceId"
    # Callers can choose the other request ID.
    assert logged["requestId"] == "$context.requestId"
    assert logged["caller"] == "$context.identity.userArn"
    assert logged["sourceIp"] == "$context.identity.sourceIp"


def test_the_metrics_are_where_the_functions_own_are() -> None:
    namespaces = {
        each["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] for each in functions().values()
    }

    for _, metric in transformations():
        assert {metric["MetricNamespace"]} == namespaces
        assert metric["Dimensions"] == [{"Key": "service", "Value": "$.service"}]
