"""Run a built function once with its event from `events/`, against the local stack: `make invoke F=...`."""

from contextlib import ExitStack

from local.build import build
from local.events import example_event
from local.process import LocalError
from local.progress import Step, console
from local.rie import FunctionError, RunningFunction
from local.template import logical_id
from local.up import running_stack
from local.workbench import Workbench


def invoke(folder: str, step: Step) -> None:
    """Print what the function answers to `events/<folder>.json`, and what it logged.

    Uses the stack that `make up` left running, or a workbench for the time it takes. Raises LocalError.
    """
    name = logical_id(folder)
    event = example_event(folder)
    with ExitStack() as cleanup:
        servers = running_stack() or cleanup.enter_context(Workbench.new("invoke", step))
        function = RunningFunction(
            name,
            build=build(step),
            endpoint=servers.endpoint,
            directory=servers.directory,
            variables=servers.function_variables(name),
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
