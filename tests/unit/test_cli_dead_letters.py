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


def listed(groups: list[dict[str, Any]], about: int, *, complete: bool = True) -> dict[str, Any]:
    count = sum(group["count"] for group in groups)
    return {"groups": groups, "count": count, "about": about, "complete": complete}


def dealt(**counts: Any) -> dict[str, Any]:
    """Return what the function answers to `redrive` and `drop`."""
    none = dict.fromkeys(("put_back", "dropped", "deleted", "failed", "others", "hidden"), 0)
    return {"cause": "c", **none, "before": 7.5, "complete": True, "full": False, **counts}


def test_letters_are_listed_by_cause_with_their_age(function: Stubber, run: Run) -> None:
    answers(function, {"action": "list"}, listed(GROUPS, 13))
    answers(function, {"action": "list"}, listed(GROUPS, 13))

    ran = run("list")

    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "  cause                    letters  oldest      newest  such as",
        "  rejected USER_NOT_FOUND       12  2 days      1 hour  order-1, order-2, order-3",
        "  unknown                        1  59 seconds  now     order-4",
    ]
    assert run("list", "--json").json == listed(GROUPS, 13)


@pytest.mark.parametrize("groups", [GROUPS, []])
def test_letters_that_could_not_be_seen_are_told(
    function: Stubber, run: Run, groups: list[dict[str, Any]]
) -> None:
    answers(function, {"action": "list"}, listed(groups, 20_005, complete=False))

    *table, note = run("list").out.splitlines()

    assert len(table) == (3 if groups else 0)
    assert note.startswith(f"The first {13 if groups else 0} of about 20005. The others are too many")
    assert "hidden by another list, redrive or drop for 15 minutes at most" in note


def test_no_letters_are_told(function: Stubber, run: Run) -> None:
    answers(function, {"action": "list"}, listed([], 0))

    assert run("list").out == "There are no dead letters.\n"


def test_a_cause_is_put_back(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "rejected USER_NOT_FOUND"}
    answers(function, asked, dealt(put_back=3, dropped=1))
    answers(function, asked, dealt(put_back=3, dropped=1))

    ran = run("redrive", "rejected USER_NOT_FOUND")

    assert (ran.status, ran.out) == (0, "Put back: 3. Dropped, because it was too late for them: 1.\n")
    assert run("redrive", "rejected USER_NOT_FOUND", "--json").json == {
        "cause": "c",
        "put_back": 3,
        "dropped": 1,
        "failed": 0,
        "hidden": 0,
    }


def test_it_goes_on_until_all_that_were_there_are_put_back(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "exhausted"}
    answers(function, asked, dealt(put_back=1000, others=20, complete=False))
    again = {**asked, "before": 7.5}
    # What is hidden by then, the rounds before have hidden.
    answers(function, again, dealt(put_back=1000, others=5, hidden=20, before=7.5, complete=False))
    answers(function, again, dealt(put_back=5, dropped=2, hidden=25))

    ran = run("redrive", "exhausted")

    assert ran.status == 0
    assert ran.out.startswith("Put back: 2005. Dropped, because it was too late for them: 2.")
    assert ran.err.splitlines() == [
        "So far 1000 of this cause, 20 others passed by; going on.",
        "So far 2000 of this cause, 25 others passed by; going on.",
    ]


def test_it_does_not_go_on_for_ever_without_finding_one(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "exhausted"}
    answers(function, asked, dealt(put_back=1, complete=False))
    for _ in range(15):
        answers(function, {**asked, "before": 7.5}, dealt(others=100, complete=False))

    ran = run("redrive", "exhausted")

    assert (ran.status, ran.out) == (1, "")
    assert ran.err.splitlines()[-2:] == [
        "error: So far 1 of this cause, 1500 others passed by, and none of it in the last 15 rounds.",
        "`dead-letters list` shows what there is.",
    ]


