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
    *("TreatMissingData", "AlarmActions", "OKActions"),
]
# What these tell of stays until a person deals with it, so that no more came is no good news.
WITHOUT_OK = {"UnsettledAlarm"}
# The stack's own topic, and the operator's.
TOLD = [
    {"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, {"Ref": "AWS::NoValue"}]},
    {"Fn::If": ["HasAlarmTopicArn", {"Ref": "AlarmTopicArn"}, {"Ref": "AWS::NoValue"}]},
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
    without = {"OKActions"} if alarm in WITHOUT_OK else set()

    assert list(ALARMS[alarm]) == [each for each in PROPERTIES if each not in without]


@each_alarm
def test_an_alarm_says_what_is_wrong_and_names_a_section_of_the_handbook(alarm: str) -> None:
    [(sentence, section)] = re.findall(
        r'^([A-Z].+\.) See docs/operations\.md, "([^"]+)"\.$', ALARMS[alarm]["AlarmDescription"]
    )

    assert sentence
    assert section in markdown.headings(ROOT / "docs/operations.md")


@each_alarm
def test_an_alarm_tells_each_topic_that_there_is_when_it_begins_and_when_it_is_over(alarm: str) -> None:
    assert ALARMS[alarm]["AlarmActions"] == TOLD
    assert ALARMS[alarm].get("OKActions", TOLD) == TOLD


@pytest.mark.parametrize("parameter", ["AlarmEmail", "AlarmTopicArn"])
def test_someone_is_told_if_a_parameter_says_who(parameter: str) -> None:
    assert source()["Conditions"][f"Has{parameter}"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]
    }


def test_the_stacks_own_topic_sends_what_cloudwatch_publishes_to_the_address() -> None:
    own = {
        name: each for name, each in source()["Resources"].items() if each["Type"].startswith("AWS::SNS::")
    }
    topic, policy, subscription = (each["Properties"] for each in own.values())
    [statement] = policy["PolicyDocument"]["Statement"]

    # None of them without an address.
    assert {each["Condition"] for each in own.values()} == {"HasAlarmEmail"}
    # CloudWatch may not use AWS's own key: it could not publish.
    assert "KmsMasterKeyId" not in topic
    assert policy["Topics"] == [statement["Resource"]] == [{"Ref": "AlarmTopic"}]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "sns:Publish")
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert subscription == {
        "TopicArn": {"Ref": "AlarmTopic"},
        "Protocol": "email",
        "Endpoint": {"Ref": "AlarmEmail"},
    }


def test_an_address_is_one_address() -> None:
    pattern = source()["Parameters"]["AlarmEmail"]["AllowedPattern"]
    addresses = ["", "ops@example.com", "kii+push@ops.example.co.jp"]
    others = ["ops", "@example.com", "a@b@c", "a@example.com,b@example.com", "a b@c"]

    assert [each for each in [*addresses, *others] if re.search(pattern, each)] == addresses


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
