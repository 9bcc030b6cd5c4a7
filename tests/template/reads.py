"""Which environment variables a function's code reads, followed through the layer name by name.

By name and not by module: a module may read one variable for the queue door and another for the schedule's.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from local.settings import ROOT

LAYER = ROOT / "layers/kii/python"

# A module and a name at its top level; the empty name is what runs when the module is imported.
type Place = tuple[Path, str]


def read_by(app: Path) -> set[str]:
    """Return the variables that importing an `app.py` and calling what it defines can read."""
    places = {(app, name) for name in ["", *_definitions(app)]}
    new = set(places)
    while new:
        new = set().union(*map(_next, new)) - places
        places |= new
    return set().union(*map(_variables, places))


@functools.cache
def _next(place: Place) -> frozenset[Place]:
    """Return the places that the code at a place names, and the modules that come with its own."""
    return frozenset(_named(place))


def _named(place: Place) -> Iterator[Place]:
    path, _ = place
    named = {name: (module, name) for module, name in ((path, name) for name in _definitions(path))}
    modules = {}
    for bound, module, name in _imports(path):
        yield module, ""
        if name:
            named[bound] = (module, name)
        else:
            modules[bound] = module
    for node in _code(place):
        for each in ast.walk(node):
            match each:
                case ast.Name(id=name) if name in named:
                    yield named[name]
                case ast.Attribute(value=ast.Name(id=bound), attr=name) if bound in modules:
                    if name in _definitions(modules[bound]):
                        yield modules[bound], name


@functools.cache
def _imports(path: Path) -> list[tuple[str, Path, str]]:
    """Return (name it is bound to, module's file, name in it or nothing) for what comes from the layer."""
    found = []
    for statement in _statements(path):
        if not isinstance(statement, ast.ImportFrom) or not statement.module:
            continue
        for alias in statement.names:
            bound = alias.asname or alias.name
            submodule = _file(f"{statement.module}.{alias.name}")
            module = _file(statement.module)
            if submodule:
                found.append((bound, submodule, ""))
            elif module:
                found.append((bound, module, alias.name))
    return found


def _file(module: str) -> Path | None:
    path = LAYER / (module.replace(".", "/") + ".py")
    return path if path.exists() else None


def _code(place: Place) -> list[ast.stmt]:
    path, name = place
    if name:
        return _definitions(path).get(name, [])
    defined = {id(node) for nodes in _definitions(path).values() for node in nodes if not _is_plain(node)}
    return [statement for statement in _statements(path) if id(statement) not in defined]


def _is_plain(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign | ast.TypeAlias)


@functools.cache
def _definitions(path: Path) -> dict[str, list[ast.stmt]]:
    found: dict[str, list[ast.stmt]] = {}
    for statement in _statements(path):
        match statement:
            case (
                ast.FunctionDef(name=name)
                | ast.ClassDef(name=name)
                | ast.TypeAlias(name=ast.Name(id=name))
                | ast.AnnAssign(target=ast.Name(id=name))
                | ast.Assign(targets=[ast.Name(id=name)])
            ):
                found.setdefault(name, []).append(statement)
    return found


@functools.cache
def _statements(path: Path) -> list[ast.stmt]:
    """Return a module's statements without those for type checkers."""
    return [
        statement
        for statement in ast.parse(path.read_text(), str(path)).body
        if not (isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING")
    ]


@functools.cache
def _variables(place: Place) -> frozenset[str]:
    """Return the variables that the code at a place reads."""
    return frozenset(name for node in _code(place) for name in _read(node))


def _read(node: ast.stmt) -> Iterator[str]:
    for each in ast.walk(node):
        match each:
            case (
                ast.Subscript(value=ast.Attribute(attr="environ"), slice=key)
                | ast.Call(
                    func=ast.Attribute(value=ast.Attribute(attr="environ"), attr="get"), args=[key, *_]
                )
                | ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="getenv"), args=[key, *_])
            ):
                for choice in (key.body, key.orelse) if isinstance(key, ast.IfExp) else (key,):
                    assert isinstance(choice, ast.Constant), f"a computed name: {ast.unparse(each)}"
                    yield str(choice.value)
