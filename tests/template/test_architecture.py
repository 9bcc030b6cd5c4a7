"""docs/architecture.md and its picture say what is there."""

import re
from pathlib import Path

import pytest

from kii_push import errors
from kii_push.errors import Outcome, PushError
from local.settings import ROOT

LAYER = ROOT / "layers/kii/python/kii_push"
TEXT = (ROOT / "docs/architecture.md").read_text()
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))


def _rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its head."""
    _, _, rest = TEXT.partition(f"\n## {heading}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines[2:]]


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _modules(room: Path) -> list[str]:
    return sorted(path.stem for path in room.glob("*.py") if path.stem != "__init__")


def test_the_picture_shows_every_function() -> None:
    picture = re.findall(r"<text[^>]*>([^<]+)<", (ROOT / "docs/architecture.svg").read_text())

    assert [each for each in FUNCTIONS if each not in picture] == []


def test_every_room_and_module_of_the_layer_stands_in_the_table() -> None:
    told: dict[str, list[str]] = {"": []}
    for names, modules, _ in _rows("The rooms of the layer"):
        for room, named in zip(_quoted(names) or [""], modules.split(";"), strict=True):
            told.setdefault(room.rstrip("/"), []).extend(_quoted(named))

    assert {room: sorted(modules) for room, modules in told.items()} == {
        "": _modules(LAYER),
        **{path.parent.name: _modules(path.parent) for path in LAYER.glob("*/__init__.py")},
    }


def test_every_outcome_stands_in_the_table() -> None:
    assert [_quoted(row[0]) for row in _rows("Outcomes")] == [[outcome] for outcome in Outcome]


@pytest.mark.parametrize("outcome", Outcome)
def test_the_table_names_the_failures_of_an_outcome(outcome: Outcome) -> None:
    [named] = [_quoted(row[1]) for row in _rows("Outcomes") if _quoted(row[0]) == [outcome]]
    failures = {
        name
        for name, each in vars(errors).items()
        if isinstance(each, type) and issubclass(each, PushError) and each is not PushError
        if each.outcome == outcome
    }

    assert set(named) == failures
