"""Logs and metrics: one line and one count for each push, and nothing of what it says."""

import json

import pytest

from kii_push.common import observability
from kii_push.errors import (
    InvalidRequest,
    LedgerError,
    LoginFailed,
    NoAnswer,
    Outcome,
    PushError,
    SecretError,
    Violation,
    kii_error,
)
from tests.unit.conftest import LogLines

TEXT = "for bob's eyes"


def test_a_push_that_was_sent_is_one_line_with_its_id(log_lines: LogLines) -> None:
    observability.sent("order-42", Outcome.SENT)
    observability.sent("order-42", Outcome.DUPLICATE)

    lines = log_lines()
    assert [(line["level"], line["message"], line["push_id"], line["outcome"]) for line in lines] == [
        ("INFO", "push", "order-42", "sent"),
        ("INFO", "push", "order-42", "duplicate"),
    ]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            kii_error(404, "USER_NOT_FOUND"),
            ("rejected", "USER_NOT_FOUND", "Kii answered 404 USER_NOT_FOUND"),
        ),
        (NoAnswer("Kii gave no whole answer"), ("unknown", None, "Kii gave no whole answer")),
        (InvalidRequest(Violation("id", "is odd")), ("rejected", None, "id: is odd")),
        (SecretError("the secret arn is odd"), ("not_sent", None, "the secret arn is odd")),
        (LoginFailed("no token for app a"), ("not_sent", None, "no token for app a")),
    ],
)
def test_a_push_that_failed_is_one_line_with_the_reason(
    log_lines: LogLines, error: PushError, said: tuple[str, str | None, str]
) -> None:
    observability.failed("order-42", error)

    [line] = log_lines()
    assert (line["level"], line["message"], line["push_id"]) == ("WARNING", "push", "order-42")
    assert (line["outcome"], line.get("error_code"), line["reason"]) == said


def test_a_push_that_failed_before_its_id_was_known_is_logged_too(log_lines: LogLines) -> None:
    observability.failed(None, NoAnswer("no answer"))

    [line] = log_lines()
    assert line["reason"] == "no answer"
    assert "push_id" not in line


def test_a_fault_of_our_own_is_logged_by_type_and_place_but_not_by_its_message(log_lines: LogLines) -> None:
    def fail() -> None:
        raise ValueError(TEXT)

    with pytest.raises(ValueError, match=TEXT) as failed:
        fail()

    observability.crashed(failed.value)

    [line] = log_lines()
    assert (line["level"], line["message"], line["error_type"]) == ("ERROR", "fault", "ValueError")
    outer, inner = line["stack"]
    assert outer.endswith(" test_a_fault_of_our_own_is_logged_by_type_and_place_but_not_by_its_message")
    assert inner == f"{__file__}:{fail.__code__.co_firstlineno + 1} fail"
    assert TEXT not in json.dumps(line)
    assert "exception" not in line


def test_a_push_whose_outcome_was_not_recorded_is_an_error(log_lines: LogLines) -> None:
    observability.unsettled("order-42", "sent", LedgerError("the ledger cannot be written"))

    [line] = log_lines()
    assert (line["level"], line["message"], line["push_id"]) == ("ERROR", "unsettled", "order-42")
    assert (line["outcome"], line["reason"]) == ("sent", "the ledger cannot be written")


def test_a_call_that_failed_is_logged_by_its_path_as_the_api_has_it(log_lines: LogLines) -> None:
    observability.refused("GET", "/topics/{topicID}", kii_error(404, "TOPIC_NOT_FOUND"))

    [line] = log_lines()
    assert (line["level"], line["message"], line["method"]) == ("WARNING", "call", "GET")
    assert (line["resource"], line["outcome"]) == ("/topics/{topicID}", "rejected")
    assert line["error_code"] == "TOPIC_NOT_FOUND"


def test_a_delay_that_sqs_refused_is_logged_with_its_code(log_lines: LogLines) -> None:
    observability.not_postponed("InvalidParameterValue")

    [line] = log_lines()
    assert (line["message"], line["error_code"]) == ("not_postponed", "InvalidParameterValue")


def test_a_broadcast_that_failed_is_one_line_with_the_reason(log_lines: LogLines) -> None:
    observability.broadcast_failed("summer-sale", "the list is not there any more")

    [line] = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "broadcast_failed")
    assert (line["broadcast_id"], line["reason"]) == ("summer-sale", "the list is not there any more")


def test_nothing_of_one_line_is_left_in_the_next(log_lines: LogLines) -> None:
    observability.failed("order-42", kii_error(404, "USER_NOT_FOUND"))
    observability.sent("order-43", Outcome.SENT)

    assert "reason" not in log_lines()[1]
    assert "error_code" not in log_lines()[1]


def test_each_outcome_and_each_fault_is_counted_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    for outcome in (*Outcome, Outcome.SENT, None):
        observability.count(outcome)
    observability.calls_this_month(17)
    observability.metrics.flush_metrics()

    written = json.loads(capsys.readouterr().out)
    [published] = written["_aws"]["CloudWatchMetrics"]
    assert published["Namespace"] == "KiiPush"
    assert {each["Name"]: each["Unit"] for each in published["Metrics"]} == dict.fromkeys(
        [*Outcome, "fault", "calls_this_month"], "Count"
    )
    assert written["sent"] == [1, 1]
    assert written["not_sent"] == [1]
    assert written["fault"] == [1]
    assert written["calls_this_month"] == [17]


def test_metrics_are_written_once_and_an_invocation_without_any_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    observability.flush()
    assert capsys.readouterr().out == ""

    observability.count(Outcome.SENT)
    observability.flush()
    assert json.loads(capsys.readouterr().out)["sent"] == [1]
    observability.flush()
    assert capsys.readouterr().out == ""
