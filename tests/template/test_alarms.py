"""House rules for alarms: all alike, each says what to do, and watches something that exists."""

import ast
import itertools
import re
from collections.abc import Mapping
from typing import Any

import pytest

from kii_push.errors import Outcome
from local import sam
from local.settings import ROOT
from local.template import source
from tests.template import markdown
from tests.template.model import functions, metrics, of_type, references, transformations

# A metric's values, one a period.
type Series = list[int | None]

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
MATH_ALARMS = [name for name, each in ALARMS.items() if "Metrics" in each]
OWN_ALARMS = [
    name
    for name, alarm in ALARMS.items()
    if not any(each["Namespace"].startswith("AWS/") for each in metrics(alarm))
]
AWS_ALARMS = [name for name in ALARMS if name not in OWN_ALARMS]
METRIC = ["Namespace", "MetricName", "Dimensions", "Statistic", "Period"]
PROPERTIES = [
    *("AlarmDescription", *METRIC, "EvaluationPeriods", "DatapointsToAlarm", "Threshold"),
    *("ComparisonOperator", "TreatMissingData", "AlarmActions", "OKActions"),
]
MATH_PROPERTIES = ["Metrics" if each == METRIC[0] else each for each in PROPERTIES if each not in METRIC[1:]]
# What these tell of stays until a person deals with it, so that no more came is no good news.
WITHOUT_OK = {*MATH_ALARMS, "UnsettledAlarm", "BroadcastFailedAlarm", "ExhaustedAlarm"}
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
    properties = MATH_PROPERTIES if alarm in MATH_ALARMS else PROPERTIES
    without = {"OKActions"} if alarm in WITHOUT_OK else set()

    assert list(ALARMS[alarm]) == [each for each in properties if each not in without]


@pytest.mark.parametrize("alarm", MATH_ALARMS)
def test_an_alarm_with_metric_math_can_be_left_out_and_names_all_that_it_reckons_with(alarm: str) -> None:
    expression, *queried = ALARMS[alarm]["Metrics"]

    assert source()["Resources"][alarm]["Condition"] == "HasMetricMathAlarms"
    assert list(expression) == ["Id", "Expression"]
    assert {each["Id"] for each in queried} == set(re.findall(r"\b[a-z]+\b", expression["Expression"]))
    # Of a queue that wakes up SQS's metrics come up to 15 minutes late.
    assert queried[0]["MetricStat"]["Period"] * ALARMS[alarm]["EvaluationPeriods"] >= 15 * 60
    # CloudWatch wants one result.
    assert [each["ReturnData"] for each in queried] == [False] * len(queried)


def test_only_the_local_stack_leaves_out_the_alarms_with_metric_math() -> None:
    assert source()["Conditions"]["HasMetricMathAlarms"] == {
        "Fn::Equals": [{"Ref": "MetricMathAlarms"}, "ENABLED"]
    }
    assert source()["Parameters"]["MetricMathAlarms"]["Default"] == "ENABLED"
    assert sam.PARAMETERS["MetricMathAlarms"] == "DISABLED"
    assert "MetricMathAlarms" not in (ROOT / "samconfig.toml").read_text()


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
    monthly = ALARMS[alarm].get("MetricName") == "calls_this_month"

    assert ALARMS[alarm]["TreatMissingData"] == ("ignore" if monthly else "notBreaching")


@each_alarm
def test_an_alarm_looks_back_as_far_as_cloudwatch_does(alarm: str) -> None:
    [period] = {each["Period"] for each in metrics(ALARMS[alarm])}
    periods = ALARMS[alarm]["EvaluationPeriods"]

    assert period in {60, 300, 3600}
    assert period * periods <= DAY_SECONDS
    assert 1 <= ALARMS[alarm]["DatapointsToAlarm"] <= periods


@pytest.mark.parametrize("alarm", AWS_ALARMS)
def test_an_alarm_of_a_queue_or_function_begins_with_its_name(alarm: str) -> None:
    [watched] = {name for each in metrics(ALARMS[alarm]) for name in references(each["Dimensions"])}
    [namespace] = {each["Namespace"] for each in metrics(ALARMS[alarm])}

    assert alarm.startswith(watched)
    assert namespace == {
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


def reckoned(expression: str, series: Mapping[str, Series]) -> Series:
    """Return what CloudWatch makes of an expression: of the functions that the template uses."""

    def value(node: ast.expr) -> Series:
        match node:
            case ast.Name(name):
                return series[name]
            case ast.BinOp(left, ast.Add(), right):
                pairs = zip(value(left), value(right), strict=True)
                return [None if a is None or b is None else a + b for a, b in pairs]
            case ast.Call(ast.Name("FILL"), [of, ast.Constant(int(filling))]):
                return [filling if each is None else each for each in value(of)]
            case ast.Call(ast.Name("DIFF"), [of]):
                steps = itertools.pairwise([None, *value(of)])
                return [None if a is None or b is None else b - a for a, b in steps]
        raise NotImplementedError(ast.unparse(node))

    return value(ast.parse(expression, mode="eval").body)


def times_told(alarm: dict[str, Any], **series: Series) -> int:
    """Return how often an alarm goes off over so many minutes. Without data it is not breached."""
    data = reckoned(alarm["Metrics"][0]["Expression"], series)
    breached = [each is not None and each > alarm["Threshold"] for each in data]
    periods, needed = alarm["EvaluationPeriods"], alarm["DatapointsToAlarm"]
    states = [sum(breached[max(0, end - periods) : end]) >= needed for end in range(1, len(breached) + 1)]
    return sum(not before and after for before, after in itertools.pairwise([False, *states]))


# A queue reports once a minute, but nothing while it is idle, and no hidden letters if there are none.
IDLE: Series = [None] * 60


@pytest.mark.parametrize("alarm", MATH_ALARMS)
@pytest.mark.parametrize(
    ("visible", "hidden", "times"),
    [
        pytest.param(IDLE + [1] * 600, [None] * 660, 1, id="the first letter, then forgotten"),
        pytest.param([0] * 60 + [1] * 600, [None] * 660, 1, id="the first letter of a queue in use"),
        pytest.param(IDLE + [1] * 60 + [201] * 60 + [401] * 60, [None] * 240, 3, id="more and more"),
        pytest.param(IDLE + list(range(1, 61)), [None] * 120, 1, id="one a minute for an hour"),
        pytest.param([5] * 60 + [0] * 15 + [5] * 60, [None] * 60 + [5] * 15 + [None] * 60, 1, id="a listing"),
        pytest.param([5] * 60 + [0] * 60 + IDLE, [None] * 180, 1, id="put back"),
        pytest.param(IDLE, IDLE, 0, id="none"),
    ],
)
def test_someone_is_told_whenever_there_are_more_dead_letters(
    alarm: str, visible: Series, hidden: Series, times: int
) -> None:
    # Those that begin with letters have their first growth here, too.
    assert times_told(ALARMS[alarm], visible=[None, *visible], hidden=[None, *hidden]) == times
