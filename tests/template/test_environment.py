"""House rules for environment variables: what the code reads is set, and what is set is read."""

import pytest
from aws_lambda_powertools.shared import constants

from local.template import source
from tests.template.model import folder, functions
from tests.template.reads import read_by

FUNCTIONS = functions()
READ = {name: read_by(folder(name) / "app.py") for name in FUNCTIONS}
POWERTOOLS = {value for value in vars(constants).values() if isinstance(value, str)}

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
    # Read two imports away from the function, and by one of its two doors only.
    assert "KII_SECRET_ID" in READ["DirectPushFunction"]
    assert "DEAD_LETTER_QUEUE_URL" in READ["QueuePushFunction"]
    assert "DEAD_LETTER_QUEUE_URL" not in READ["DirectPushFunction"]
