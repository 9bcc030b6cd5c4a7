"""House rules for what a person reads: parameters, outputs, schedules to copy."""

import pytest

from kii_push.push import request
from kii_push.push.preflight import Preflight
from local.template import mentioned, source
from tests.template.model import of_type


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
    Preflight().check(push.message, push.target, app_id="app")


def test_the_rate_is_no_more_than_dynamodb_counts_in_one_item() -> None:
    assert source()["Parameters"]["PushesPerSecond"]["MaxValue"] <= 1000
