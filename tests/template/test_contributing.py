"""CONTRIBUTING.md: its commands and places are real, and its five steps lead to a function that passes."""

import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

from local.settings import ROOT

PAGE = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGE = ROOT / "layers/kii/python"
SHELL = re.compile(r"^ *```sh\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
# What a copy does without: what was built, and the tools, which it shares. Bytecode and mypy's cache are good
# there too: a copied file keeps its time.
NOT_COPIED = (".git", ".venv", ".tools", ".local", ".aws-sam", ".hypothesis", "node_modules")


def section(heading: str) -> str:
    """Return what stands below a heading of the page."""
    _, found, rest = PAGE.partition(f"\n## {heading}\n")
    assert found, heading
    return rest.partition("\n## ")[0]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "README.md", "Makefile"])
def test_every_command_of_make_is_there(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = re.findall(r"(?:`|^ *)make ([a-z-]+)", (ROOT / document).read_text(), re.MULTILINE)

    assert told
    assert set(told) - targets == set()


def test_every_folder_of_tests_has_a_row() -> None:
    folders = {path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")}

    assert {name.strip("/") for row in rows("Where a test goes") for name in quoted(row[0])} == folders


def test_the_fixtures_to_start_with_are_there() -> None:
    for folder, _, _, _, start in rows("Where a test goes"):
        places = [ROOT / "tests/conftest.py", ROOT / f"tests/{folder.strip('`/')}/conftest.py"]
        fixtures = "".join(path.read_text() for path in places if path.exists())
        for name in quoted(start):
            assert (ROOT / name).exists() or f"\ndef {name}(" in fixtures, (folder, name)


@pytest.mark.parametrize("place", [place for _, place in rows("Where things are")])
def test_a_place_is_there_and_has_what_is_said_of_it(place: str) -> None:
    files = [name for name in quoted(place) if re.search(r"\.\w+$", name)]
    names = set(quoted(place)) - {*files, "make docs"}
    paths = [PACKAGE / name if name.startswith("kii_push/") else ROOT / name for name in files]

    assert paths
    text = "".join(path.read_text() for path in paths)
    assert [name for name in names if not re.search(rf"^ *{name}\b", text, re.MULTILINE)] == []


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the repository as it stands here, with the same tools."""
    copy = tmp_path / "tree"
    shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for tools in (".venv", ".tools"):
        (copy / tools).symlink_to(ROOT / tools)
    return copy


def run(command: str, tree: Path) -> str:
    """Run a command of the page in a copy, as in a shell of its own; returns what it printed."""
    # Without what make and pytest tell their children.
    own = {name: value for name, value in os.environ.items() if not re.match("MAKE|MFLAGS|PYTEST|COV", name)}
    done = subprocess.run(  # noqa: S603 (the page is ours)
        ["sh", "-eu", "-c", command],  # noqa: S607
        cwd=tree,
        # The unit tests do not look at functions, and would take most of the time.
        env={**own, "PYTEST_ADDOPTS": "--ignore=tests/unit"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_steps_of_the_page_add_a_function(tree: Path) -> None:
    scaffold, docs, check = [
        textwrap.dedent(command).strip() for command in SHELL.findall(section("Add a function"))
    ]

    assert not (tree / "functions/user_installations").exists(), "give the page another example"
    told = run(scaffold, tree)
    # Step 4 draws it, which no command can.
    picture = tree / "docs/architecture.svg"
    picture.write_text(picture.read_text().replace("</svg>", "<text>user_installations</text></svg>"))
    run(docs, tree)
    checked = run(check, tree)

    assert "make docs" in told
    assert (tree / "functions/user_installations/app.py").exists()
    assert '"/users/{userID}/installations"' in (tree / "docs/openapi.json").read_text()
    assert "passed" in checked
