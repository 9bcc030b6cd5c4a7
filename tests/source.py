"""The repository's own Python, parsed: what the house rules look at."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from local.settings import ROOT


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(), str(path))


def modules(*folders: str) -> dict[Path, ast.Module]:
    """Return the syntax trees of all modules below these folders of the repository, by path."""
    return {
        path: parsed(path)
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
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
