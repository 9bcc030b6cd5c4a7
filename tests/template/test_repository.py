"""What strangers and their tools rely on: one version, readable configuration, CI that runs everything."""

import json
import re
import tomllib
from typing import Any

import pytest
import yaml

import kii_push
from kii_push.common import observability
from local.settings import ROOT

CONFIGURATION = sorted(
    path
    for folder in (ROOT, ROOT / ".github")
    for path in (folder.glob("*.y*ml") if folder == ROOT else folder.rglob("*.y*ml"))
    if path.name != "template.yaml"
)
VERSION = re.compile(r"^## (\d+\.\d+\.\d+) - (\d{4}-\d{2}-\d{2})$", re.MULTILINE)


def loaded(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text())


def test_the_changelog_the_project_and_the_log_have_one_version() -> None:
    released = VERSION.findall((ROOT / "CHANGELOG.md").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert released[0][0] == project["version"] == kii_push.__version__
    assert observability.logger.get_current_keys()["release"] == kii_push.__version__


def test_the_changelog_has_releases_only_newest_first_below_what_is_not_released() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    headings = re.findall(r"^## .*", text, re.MULTILINE)
    released = [(tuple(map(int, version.split("."))), date) for version, date in VERSION.findall(text)]

    assert headings[0] == "## Unreleased"
    assert len(released) == len(headings) - 1
    assert released == sorted(released, reverse=True)


@pytest.mark.parametrize("path", CONFIGURATION, ids=lambda path: str(path.relative_to(ROOT)))
def test_configuration_can_be_read(path: Any) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


def test_ci_runs_everything_on_the_python_of_the_project() -> None:
    [job] = loaded(".github/workflows/ci.yml")["jobs"].values()
    python = next(step["with"] for step in job["steps"] if "setup-python" in step.get("uses", ""))

    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
    assert re.search(r"^exec make test$", (ROOT / ".ci/run").read_text(), re.MULTILINE)
    assert python == {"python-version-file": ".python-version"}


def test_ci_pins_what_it_uses_and_may_only_read() -> None:
    workflow = loaded(".github/workflows/ci.yml")
    used = [step["uses"] for job in workflow["jobs"].values() for step in job["steps"] if "uses" in step]

    assert used
    assert [each for each in used if not re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", each)] == []
    assert workflow["permissions"] == {"contents": "read"}


def test_a_bug_is_asked_for_what_its_report_needs() -> None:
    fields = {each["id"]: each for each in loaded(".github/ISSUE_TEMPLATE/bug.yml")["body"] if "id" in each}

    required = {name for name, each in fields.items() if each.get("validations", {}).get("required")}
    assert required == {"release", "where", "steps", "expected"}


def test_the_hook_does_what_make_format_does() -> None:
    [repository] = loaded(".pre-commit-config.yaml")["repos"]
    entries = [hook["entry"] for hook in repository["hooks"]]
    recipe = (ROOT / "Makefile").read_text().partition("\nformat:")[2].partition("\n\n")[0]

    assert [entry.split()[:4] for entry in entries] == [
        [".venv/bin/python", *command.split()[1:4]] for command in recipe.splitlines()[1:]
    ]
    assert {hook["language"] for hook in repository["hooks"]} == {"system"}


def test_the_line_length_is_one() -> None:
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["line-length"]
    editor = re.findall(r"^max_line_length = (\d+)$", (ROOT / ".editorconfig").read_text(), re.MULTILINE)

    assert editor == [json.dumps(ruff)]
