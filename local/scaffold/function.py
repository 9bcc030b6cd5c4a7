"""Start a function of the HTTPS door: a GET that answers 204, with all that a function needs around it."""

import json
import re
from pathlib import Path
from string import Template

import yaml

from local.process import LocalError
from local.scaffold import insert
from local.settings import ROOT
from openapi.gateway import logical_id
from openapi.operations import OPERATIONS

_TEMPLATES = Path(__file__).parent / "templates"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_ROUTE = re.compile(r"(/([A-Za-z0-9._-]+|{\w+}))+")
# Their operations are served in every scope, and belong to the functions that there are.
_IN_SCOPES = re.compile(r"/(topics|buckets)(/|$)")


def scaffold(name: str, route: str | None = None, root: Path = ROOT) -> list[Path]:
    """Write the files of the function `name`, which serves GET `route`, and return their paths.

    `route` is `/` and the name with dashes unless given. Raises LocalError, and then no file has changed.
    """
    route = route or f"/{name.replace('_', '-')}"
    public = (root / "openapi/public.yaml").read_text()
    template = (root / "template.yaml").read_text()
    _check_name(name, template)
    _check_route(route)
    values = {
        "name": name,
        "route": route,
        "operation": f"get_{name}",
        "operation_id": _operation_id(name),
        "resource": logical_id(name),
    }
    new = {
        root / f"functions/{name}/app.py": _filled("app.py", values),
        root / f"events/{name}.json": _event(route, public),
        root / f"tests/functions/test_{name}.py": _filled("test.py", values),
    }
    for path in (root / f"functions/{name}", *new):
        if path.exists():
            raise LocalError(f"{path.relative_to(root)} exists: choose another name.")
    operations = root / "openapi/operations.py"
    changed = {
        root / "template.yaml": insert.function(
            template, values["resource"], _filled("resource.yaml", values)
        ),
        operations: insert.operation(operations.read_text(), _filled("operation.py", values)),
        root / "openapi/public.yaml": insert.tag(public, _filled("tag.yaml", values)),
    }
    _write(new | changed)
    return [*new, *changed]


def next_steps() -> str:
    """Return what CONTRIBUTING.md says to do after `make function`."""
    _, _, section = (ROOT / "CONTRIBUTING.md").read_text().partition("\n## Add a function\n")
    steps = section.partition("\n## ")[0]
    return steps[steps.index("\n2. ") :].strip()


def _check_name(name: str, template: str) -> None:
    if not _NAME.fullmatch(name):
        raise LocalError(f"{name!r} is not snake_case: small letters and digits, words joined by _.")
    # `a_1` and `a1` are different folders and one logical ID.
    if f"\n  {logical_id(name)}:\n" in template:
        raise LocalError(f"template.yaml has a {logical_id(name)}: choose another name.")
    if any(each.id == _operation_id(name) for each in OPERATIONS):
        raise LocalError(f"There is an operation {_operation_id(name)}: choose another name.")


def _check_route(route: str) -> None:
    if not _ROUTE.fullmatch(route):
        raise LocalError(f"{route!r} is not a path such as /users/{{userID}}/installations.")
    if _IN_SCOPES.search(route):
        raise LocalError(
            f"{route} is about topics or buckets: add the operation to a function that serves them."
        )
    if any(each.method == "GET" and each.path == route for each in OPERATIONS):
        raise LocalError(f"GET {route} is served already: choose another ROUTE.")


def _operation_id(name: str) -> str:
    return "get" + "".join(word.capitalize() for word in name.split("_"))


def _event(route: str, public: str) -> str:
    """Return the example event: the call, with the documented example of each parameter of its path."""
    documented = yaml.load(public, yaml.CSafeLoader)["components"]["parameters"]
    parameters = {}
    for parameter in re.findall(r"{(\w+)}", route):
        example = documented.get(parameter, {}).get("example")
        if example is None:
            raise LocalError(
                f"openapi/public.yaml has no parameter {parameter} with an example: describe it first."
            )
        parameters[parameter] = example
    event = {"httpMethod": "GET", "resource": route, "pathParameters": parameters}
    return json.dumps({key: value for key, value in event.items() if value}, indent=2) + "\n"


def _filled(name: str, values: dict[str, str]) -> str:
    return Template((_TEMPLATES / f"{name}.tmpl").read_text()).substitute(values)


def _write(files: dict[Path, str]) -> None:
    """Write all files, or none: whatever stops it half way, everything is put back as it was."""
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    folders = [path.parent for path in files if not path.parent.exists()]
    try:
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
    except BaseException as error:
        for path, content in before.items():
            if content is not None:
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)
        for folder in folders:
            if folder.exists():
                folder.rmdir()
        if isinstance(error, OSError):
            raise LocalError(f"Nothing was written: {error}") from error
        raise
