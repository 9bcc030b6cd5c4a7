"""House rules for names: a number has its unit in its name, and no module is called like Python's own."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.source import modules

TREES = modules("layers", "functions", "sandbox", "local")
UNITS = {"SECONDS", "MS", "DAYS", "BYTES", "MB", "CHARS"}
COUNTED = {
    "ATTEMPTS",
    "BATCHES",
    "BROADCASTS",
    "BUILDS",
    "CALLS",
    "CONNECTIONS",
    "COUNT",
    "DELIVERIES",
    "DOUBTS",
    "EVENTS",
    "GROUPS",
    "LIMIT",
    "MESSAGES",
    "PLACEHOLDERS",
    "PUSHES",
    "RECIPIENTS",
    "REQUESTS",
    "SENDS",
    "SHARDS",
    "THREADS",
    "TRIES",
    "VIOLATIONS",
}
# These count nothing.
OTHERS = {"DEPTH", "FRACTION", "INTEGER", "PORT", "SIZE", "VERSION"}

each_module = pytest.mark.parametrize("path", TREES, ids=lambda path: str(path.relative_to(ROOT)))


def numbers_without_a_unit(tree: ast.Module) -> Iterator[str]:
    """Yield the module's constants that are numbers, or collections of them, and do not say of what."""
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=ast.expr() as value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ) if is_number(value) and not (UNITS | COUNTED | OTHERS) & set(name.upper().split("_")):
                yield name


def is_number(value: ast.expr) -> bool:
    match value:
        case ast.Constant(value=constant):
            return isinstance(constant, int | float) and not isinstance(constant, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Call(func=ast.Name(id="frozenset"), args=[collection]):
            return is_number(collection)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return bool(parts) and all(is_number(part) for part in parts)
        case _:
            return False


@each_module
def test_a_number_has_its_unit_in_its_name(path: Path) -> None:
    assert list(numbers_without_a_unit(TREES[path])) == []


@each_module
def test_a_module_is_not_called_like_one_of_the_standard_library(path: Path) -> None:
    assert name(path) not in sys.stdlib_module_names


def name(path: Path) -> str:
    return path.parent.name if path.stem == "__init__" else path.stem


@pytest.mark.parametrize(
    "planted",
    [
        "PATIENCE = 60",
        "_PAUSE: Final = 0.2",
        "BODY = 64 * 1024",
        "EARLIEST = -1",
        "PAUSES = (0.2, 0.8)",
        "STATUSES = frozenset({408, 425})",
    ],
)
def test_a_number_without_a_unit_is_found(planted: str) -> None:
    assert list(numbers_without_a_unit(ast.parse(planted)))


@pytest.mark.parametrize(
    "constant",
    [
        "PATIENCE_SECONDS = 60",
        "_MAX_BODY_BYTES: Final = 64 * 1024",
        "BACKOFF_SECONDS = (0.2, 0.8)",
        "DEBUG = False",
        'NAME = "port 80"',
        "CODES = frozenset({HTTPStatus.OK})",
    ],
)
def test_a_number_with_a_unit_and_what_is_no_number_pass(constant: str) -> None:
    assert list(numbers_without_a_unit(ast.parse(constant))) == []


@pytest.mark.parametrize("module", ["local/queue.py", "local/http/__init__.py"])
def test_a_module_called_like_one_of_the_standard_library_is_found(module: str) -> None:
    assert name(ROOT / module) in sys.stdlib_module_names
