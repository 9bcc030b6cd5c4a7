"""A test module is for its tests alone: what others use has another home, such as tests/doubles."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.source import modules

TREES = modules("tests")


def uses_of_test_modules(tree: ast.Module) -> Iterator[str]:
    """Yield the test modules that a module imports, or imports from."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found = [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names):
                found = [f"{module or ''}.{alias.name}" for alias in names]
            case _:
                continue
        yield from (name for name in found if any(part.startswith("test_") for part in name.split(".")))


@pytest.mark.parametrize("path", TREES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_uses_a_test_module(path: Path) -> None:
    assert list(uses_of_test_modules(TREES[path])) == []


@pytest.mark.parametrize(
    "planted",
    [
        "from tests.stack.test_doors import message",
        "import tests.stack.test_doors",
        "from tests.stack import test_doors as doors",
        "from .test_doors import message",
        "if TYPE_CHECKING:\n    from tests.stack.test_doors import Door",
        "def late():\n    from tests.stack.test_doors import message",
    ],
)
def test_a_use_of_a_test_module_is_found(planted: str) -> None:
    assert list(uses_of_test_modules(ast.parse(planted)))
