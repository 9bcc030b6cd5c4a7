"""`make function`: all that a function needs, or nothing."""

import difflib
import json
import runpy
import shutil
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.process import LocalError
from local.scaffold import insert
from local.scaffold.function import next_steps, scaffold
from local.settings import ROOT
from tests.doubles.gateway import request_context

# No function of the bundle has this name, so that a new one does not break these tests.
NAME = "scaffold_example"
ROUTE = "/users/{userID}/scaffold-example"
CHANGED = ("template.yaml", "openapi/operations.py", "openapi/public.yaml")
NOT_SNAKE_CASE = ("", "Devices", "user-devices", "2_users", "_users", "a__b", "a_", "a/b", "../a")
NOT_A_PATH = ("devices", "/", "/a/", "//a", "/a b", "/{a", "/a?b=c", "/{a b}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what the scaffold reads and writes."""
    for folder in ("functions", "events", "openapi", "tests/functions"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "template.yaml", tmp_path)
    return tmp_path


def contents(tree: Path) -> dict[Path, bytes | None]:
    """Return everything in a tree: files with their content, and folders."""
    return {path: path.read_bytes() if path.is_file() else None for path in tree.rglob("*")}


def test_it_writes_what_a_function_needs_and_says_where(tree: Path) -> None:
    before = contents(tree)

    written = scaffold(NAME, ROUTE, root=tree)

    after = contents(tree)
    assert {path for path in after if path.is_file() and after[path] != before.get(path)} == set(written)
    assert {str(path.relative_to(tree)) for path in written} == {
        f"functions/{NAME}/app.py",
        f"events/{NAME}.json",
        f"tests/functions/test_{NAME}.py",
        *CHANGED,
    }


def test_the_handler_answers_its_event(tree: Path) -> None:
    scaffold(NAME, ROUTE, root=tree)

    event = json.loads((tree / f"events/{NAME}.json").read_text())
    handler = runpy.run_path(str(tree / f"functions/{NAME}/app.py"))["handler"]
    assert event == {"httpMethod": "GET", "resource": ROUTE, "pathParameters": {"userID": "LOGIN_NAME:bob"}}
    assert handler({**event, "requestContext": request_context()}, None)["statusCode"] == 204


def test_without_a_route_it_serves_its_name(tree: Path) -> None:
    scaffold("scaffold_status", root=tree)

    event = json.loads((tree / "events/scaffold_status.json").read_text())
    assert event == {"httpMethod": "GET", "resource": "/scaffold-status"}


def test_the_function_has_no_rights_and_the_gateway_has_one_more(tree: Path) -> None:
    before = yaml_parse((tree / "template.yaml").read_text())

    scaffold(NAME, ROUTE, root=tree)

    after = yaml_parse((tree / "template.yaml").read_text())
    own = after["Resources"].pop("ScaffoldExampleFunction")
    assert own["Properties"].keys() == {"Description", "CodeUri"}
    rights = _invoked(after)
    assert rights.pop() == {"Fn::GetAtt": ["ScaffoldExampleFunction", "Arn"]}
    assert after == before


def test_functions_stand_in_the_order_in_which_they_came(tree: Path) -> None:
    scaffold("scaffold_first", root=tree)
    scaffold("scaffold_second", root=tree)

    template = yaml_parse((tree / "template.yaml").read_text())
    names = list(template["Resources"])
    place = names.index("ScaffoldFirstFunction")
    assert names[place + 1] == "ScaffoldSecondFunction"
    assert template["Resources"][names[place - 1]]["Type"] == "AWS::Serverless::Function"
    assert [each["Fn::GetAtt"][0] for each in _invoked(template)[-2:]] == names[place : place + 2]


@pytest.mark.parametrize("file", CHANGED)
def test_no_line_that_was_there_is_changed(tree: Path, file: str) -> None:
    before = (tree / file).read_text().splitlines()

    scaffold(NAME, ROUTE, root=tree)

    after = (tree / file).read_text().splitlines()
    assert [line for line in difflib.ndiff(before, after) if line.startswith("- ")] == []


@pytest.mark.parametrize(
    ("name", "route", "why"),
    [
        *((name, None, "is not snake_case") for name in NOT_SNAKE_CASE),
        ("topics", None, "TopicsFunction"),
        ("imports", None, "tests/functions/test_imports.py exists"),
        ("push", None, "operation getPush"),
        *((NAME, route, "is not a path") for route in NOT_A_PATH),
        (NAME, "/pushes/{pushID}", "is served already"),
        (NAME, "/devices/{scaffoldID}", "no parameter scaffoldID"),
        (NAME, "/groups/{groupID}/topics/{topicID}/devices", "topics or buckets"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    tree: Path, name: str, route: str | None, why: str
) -> None:
    before = contents(tree)

    with pytest.raises(LocalError, match=why):
        scaffold(name, route, root=tree)

    assert contents(tree) == before


def test_two_names_that_are_one_in_the_template_are_refused(tree: Path) -> None:
    scaffold("scaffold_1", root=tree)

    with pytest.raises(LocalError, match="Scaffold1Function"):
        scaffold("scaffold1", root=tree)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(OSError("the disk is full"), LocalError), (KeyboardInterrupt(), KeyboardInterrupt)],
)
@pytest.mark.parametrize("good", [0, 1, 4])
def test_what_fails_half_way_leaves_nothing(
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    good: int,
    failure: BaseException,
    raised: type[BaseException],
) -> None:
    before = contents(tree)
    write_text, left = Path.write_text, iter(range(good))

    def fail(path: Path, text: str) -> int:
        if next(left, None) is None:
            write_text(path, text[:10])
            raise failure
        return write_text(path, text)

    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(raised):
        scaffold(NAME, ROUTE, root=tree)

    assert contents(tree) == before


@pytest.mark.parametrize(
    "ending",
    [
        "      CodeUri: a",
        "      CodeUri: a # as it is",
        "      Policies: [a, b]",
        "      Policies:\n        - {a: b,\n           c: d}",
        "      Description: >-\n        a\n        b",
        "      Description: |\n        a\n\n        b",
        "      Policies:\n        - a:\n            - b",
    ],
)
def test_a_function_goes_after_the_last_whatever_that_ends_with(ending: str) -> None:
    function = "  A:\n    Properties:\n"
    role = (
        "\n  # ---- The next part\n  ApiRole:\n    Properties:\n      Policies:\n        - PolicyDocument:\n"
        "            Statement:\n              - Resource:\n                  - !GetAtt A.Arn\n"
    )
    new = "\n  B:\n    Type: T\n"

    inserted = insert.function(f"Resources:\n{function}{ending}\n{role}", "B", new)

    assert inserted == (f"Resources:\n{function}{ending}\n{new}{role}                  - !GetAtt B.Arn\n")


def test_what_comes_next_is_what_the_page_says() -> None:
    steps = next_steps()

    assert steps.startswith("2. ")
    assert "make docs" in steps
    assert "\n## " not in steps


def _invoked(template: Any) -> Any:
    """Return what API Gateway may invoke."""
    [policy] = template["Resources"]["ApiRole"]["Properties"]["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    return statement["Resource"]
