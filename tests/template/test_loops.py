"""A house rule for functions that feed themselves: Lambda is told that it is meant."""

from fnmatch import fnmatch

import pytest

from tests.template.model import functions, of_type, references, statements

FUNCTIONS = functions()
QUEUES = of_type("AWS::SQS::Queue")


def taken_from(function: str) -> set[str]:
    """The queues that a function is mapped to."""
    mappings = of_type("AWS::Lambda::EventSourceMapping").values()
    mapped = [each for each in mappings if function in references(each["FunctionName"])]
    return {queue for each in mapped for queue in references(each["EventSourceArn"])}


def sent_to(function: str) -> set[str]:
    """The queues that a function may send to."""
    [role] = references(FUNCTIONS[function]["Role"])
    allowed = [
        each
        for each in statements(role)
        if each["Effect"] == "Allow" and any(fnmatch("sqs:SendMessage", action) for action in each["Action"])
    ]
    return {queue for each in allowed for queue in references(each["Resource"])} & set(QUEUES)


def feeds_itself(function: str) -> bool:
    return bool(taken_from(function) & sent_to(function))


def test_the_fan_out_feeds_itself_and_nothing_else_does() -> None:
    assert [function for function in sorted(FUNCTIONS) if feeds_itself(function)] == ["FanOutFunction"]


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_a_function_that_feeds_itself_says_that_it_is_meant_and_no_other_does(function: str) -> None:
    # Lambda stops a loop after some 16 rounds unless it is allowed.
    allowed = FUNCTIONS[function].get("RecursiveLoop", "Terminate") == "Allow"

    assert allowed == feeds_itself(function)
