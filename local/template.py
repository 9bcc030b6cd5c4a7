"""`template.yaml` as it is written: its resources, and which function lies in which folder."""

import functools
import re
from collections.abc import Iterator
from typing import Any

from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

from local.process import LocalError
from local.settings import ROOT


@functools.cache
def source() -> dict[str, Any]:
    """Return the template, CloudFormation's tags in their long form: `!Ref X` is `{"Ref": "X"}`.

    All callers share it: copy it before you change it.
    """
    template: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return template


def resource(logical_id: str) -> dict[str, Any]:
    """Return a resource by its logical ID."""
    found: dict[str, Any] = source()["Resources"][logical_id]
    return found


def functions() -> dict[str, str]:
    """Return the functions: the folder below `functions/` and the logical ID."""
    return {
        str(resource["Properties"].get("CodeUri", "")).strip("/").removeprefix("functions/"): name
        for name, resource in source()["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def function(logical_id: str) -> dict[str, Any]:
    """Return a function's properties together with what `Globals` says of all functions."""
    shared, own = source()["Globals"]["Function"], resource(logical_id)["Properties"]
    variables = [each.get("Environment", {}).get("Variables", {}) for each in (shared, own)]
    return {**shared, **own, "Environment": {"Variables": variables[0] | variables[1]}}


def logical_id(folder: str) -> str:
    """Return the logical ID of the function in `functions/<folder>`; LocalError if there is none."""
    known = functions()
    if folder not in known:
        raise LocalError(f"There is no function {folder!r}; there are {', '.join(sorted(known))}.")
    return known[folder]


def mentioned(value: Any) -> Iterator[str]:
    """Yield all names that a value refers to: resources, parameters, and what CloudFormation knows itself."""
    if isinstance(value, list):
        for each in value:
            yield from mentioned(each)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0] if isinstance(inner, list) else inner.split(".")[0]
            elif key == "Fn::Sub":
                text, *variables = inner if isinstance(inner, list) else [inner]
                yield from re.findall(r"\$\{(\w+)", text)
                yield from mentioned(variables)
            else:
                yield from mentioned(inner)
