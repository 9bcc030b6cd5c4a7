"""Run a built function once with its event from `events/`, against the local stack: `make invoke F=...`."""

import json
from contextlib import ExitStack
from typing import Any

import yaml

from local.build import build
from local.process import LocalError
from local.progress import Step, console
from local.rie import FunctionError, RunningFunction
from local.settings import ROOT
from local.stack import LocalStack
from local.up import running_stack


def functions() -> dict[str, str]:
    """Return the template's functions: folder below `functions/` to name in the template."""
    template = yaml.load((ROOT / "template.yaml").read_text(), _TemplateLoader)  # noqa: S506 (a SafeLoader)
    return {
        str(resource["Properties"].get("CodeUri", "")).strip("/").removeprefix("functions/"): name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def logical_id(folder: str) -> str:
    """Return the template's name for the function in `functions/<folder>`; LocalError if there is none."""
    known = functions()
    if folder not in known:
        raise LocalError(f"There is no function {folder!r}; there are {', '.join(sorted(known))}.")
    return known[folder]


def example_event(folder: str) -> Any:
    """Return the function's event from `events/`, decoded."""
    return json.loads((ROOT / f"events/{folder}.json").read_text())


def invoke(folder: str, step: Step) -> None:
    """Print what the function answers to `events/<folder>.json`, and what it logged.

    Uses the stack that `make up` left running, or one of its own for the time it takes. Raises LocalError.
    """
    name = logical_id(folder)
    event = example_event(folder)
    with ExitStack() as cleanup:
        stack = running_stack() or cleanup.enter_context(LocalStack.new("invoke", step))
        function = RunningFunction(
            name, build=build(step), endpoint=stack.endpoint, directory=stack.directory
        )
        with function:
            try:
                with step(f"invoke {name}"):
                    answer = function.invoke(event)
            except FunctionError as error:
                raise LocalError(f"{name} raised {error} (log: {function.log})") from error
            log = function.log.read_text().splitlines()
        # Without what the emulator says about itself.
        console.print("\n".join(line for line in log if "(rapid)" not in line), style="dim", markup=False)
        console.print_json(data=answer)


class _TemplateLoader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, whose meaning does not matter here."""


_TemplateLoader.add_multi_constructor("!", lambda _loader, suffix, _node: f"!{suffix}")
