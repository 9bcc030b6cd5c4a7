"""House rules for what a person reads: parameters, outputs, alarms."""

import ast
import re

import pytest

from kii_push.errors import Outcome
from kii_push.push import preflight, request
from local.settings import ROOT
from local.template import source
from tests.template.model import functions, mentioned, of_type, transformations

OWN_ALARMS = {
    name: each
    for name, each in of_type("AWS::CloudWatch::Alarm").items()
    if not each.get("Namespace", "AWS/").startswith("AWS/")
}


def metrics_counted() -> set[str]:
    """The metric names that `observability` can publish, and those that are made of log lines."""
    tree = ast.parse((ROOT / "layers/kii/python/kii_push/common/observability.py").read_text())
    literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    filtered = {each["MetricName"] for _, each in transformations()}
    return {*Outcome, *(each for each in literals if isinstance(each, str)), *filtered}


@pytest.mark.parametrize("parameter", source()["Parameters"])
def test_a_parameter_is_explained_and_has_a_default(parameter: str) -> None:
    assert source()["Parameters"][parameter]["Description"].strip().endswith(".")
    assert "Default" in source()["Parameters"][parameter]


@pytest.mark.parametrize("parameter", source()["Parameters"])
def test_a_parameter_is_for_something(parameter: str) -> None:
    assert parameter in mentioned([source()["Globals"], source()["Resources"], source().get("Conditions")])


def test_the_console_shows_every_parameter_in_one_group_and_with_a_label() -> None:
    interface = source()["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]

    assert grouped == list(source()["Parameters"]), "the parameters in the order of their groups"
    assert all(group["Label"]["default"] for group in interface["ParameterGroups"])
    assert list(interface["ParameterLabels"]) == grouped
    assert all(label["default"] for label in interface["ParameterLabels"].values())


@pytest.mark.parametrize("output", source()["Outputs"])
def test_an_output_is_explained(output: str) -> None:
    assert source()["Outputs"][output]["Description"].strip()


@pytest.mark.parametrize("schedule", of_type("AWS::Scheduler::Schedule"))
def test_a_schedule_to_copy_is_a_push_that_would_be_sent(schedule: str) -> None:
    text = of_type("AWS::Scheduler::Schedule")[schedule]["Target"]["Input"]

    push = request.parse(text, default_id="unused")

    assert push.id != "unused"
    assert not push.lacks_confirm
    preflight.checked(push.message, push.target, app_id="app")


def test_the_rate_is_no_more_than_dynamodb_counts_in_one_item() -> None:
    assert source()["Parameters"]["PushesPerSecond"]["MaxValue"] <= 1000


@pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm"))
def test_an_alarm_ends_when_nothing_comes_any_more_unless_it_is_for_the_whole_month(alarm: str) -> None:
    properties = of_type("AWS::CloudWatch::Alarm")[alarm]

    monthly = properties["MetricName"] == "calls_this_month"
    assert properties["TreatMissingData"] == ("ignore" if monthly else "notBreaching")


@pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm"))
def test_an_alarm_says_what_it_means(alarm: str) -> None:
    assert of_type("AWS::CloudWatch::Alarm")[alarm]["AlarmDescription"].strip()


@pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm"))
def test_an_alarm_names_a_section_of_the_handbook(alarm: str) -> None:
    description = of_type("AWS::CloudWatch::Alarm")[alarm]["AlarmDescription"]

    [section] = re.findall(r'See docs/operations\.md, "([^"]+)"\.$', description)
    assert f"\n## {section}\n" in (ROOT / "docs/operations.md").read_text()


@pytest.mark.parametrize("alarm", of_type("AWS::CloudWatch::Alarm"))
def test_an_alarm_tells_the_topic_if_there_is_one(alarm: str) -> None:
    actions = of_type("AWS::CloudWatch::Alarm")[alarm]["AlarmActions"]["Fn::If"]

    assert actions == ["HasAlarmTopic", [{"Ref": "AlarmTopicArn"}], {"Ref": "AWS::NoValue"}]


@pytest.mark.parametrize("alarm", OWN_ALARMS)
def test_an_alarm_watches_a_metric_that_the_functions_publish(alarm: str) -> None:
    properties = OWN_ALARMS[alarm]
    variables = [each["Environment"]["Variables"] for each in functions().values()]

    assert properties["MetricName"] in metrics_counted()
    assert properties["Namespace"] in {each["POWERTOOLS_METRICS_NAMESPACE"] for each in variables}
    # Powertools' only dimension.
    [dimension] = properties["Dimensions"]
    assert dimension["Name"] == "service"
    assert dimension["Value"] in [each["POWERTOOLS_SERVICE_NAME"] for each in variables]