def test_more_letters_than_sqs_can_hide_are_told(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "exhausted"}
    answers(function, asked, dealt(others=120_000, complete=False, full=True))

    ran = run("redrive", "exhausted")

    assert (ran.status, ran.out) == (1, "")
    assert "SQS hides no more letters at a time" in ran.err
    assert "Redrive or drop a cause with many letters first, in 15 minutes." in ran.err


def test_letters_that_another_has_hidden_are_not_taken_for_none(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "exhausted"}
    answers(function, asked, dealt(cause="exhausted", hidden=12))
    answers(function, asked, dealt(cause="exhausted", hidden=12, put_back=3))

    none, some = run("redrive", "exhausted"), run("redrive", "exhausted")

    assert (none.status, none.out) == (1, "")
    assert none.err.splitlines() == [
        "error: No dead letter with the cause 'exhausted' can be seen, but about 12 are hidden.",
        "Another list, redrive or drop looks at them, or did. Try again in 15 minutes at most.",
    ]
    assert (some.status, some.out[:12]) == (0, "Put back: 3.")
    assert some.err.startswith("About 12 letters were hidden by another list, redrive or drop")


@pytest.mark.parametrize(("action", "what"), [("redrive", "put back"), ("drop", "deleted")])
def test_letters_that_sqs_refused_are_told(function: Stubber, run: Run, action: str, what: str) -> None:
    answers(function, {"action": action, "cause": "exhausted"}, dealt(failed=2))

    ran = run(action, "exhausted", *(["--yes"] if action == "drop" else []))

    assert (ran.status, ran.out) == (1, "")
    assert ran.err == f"error: 2 could not be {what}: they stay. The function's log says why.\n"


def test_a_cause_is_dropped_after_a_yes(function: Stubber, run: Run) -> None:
    asked = {"action": "drop", "cause": "rejected USER_NOT_FOUND"}
    answers(function, asked, dealt(deleted=20, others=3, complete=False))
    answers(function, {**asked, "before": 7.5}, dealt(deleted=1))
    answers(function, asked, dealt(deleted=3))

    asked_for = run("drop", "rejected USER_NOT_FOUND", typed="y\n")

    assert (asked_for.status, asked_for.out.lstrip()) == (0, "Deleted: 21.\n")
    assert "Nobody can send the pushes of the cause 'rejected USER_NOT_FOUND' again." in asked_for.err
    ran = run("drop", "rejected USER_NOT_FOUND", "--yes", "--json")
    assert (ran.json, ran.err) == ({"cause": "c", "deleted": 3, "failed": 0, "hidden": 0}, "")


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
@pytest.mark.usefixtures("function")
def test_nothing_is_dropped_without_a_yes(run: Run, typed: str) -> None:
    assert run("drop", "exhausted", typed=typed).status == 1


def test_a_cause_that_is_not_there_is_not_dropped(function: Stubber, run: Run) -> None:
    answers(function, {"action": "drop", "cause": "rejectd"}, dealt(cause="rejectd"))

    assert run("drop", "rejectd", "--yes").err.startswith("error: No dead letter has the cause 'rejectd'.")


def test_unknown_ones_are_put_back_after_a_yes(function: Stubber, run: Run) -> None:
    asked = {"action": "redrive", "cause": "unknown"}
    answers(function, asked, dealt(put_back=1))
    answers(function, asked, dealt(put_back=1))

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
    answers(function, {"action": "redrive", "cause": "rejectd"}, dealt(cause="rejectd"))

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
    answers(function, {"action": "list"}, listed([], 0))

    assert run("list", *option).status == 0
    assert regions == [region]


def test_without_a_region_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KII_PUSH_REDRIVE_FUNCTION", FUNCTION)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)

    ran = run("list")

    assert (ran.status, ran.out) == (2, "")
    assert ran.err == f"error: {FUNCTION} cannot be invoked: You must specify a region.\n"
