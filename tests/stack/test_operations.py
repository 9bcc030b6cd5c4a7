"""The commands of docs/operations.md, run as they stand there, in the environment that it documents."""

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from local.settings import ROOT
from tests.stack.shell import environment

if TYPE_CHECKING:
    from local.stack import LocalStack
    from tests.support import Sandbox

VARIABLES, FUNCTIONS, *COMMANDS = re.findall(
    r"```sh\n(.*?)```", (ROOT / "docs/operations.md").read_text(), re.DOTALL
)


def run(stack: "LocalStack", script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (the handbook is ours)
        ["sh", "-eu", "-c", script],  # noqa: S607
        cwd=ROOT,
        env=environment(stack),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_the_variables_are_the_stacks_outputs(stack: "LocalStack") -> None:
    names = [name for name in re.findall(r"([A-Z_]+)=\"\$\(output", VARIABLES) if name != "API_URL"]

    done = run(stack, VARIABLES + "".join(f'echo "${name}"\n' for name in names))

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [stack.variables()[name] for name in names]


@pytest.mark.parametrize("command", COMMANDS, ids=[command.split("\n")[0] for command in COMMANDS])
def test_the_command_does_what_it_should(stack: "LocalStack", sandbox: "Sandbox", command: str) -> None:  # noqa: ARG001 (fresh)
    done = run(stack, FUNCTIONS + command)

    assert done.returncode == 0, done.stderr
    # What may find nothing says so itself.
    assert " || " in command or done.stderr == ""
