"""The repository's own Python, parsed: what the house rules look at."""

import ast
import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from local.settings import ROOT


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return a module's syntax tree."""
    return ast.parse(path.read_text(), str(path))


class Trees(Mapping[Path, ast.Module]):
    """Syntax trees by path, parsed when they are asked for: collecting the tests needs the paths only."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = dict.fromkeys(paths)

    def __getitem__(self, path: Path) -> ast.Module:
        if path not in self._paths:
            raise KeyError(path)
        return parsed(path)

    def __iter__(self) -> Iterator[Path]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def modules(*folders: str) -> Trees:
    """Return the syntax trees of all modules below these folders of the repository."""
    return Trees(
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "node_modules" not in path.parts
    )


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
