"""Cold start: what each built function imports and makes, against the least that such a function needs.

    .venv/bin/python -m benchmarks.cold_start [rounds]

The least is `httpx.Client()` and boto3's Secrets Manager client, both with bytecode. Each start is a process
of its own, with the function, the layer and boto3. A figure is the lower quartile of all rounds, and in a
round everything starts once, so that a busy machine is busy for all. It is CPU time: an INIT phase is
little else, and other programs disturb it least.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from local.build import build
from local.process import LocalError
from local.progress import silent
from local.rie import PYTHON
from local.settings import ROOT, aws_variables

FLOOR = "import httpx, boto3; httpx.Client(); boto3.client('secretsmanager')"
ROUNDS = 9

_PROGRAM = """
import json, sys, time
begun = time.process_time()
{code}
print(json.dumps([time.process_time() - begun, sorted(sys.modules)]))
"""


@dataclass(frozen=True)
class Start:
    """One start of a process: seconds of CPU, and the modules it has then."""

    cpu: float
    modules: frozenset[str]


@dataclass(frozen=True)
class Subject:
    """What a process is to do: run `code` with these folders on its path and these variables set."""

    code: str
    path: tuple[Path, ...]
    variables: Mapping[str, str]

    def start(self) -> Start:
        """Run it once in a process of its own. Raises LocalError if it fails."""
        environment = {
            **aws_variables("http://127.0.0.1:9"),
            **self.variables,
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "LAMBDA_TASK_ROOT": str(self.path[0]),
            "PYTHONPATH": os.pathsep.join(map(str, self.path)),
            # Like Lambda, where the code cannot be written to.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [str(PYTHON), "-c", _PROGRAM.format(code=self.code)]
        done = subprocess.run(  # noqa: S603 (our own command)
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LocalError(f"{self.code!r} failed: {done.stderr.strip().splitlines()[-1]}")
        cpu, modules = json.loads(done.stdout.splitlines()[-1])
        return Start(cpu, frozenset(modules))


def floor(built: Path) -> Subject:
    """Return the least that a function needs."""
    return Subject(FLOOR, (built, _layer(built)), {})


def functions(built: Path, layer: Path | None = None) -> dict[str, Subject]:
    """Return the start of every built function by its folder's name, with the built layer or another one."""
    template = yaml.load((ROOT / "template.yaml").read_text(), _Template)  # noqa: S506 (a SafeLoader)
    for_all = template["Globals"]["Function"]["Environment"]["Variables"]
    found = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            variables = {**for_all, **properties.get("Environment", {}).get("Variables", {})}
            found[Path(properties["CodeUri"]).name] = Subject(
                "import app",
                (built / name, layer or _layer(built)),
                {key: str(value) for key, value in variables.items()},
            )
    return found


def without_bytecode(built: Path, target: Path) -> Path:
    """Copy the layer to `target` as a plain `sam build` makes it, and return the copy's path."""
    return shutil.copytree(_layer(built), target, ignore=shutil.ignore_patterns("__pycache__"))


def measure(subjects: Mapping[str, Subject], rounds: int) -> dict[str, float]:
    """Start every subject once a round; return each one's lower quartile of CPU seconds, by its name."""
    for subject in subjects.values():
        # For the page cache, and for boto3's own bytecode.
        subject.start()
    starts: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            starts[name].append(subject.start().cpu)
    return {name: sorted(these)[len(these) // 4] for name, these in starts.items()}


def main(rounds: int = ROUNDS) -> None:
    """Print the figures as a Markdown table."""
    built = build(silent)
    with tempfile.TemporaryDirectory() as scratch:
        plain = without_bytecode(built, Path(scratch) / "python")
        compiled = functions(built)
        bare = {f"{name} plain": each for name, each in functions(built, plain).items()}
        seconds = measure({"least": floor(built)} | compiled | bare, rounds)
    least = seconds["least"]
    print("| Cold start | CPU, ms | of the least | without bytecode, ms | of that |")
    print("| --- | --: | --: | --: | --: |")
    print(f"| the least: httpx and boto3 clients alone | {least * 1000:.0f} | 1.00 | | |")
    for name in compiled:
        own, without = seconds[name], seconds[f"{name} plain"]
        print(
            f"| `{name}` | {own * 1000:.0f} | {own / least:.2f} "
            f"| {without * 1000:.0f} | {own / without:.2f} |"
        )


def _layer(built: Path) -> Path:
    [layer] = built.glob("*/python")
    return layer


class _Template(yaml.SafeLoader):
    """Takes the number 1 for what CloudFormation would put in: good as a text and as a number."""


_Template.add_multi_constructor("!", lambda _loader, _suffix, _node: "1")

if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
