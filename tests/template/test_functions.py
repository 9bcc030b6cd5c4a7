"""House rules for every function of the template."""

import json

import pytest

from local.settings import ROOT
from local.template import source
from tests.source import defined, parsed
from tests.template.model import (
    folder,
    functions,
    of_type,
    operations,
    references,
    resources,
)

FUNCTIONS = functions()
# API Gateway answers 504 after 29 seconds, whatever the function still does.
GATEWAY_PATIENCE = 29

# The function behind each operation of the API.
SERVING = {
    name: function
    for name, operation, _ in operations()
    for function in references(operation["x-amazon-apigateway-integration"]["uri"])
}

each_function = pytest.mark.parametrize("name", FUNCTIONS)


@each_function
def test_a_function_runs_on_the_runtime_and_processor_of_the_stack(name: str) -> None:
    assert FUNCTIONS[name]["Runtime"] == "python3.13"
    assert FUNCTIONS[name]["Architectures"] == [{"Ref": "Architecture"}]


@each_function
def test_a_function_has_the_layer_and_nothing_beside_it(name: str) -> None:
    [layer] = FUNCTIONS[name]["Layers"]

    assert list(references(layer)) == list(of_type("AWS::Lambda::LayerVersion"))


@each_function
def test_a_function_is_traced_and_says_what_it_is_for(name: str) -> None:
    assert FUNCTIONS[name]["TracingConfig"] == {"Mode": "Active"}
    assert FUNCTIONS[name]["Description"]


@each_function
def test_a_functions_logs_end_some_day(name: str) -> None:
    [group] = references(FUNCTIONS[name]["LoggingConfig"]["LogGroup"])

    assert of_type("AWS::Logs::LogGroup")[group]["RetentionInDays"]


@each_function
def test_a_functions_code_is_a_handler_in_its_own_folder(name: str) -> None:
    assert FUNCTIONS[name]["Handler"] == "app.handler"
    assert folder(name).parent == ROOT / "functions"
    assert "handler" in set(defined(parsed(folder(name) / "app.py")))


def test_every_folder_of_code_belongs_to_a_function() -> None:
    folders = {folder(name).name for name in FUNCTIONS}

    assert {path.parent.name for path in ROOT.glob("functions/*/app.py")} == folders
    assert len(folders) == len(FUNCTIONS)


@each_function
def test_a_function_has_a_role_that_no_other_function_has(name: str) -> None:
    roles = {each: list(references(properties["Role"])) for each, properties in FUNCTIONS.items()}

    assert len(roles[name]) == 1
    assert [each for each, role in roles.items() if role == roles[name]] == [name]


@pytest.mark.parametrize("name", sorted(set(SERVING.values())))
def test_a_function_behind_the_api_ends_before_the_gateway_gives_up(name: str) -> None:
    assert FUNCTIONS[name]["Timeout"] < GATEWAY_PATIENCE


@pytest.mark.parametrize("name", of_type("AWS::Lambda::LayerVersion"))
def test_the_layer_is_for_the_functions_runtime_and_processor(name: str) -> None:
    layer = of_type("AWS::Lambda::LayerVersion")[name]

    assert layer["CompatibleRuntimes"] == ["python3.13"]
    assert layer["CompatibleArchitectures"] == [{"Ref": "Architecture"}]
    assert layer["Description"]


def test_the_processor_is_a_choice_and_arm64_unless_chosen() -> None:
    parameter = source()["Parameters"]["Architecture"]

    assert parameter["Default"] == "arm64"
    assert sorted(parameter["AllowedValues"]) == ["arm64", "x86_64"]


def test_no_code_stands_in_the_template() -> None:
    assert "ZipFile" not in json.dumps(resources())
