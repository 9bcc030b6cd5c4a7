"""House rules for alarms: all alike, each says what to do, and watches something that exists."""

import ast
import re
from typing import Any

import pytest

from kii_push.errors import Outcome
from local.settings import ROOT
from local.template import source
from tests.template import markdown
from tests.template.model import functions, of_type, references, transformations

# As they are written: SAM leaves them alone, and their order counts.
ALARMS: dict[str, dict[str, Any]] = {
    name: each["Properties"]
    for name, each in source()["Resources"].items()
    if each["Type"] == "AWS::CloudWatch::Alarm"
}
FILTERS: dict[str, dict[str, Any]] = {
    name: each["Properties"]
    for name, each in source()["Resources"].items()
    if each["Type"] == "AWS::Logs::MetricFilter"
}
OWN_ALARMS = [name for name, each in ALARMS.items() if not each["Namespace"].startswith("AWS/")]
AWS_ALARMS = [name for name in ALARMS if name not in OWN_ALARMS]
PROPERTIES = [
    *("AlarmDescription", "Namespace", "MetricName", "Dimensions", "Statistic"),
    *("Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator"),
    *("TreatMissingData", "AlarmActions"),
]
DAY_SECONDS = 86_400

each_alarm = pytest.mark.parametrize("alarm", ALARMS)


def metrics_counted() -> set[str]:
    """The metric names that `observability` can publish, and those that are made of log lines."""
    tree = ast.parse((ROOT / "layers/kii/python/kii_push/common/observability.py").read_text())
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    filtered = {each["MetricName"] for _, each in transformations()}
    return {*Outcome, *(each for each in literals if isinstance(each, str)), *filtered}


@each_alarm
def test_an_alarm_has_the_same_properties_as_all_others_in_the_same_order(alarm: str) -> None:
    assert list(ALARMS[alarm]) == PROPERTIES


@each_alarm
def test_an_alarm_says_what_is_wrong_and_names_a_section_of_the_handbook(alarm: str) -> None:
    [(sentence, section)] = re.findall(
        r'^([A-Z].+\.) See docs/operations\.md, "([^"]+)"\.$', ALARMS[alarm]["AlarmDescription"]
    )

    assert sentence
    assert section in markdown.headings(ROOT / "docs/operations.md")


@each_alarm
def test_an_alarm_tells_the_topic_if_there_is_one(alarm: str) -> None:
    actions = ALARMS[alarm]["AlarmActions"]["Fn::If"]

    assert actions == ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]


@each_alarm
def test_an_alarm_ends_when_nothing_comes_any_more_unless_it_is_for_the_whole_month(alarm: str) -> None:
    monthly = ALARMS[alarm]["MetricName"] == "calls_this_month"

    assert ALARMS[alarm]["TreatMissingData"] == ("ignore" if monthly else "notBreaching")


@each_alarm
def test_an_alarm_looks_back_as_far_as_cloudwatch_does(alarm: str) -> None:
    period, periods = ALARMS[alarm]["Period"], ALARMS[alarm]["EvaluationPeriods"]

    assert period in {300, 3600}
    assert period * periods <= DAY_SECONDS
    assert 1 <= ALARMS[alarm]["DatapointsToAlarm"] <= periods


@pytest.mark.parametrize("alarm", AWS_ALARMS)
def test_an_alarm_of_a_queue_or_function_begins_with_its_name(alarm: str) -> None:
    [watched] = references(ALARMS[alarm]["Dimensions"])

    assert alarm.startswith(watched)
    assert ALARMS[alarm]["Namespace"] == {
        "AWS::SQS::Queue": "AWS/SQS",
        "AWS::Serverless::Function": "AWS/Lambda",
    }.get(source()["Resources"][watched]["Type"])


@pytest.mark.parametrize("alarm", OWN_ALARMS)
def test_an_alarm_watches_a_metric_that_the_functions_publish(alarm: str) -> None:
    variables = [each["Environment"]["Variables"] for each in functions().values()]

    assert ALARMS[alarm]["MetricName"] in metrics_counted()
    assert ALARMS[alarm]["Namespace"] in {each["POWERTOOLS_METRICS_NAMESPACE"] for each in variables}
    # Powertools' only dimension.
    [dimension] = ALARMS[alarm]["Dimensions"]
    assert dimension["Name"] == "service"
    assert dimension["Value"] in [each["POWERTOOLS_SERVICE_NAME"] for each in variables]


@pytest.mark.parametrize("metric_filter", FILTERS)
def test_a_filter_is_like_all_others_and_an_alarm_watches_its_metric(metric_filter: str) -> None:
    properties = FILTERS[metric_filter]
    [metric] = properties["MetricTransformations"]

    assert list(properties) == ["LogGroupName", "FilterPattern", "MetricTransformations"]
    assert list(metric) == ["MetricNamespace", "MetricName", "MetricValue", "Dimensions"]
    watching = [alarm for alarm in OWN_ALARMS if ALARMS[alarm]["MetricName"] == metric["MetricName"]]
    assert len(watching) == 1
    assert metric_filter.endswith(watching[0].removesuffix("Alarm") + "Filter")


def test_all_alarms_are_seen() -> None:
    assert ALARMS.keys() == of_type("AWS::CloudWatch::Alarm").keys()
