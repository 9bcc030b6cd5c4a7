"""A name of the layer stands in one place, is imported from there, and somebody uses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kii_push
from local.settings import ROOT
from tests.source import defined, modules

PACKAGE = Path(kii_push.__path__[0])
TREES = modules("layers/kii/python/kii_push", "functions", "openapi", "local", "benchmarks")
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): tree
    for path, tree in TREES.items()
    if path.is_relative_to(PACKAGE)
}


def used(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module reads, its own ones too."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.Attribute(attr=name) | ast.alias(name=name):
                yield name
            # A command line's decorator registers its function, which nobody then has to name.
            case ast.FunctionDef(name=name, decorator_list=[ast.Call(), *_]):
                yield name


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of what is imported from the layer's modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module in MODULES:
            yield from ((node.module, alias.name) for alias in node.names)


def test_the_package_itself_exports_its_version_and_nothing_else() -> None:
    package = MODULES["kii_push.__init__"]

    assert ast.get_docstring(package)
    assert list(defined(package)) == ["__version__"]
    assert not any(isinstance(node, ast.Import | ast.ImportFrom) for node in package.body)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_for(module: str) -> None:
    first_line = (ast.get_docstring(MODULES[module]) or "").partition("\n")[0]

    assert first_line.rstrip(".") != ""


@pytest.mark.parametrize("path", TREES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_imported_from_where_they_are_defined_and_private_ones_not_at_all(path: Path) -> None:
    for module, name in imports(TREES[path]):
        assert name in set(defined(MODULES[module])), f"{name} is not {module}'s own"
        assert not name.startswith("_"), f"{name} is private to {module}"


def test_no_name_is_left_that_nothing_uses() -> None:
    # The client has every push operation of Kii's, those too that only its contract test calls.
    contract = [tree for path, tree in modules("tests/contract").items() if path.parent.name == "contract"]
    everywhere = {name for tree in (*TREES.values(), *contract) for name in used(tree)}
    unused = {
        f"{module}.{name}"
        for module, tree in MODULES.items()
        for name in defined(tree)
        if name not in everywhere
    }

    assert unused == set()
