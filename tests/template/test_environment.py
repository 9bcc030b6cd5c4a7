"""House rules for environment variables: what the code reads is set, and what is set is read."""

import ast
from pathlib import Path

import pytest
from aws_lambda_powertools.shared import constants

from local.settings import ROOT
from local.template import source
from tests.source import Trees, modules
from tests.template.model import folder, functions
from tests.template.reads import read_by

FUNCTIONS = functions()
READ = {name: read_by(folder(name) / "app.py") for name in FUNCTIONS}
POWERTOOLS = {value for value in vars(constants).values() if isinstance(value, str)}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
LAYER = ROOT / "layers/kii/python/kii_push"
# What a function needs shows in its app.py and in `runtime`; a command line has settings of its own.
MIDDLE = Trees(
    path
    for path in modules("layers")
    if path != LAYER / "runtime.py" and not path.is_relative_to(LAYER / "cli")
)

each_function = pytest.mark.parametrize("name", FUNCTIONS)


def own(name: str) -> set[str]:
    """The variables that the template sets for this function alone."""
    properties = source()["Resources"][name]["Properties"]
    return set(properties.get("Environment", {}).get("Variables", {}))


@each_function
def test_every_variable_that_a_functions_code_reads_is_set_for_it(name: str) -> None:
    assert READ[name] - set(FUNCTIONS[name]["Environment"]["Variables"]) == set()


@each_function
def test_every_variable_that_is_set_for_one_function_is_read_by_it(name: str) -> None:
    assert own(name) - READ[name] == set()


def test_every_variable_that_is_set_for_all_functions_is_read_by_one_of_them() -> None:
    for_all = set(source()["Globals"]["Function"]["Environment"]["Variables"])

    assert for_all - set().union(*READ.values()) <= POWERTOOLS


def test_the_code_is_followed_through_the_layer() -> None:
    # Read in `runtime`, by some of its functions only.
    assert "KII_SECRET_ID" in READ["DirectPushFunction"]
    assert "PUSHES_PER_SECOND" in READ["DirectPushFunction"]
    assert "PUSHES_PER_SECOND" not in READ["TopicsFunction"]
    # Read by one of the doors only.
    assert "DEAD_LETTER_QUEUE_URL" in READ["QueuePushFunction"]
    assert "DEAD_LETTER_QUEUE_URL" not in READ["DirectPushFunction"]


def uses_of_the_environment(tree: ast.Module) -> list[str]:
    """Return where a module reads or writes environment variables."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT)
        or (isinstance(node, ast.ImportFrom) and ENVIRONMENT & {alias.name for alias in node.names})
    ]


@pytest.mark.parametrize("path", MIDDLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_the_middle_of_the_layer_uses_the_environment(path: Path) -> None:
    assert uses_of_the_environment(MIDDLE[path]) == []


@pytest.mark.parametrize(
    "planted",
    [
        'os.environ["A"]',
        'os.environ.get("A")',
        'os.getenv("A")',
        "from os import environ",
        'def late():\n    import os as system\n    return system.environ["A"]',
    ],
)
def test_a_use_of_the_environment_is_found(planted: str) -> None:
    assert uses_of_the_environment(ast.parse(planted))
