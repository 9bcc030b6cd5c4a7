"""A name of the layer stands in one place, is imported from there, and somebody uses it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import kii_push

PACKAGE = Path(kii_push.__path__[0])
ROOT = PACKAGE.parents[3]
TREES = {
    path: ast.parse(path.read_text(), str(path))
    for folder in (PACKAGE, *(ROOT / name for name in ("functions", "openapi", "local", "benchmarks")))
    for path in sorted(folder.rglob("*.py"))
}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): tree
    for path, tree in TREES.items()
    if path.is_relative_to(PACKAGE)
}


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module gives to something of its own."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.TypeAlias(name=ast.Name(id=name)) | ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case ast.Assign(targets=targets):
                yield from (
                    name.id for each in targets for name in ast.walk(each) if isinstance(name, ast.Name)
                )


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


def test_the_package_itself_exports_nothing() -> None:
    [docstring] = MODULES["kii_push.__init__"].body

    assert isinstance(docstring, ast.Expr)
    assert isinstance(docstring.value, ast.Constant)


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
    contract = [ast.parse(path.read_text(), str(path)) for path in (ROOT / "tests/contract").glob("*.py")]
    everywhere = {name for tree in (*TREES.values(), *contract) for name in used(tree)}
    unused = {
        f"{module}.{name}"
        for module, tree in MODULES.items()
        for name in defined(tree)
        if name not in everywhere
    }

    assert unused == set()
