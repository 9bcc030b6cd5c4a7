"""The README's examples, run as they stand there, in the environment that it documents."""

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from local.settings import ROOT, SAM

if TYPE_CHECKING:
    from pathlib import Path

    from local.device import Device
    from local.stack import LocalStack

EXAMPLE = re.compile(r"<!-- example: (\w+) -->\s*```sh\n(.*?)```", re.DOTALL)
EXAMPLES = dict(EXAMPLE.findall((ROOT / "README.md").read_text()))


def test_there_is_an_example_for_each_door_and_of_a_broadcast() -> None:
    assert set(EXAMPLES) == {"http", "queue", "schedule", "broadcast"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_reaches_the_device(
    stack: "LocalStack", device: "Device", tmp_path: "Path", name: str
) -> None:
    environment = {
        "PATH": f"{SAM.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        **stack.variables(),
    }

    done = subprocess.run(  # noqa: S603 (the README is ours)
        ["sh", "-eu", "-c", EXAMPLES[name]],  # noqa: S607
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert device.wait_for(within=45), done.stdout
