"""`dead-letters`: what it asks of the redrive function, what it prints, how it fails."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.response import StreamingBody
from botocore.stub import Stubber

from tests.unit.command_line import Ran, Shell

FUNCTION = "kii-push-RedriveFunction"
GROUPS = [
    {
        "cause": "rejected USER_NOT_FOUND",
        "count": 12,
        "oldest": 200_000,
        "newest": 3_700,
        "examples": ["order-1", "order-2", "order-3"],
    },
    {"cause": "unknown", "count": 1, "oldest": 59, "newest": 0, "examples": ["order-4"]},
]

type Run = Callable[..., Ran]


@pytest.fixture
def regions() -> list[str | None]:
    """The regions in which it was looked for."""
    return []


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch, regions: list[str | None]) -> Iterator[Stubber]:
    """The redrive function, as far as Lambda's API goes."""
    client = boto3.client(
        "lambda", region_name="eu-central-2", aws_access_key_id="a", aws_secret_access_key="s"
    )
    stubber = Stubber(client)

    def made(_service: str, region_name: str | None, config: Config) -> Any:
        assert config
        regions.append(region_name)
        return client

    monkeypatch.setattr(boto3, "client", made)
    monkeypatch.setenv("KII_PUSH_REDRIVE_FUNCTION", FUNCTION)
    with stubber:
        yield stubber
    stubber.assert_no_pending_responses()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run `dead-letters` with these arguments, `typed` at its question."""

    def run(*arguments: object, typed: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return Shell(capsys).run("dead-letters", *arguments)

    return run


def answers(function: Stubber, asked: dict[str, Any], answer: Any, **more: Any) -> None:
    content = json.dumps(answer).encode()
    response = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(content), len(content)), **more}
    function.add_response(
        "invoke", response, {"FunctionName": FUNCTION, "Payload": json.dumps(asked).encode()}
    )


def redriven(put_back: int, dropped: int = 0, *, complete: bool = True) -> dict[str, Any]:
    return {"cause": "c", "put_back": put_back, "dropped": dropped, "before": 7.5, "complete": complete}


def test_letters_are_listed_by_cause_with_their_age(function: Stubber, run: Run) -> None:
    answers(function, {"action": "list"}, {"groups": GROUPS})
    answers(function, {"action": "list"}, {"groups": GROUPS})

    ran = run("list")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "  cause                    letters  oldest      newest  such as",
        "  rejected USER_NOT_FOUND       12  2 days      1 hour  order-1, order-2, order-3",
        "  unknown                        1  59 seconds  now     order-4",
    ]
    assert run("list", "--json").json == GROUPS


def test_no_letters_are_told(function: Stubber, run: Run) -> None:
    answers(function, {"action": "list"}, {"groups": []})

    assert run("list").out == "There are no dead letters.\n"


def test_a_cause_is_put_back(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "rejected USER_NOT_FOUND"}
    answers(function, asked, redriven(3, 1))
    answers(function, asked, redriven(3, 1))

    ran = run("redrive", "rejected USER_NOT_FOUND")

    assert (ran.status, ran.out) == (0, "Put back: 3. Dropped, because it was too late for them: 1.\n")
    assert run("redrive", "rejected USER_NOT_FOUND", "--json").json == {
        "cause": "rejected USER_NOT_FOUND",
        "put_back": 3,
        "dropped": 1,
    }


def test_it_goes_on_until_all_that_were_there_are_put_back(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "exhausted"}
    answers(function, asked, redriven(1000, complete=False))
    answers(function, {**asked, "before": 7.5}, redriven(1000, complete=False))
    answers(function, {**asked, "before": 7.5}, redriven(5, 2))

    assert run("redrive", "exhausted").out.startswith(
        "Put back: 2005. Dropped, because it was too late for them: 2."
    )


def test_unknown_ones_are_put_back_after_a_yes(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "unknown"}
    answers(function, asked, redriven(1))
    answers(function, asked, redriven(1))

    asked_for = run("redrive", "unknown", typed="y\n")

    assert asked_for.status == 0
    assert "they can arrive twice" in asked_for.err
    # The question's last blank goes to standard output, whatever click is told.
    assert asked_for.out.lstrip() == "Put back: 1. Dropped, because it was too late for them: 0.\n"
    assert run("redrive", "unknown", "--yes").err == ""


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
@pytest.mark.usefixtures("function")
def test_unknown_ones_stay_without_a_yes(run: Run, typed: str) -> None:
    assert run("redrive", "unknown", typed=typed).status == 1


def test_a_cause_that_is_not_there_is_told(function: Stubber, run: Run) -> None:
    answers(function, {"action": "redrive", "cause": "rejectd"}, redriven(0))

    ran = run("redrive", "rejectd")

    assert (ran.status, ran.out) == (1, "")
    assert (
        ran.err == "error: No dead letter has the cause 'rejectd'.\n`dead-letters list` shows the causes.\n"
    )


@pytest.mark.parametrize(
    ("code", "next_step"),
    [
        ("ResourceNotFoundException", "Give the stack's output RedriveFunctionName, as --function"),
        ("AccessDeniedException", "The credentials need lambda:InvokeFunction on it."),
        ("TooManyRequestsException", ""),
    ],
)
def test_what_lambda_refuses_is_told_with_what_to_do(
    function: Stubber, run: Run, code: str, next_step: str
) -> None:
    function.add_client_error("invoke", code)

    ran = run("list")

    assert (ran.status, ran.out) == (1, "")
    assert ran.err.startswith(f"error: {FUNCTION} cannot be invoked: {code}.\n{next_step}")


def test_a_function_that_fails_is_told(function: Stubber, run: Run) -> None:
    answers(function, {"action": "list"}, {"errorType": "Crash"}, FunctionError="Unhandled")

    ran = run("list")

    assert (ran.status, ran.err) == (1, f"error: {FUNCTION} failed. Its log says why.\n")


@pytest.mark.parametrize(
    ("option", "region"), [(("--region", "eu-west-1"), "eu-west-1"), ((), "ap-northeast-1")]
)
def test_the_region_is_the_one_given_or_that_of_the_environment(
    function: Stubber, regions: list[str | None], run: Run, option: tuple[str, ...], region: str
) -> None:
    answers(function, {"action": "list"}, {"groups": []})

    assert run("list", *option).status == 0
    assert regions == [region]


def test_without_a_region_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KII_PUSH_REDRIVE_FUNCTION", FUNCTION)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)

    ran = run("list")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"error: {FUNCTION} cannot be invoked: You must specify a region.\n"
