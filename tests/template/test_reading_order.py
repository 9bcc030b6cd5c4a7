"""House rules for whoever reads template.yaml: it goes from top to bottom as the architecture."""

import re
from itertools import pairwise

import pytest
import yaml

from local.settings import ROOT
from local.template import source
from tests.template.model import operations, references

RESOURCES: dict[str, str] = {name: each["Type"] for name, each in source()["Resources"].items()}
ORDER = list(RESOURCES)
FUNCTIONS = [name for name, kind in RESOURCES.items() if kind == "AWS::Serverless::Function"]
OF_API = {
    function
    for _, operation, _ in operations()
    for function in references(operation["x-amazon-apigateway-integration"]["uri"])
}
WATCHING = {"AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter"}


def last_word(name: str) -> str:
    return str(re.findall(r"[A-Z][a-z0-9]*", name)[-1])


def test_the_functions_of_the_api_stand_together_and_before_those_of_other_doors() -> None:
    assert set(FUNCTIONS[: len(OF_API)]) == OF_API
    first, last = ORDER.index(FUNCTIONS[0]), ORDER.index(FUNCTIONS[len(OF_API) - 1])
    assert ORDER[first : last + 1] == FUNCTIONS[: len(OF_API)]


@pytest.mark.parametrize("plumbing", ["ApiRole", "ApiGatewayLogsRole", "ApiGatewayAccount"])
def test_the_gateways_plumbing_comes_after_the_functions(plumbing: str) -> None:
    assert ORDER.index(plumbing) > ORDER.index(FUNCTIONS[-1])


def test_a_mapping_comes_after_its_queue_and_its_function() -> None:
    for name, kind in RESOURCES.items():
        if kind == "AWS::Lambda::EventSourceMapping":
            for other in references(source()["Resources"][name]["Properties"]):
                assert ORDER.index(other) < ORDER.index(name), (name, other)


def test_alarms_and_their_filters_come_last() -> None:
    first = next(place for place, name in enumerate(ORDER) if RESOURCES[name] in WATCHING)

    assert {RESOURCES[name] for name in ORDER[first:]} == WATCHING


def test_a_filter_stands_before_its_alarm() -> None:
    for name, following in pairwise(ORDER):
        if RESOURCES[name] == "AWS::Logs::MetricFilter":
            [metric] = source()["Resources"][name]["Properties"]["MetricTransformations"]
            properties = source()["Resources"][following]["Properties"]
            watched = properties.get("MetricName") or properties["MetricTransformations"][0]["MetricName"]
            assert watched == metric["MetricName"], (name, following)


def test_a_parameter_is_not_called_like_a_resource() -> None:
    # A number called MonthlyCallsAlarm would be taken for the alarm.
    kinds = {last_word(name) for name in RESOURCES}

    assert [name for name in source()["Parameters"] if last_word(name) in kinds] == []


def marks(text: str) -> list[str]:
    """Return the anchors, aliases and merge keys in a YAML text, each with its line."""
    return [
        f"{type(token).__name__} in line {token.start_mark.line + 1}"
        for token in yaml.scan(text)
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken)
        or (isinstance(token, yaml.ScalarToken) and token.plain and token.value == "<<")
    ]


def test_the_template_deploys_as_it_is_written() -> None:
    # CloudFormation takes no anchors, aliases or merge keys; SAM would hide that by writing them out.
    assert marks((ROOT / "template.yaml").read_text()) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a: &x 1", ["AnchorToken in line 1"]),
        ("a: &x 1\nb: *x", ["AnchorToken in line 1", "AliasToken in line 2"]),
        ("a:\n  <<: {b: 1}", ["ScalarToken in line 2"]),
        ('a: "*x &y <<"\nb: a && b\nc: !Sub "${*}"', []),
    ],
)
def test_marks_that_cloudformation_does_not_take_are_found(text: str, found: list[str]) -> None:
    assert marks(text) == found
