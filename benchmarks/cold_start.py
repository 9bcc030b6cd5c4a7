"""Cold start: what each built function's import and INIT cost, beside the floor.

    .venv/bin/python -m benchmarks.cold_start [--rounds N]   prints a table
    .venv/bin/python -m benchmarks.cold_start --record       writes cold_start.json

The floor is `httpx.Client()` and boto3's Secrets Manager client, both with bytecode: the least that a
function that sends needs. Each start is a process of its own, with the function, the layer and boto3.

Cost is measured in two ways:
* Instructions are the machine's own, counted by valgrind in C code and in Python code alike. The count is the
  same in every start, however busy the machine is. `cold_start.json` records it for every function, as a
  ratio to the floor's, and a test holds the functions to it. Record it anew after a change that is meant to
  cost more, or that saves something.
* CPU time is what is paid for, but on a busy machine it differs by 15 % from start to start. A figure is the
  lower quartile of all rounds, and in a round everything starts once, so that a busy machine is busy for all.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local.build import build
from local.process import LocalError
from local.progress import silent
from local.rie import PYTHON
from local.settings import aws_variables
from local.template import source

FLOOR = "import httpx, boto3; httpx.Client(); boto3.client('secretsmanager')"
RECORD = Path(__file__).with_name("cold_start.json")
# How much of the recorded instructions a function may execute unrecorded. A module's import, which waits for
# memory and the kernel, takes more time than its instructions say: 5 % of the time are about 4 % of them.
LIMIT = 1.03

_PROGRAM = """
import json, sys, time
from importlib.machinery import SourceFileLoader
from_source, compile_source = [], SourceFileLoader.source_to_code
def note_and_compile(loader, data, path):
    from_source.append(path)
    return compile_source(loader, data, path)
SourceFileLoader.source_to_code = note_and_compile
begun = time.process_time()
{code}
print(json.dumps([time.process_time() - begun, sorted(sys.modules), from_source]))
"""
_COUNT = "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"


@dataclass(frozen=True)
class Start:
    """One start of a process: seconds of CPU, the modules it has then, and those that had no bytecode."""

    cpu: float
    modules: frozenset[str]
    from_source: frozenset[Path]


@dataclass(frozen=True)
class Subject:
    """What a process is to do: run `code` with these folders on its path and these variables set."""

    code: str
    path: tuple[Path, ...]
    variables: Mapping[str, str]

    def start(self) -> Start:
        """Run it once in a process of its own. Raises LocalError if it fails."""
        done = self._run(PYTHON, "-c", _PROGRAM.format(code=self.code))
        cpu, modules, from_source = json.loads(done.stdout.splitlines()[-1])
        return Start(cpu, frozenset(modules), frozenset(map(Path, from_source)))

    def instructions(self) -> int:
        """Run it once under valgrind; return how many instructions that took, the interpreter's own included.

        Raises LocalError if it fails.
        """
        if not shutil.which(_COUNT[0]):
            raise LocalError("valgrind is not installed: run `apt-get install valgrind`.")
        done = self._run(*_COUNT, PYTHON, "-c", self.code)
        [count] = re.findall(r"I +refs: +([\d,]+)", done.stderr)
        return int(count.replace(",", ""))

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        environment = {
            **aws_variables("http://127.0.0.1:9"),
            **self.variables,
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "LAMBDA_TASK_ROOT": str(self.path[0]),
            "PYTHONPATH": os.pathsep.join(map(str, self.path)),
            # As on Lambda, where the folders of the code are read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
            # A set in another order would be other instructions.
            "PYTHONHASHSEED": "0",
        }
        done = subprocess.run(  # noqa: S603 (our own command)
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LocalError(f"{self.code!r} failed: {done.stderr.strip().splitlines()[-1]}")
        return done


def floor(built: Path) -> Subject:
    """Return the least that a function that sends needs."""
    return Subject(FLOOR, (built, _layer(built)), {})


def functions(built: Path, layer: Path | None = None) -> dict[str, Subject]:
    """Return the start of every built function by its folder's name, with the built layer or another one."""
    template = source()
    for_all = template["Globals"]["Function"]["Environment"]["Variables"]
    found = {}
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            properties = resource["Properties"]
            variables = {**for_all, **properties.get("Environment", {}).get("Variables", {})}
            found[Path(properties["CodeUri"]).name] = Subject(
                "import app",
                (built / name, layer or _layer(built)),
                # The number 1 stands for what CloudFormation would put in: good as a text and as a number.
                {key: "1" if isinstance(value, dict) else str(value) for key, value in variables.items()},
            )
    return found


def without_bytecode(built: Path, target: Path) -> Path:
    """Copy the layer to `target` as a plain `sam build` makes it, and return the copy's path."""
    return shutil.copytree(_layer(built), target, ignore=shutil.ignore_patterns("__pycache__"))


def cpu_seconds(subjects: Mapping[str, Subject], rounds: int) -> dict[str, float]:
    """Start every subject once a round; return each one's lower quartile of CPU seconds, by its name."""
    for subject in subjects.values():
        subject.start()  # Reads its files into the page cache.
    starts: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, subject in subjects.items():
            starts[name].append(subject.start().cpu)
    return {name: sorted(these)[len(these) // 4] for name, these in starts.items()}


def instruction_ratios(subjects: Mapping[str, Subject], floor: Subject) -> dict[str, float]:
    """Return how many instructions each subject's start takes, as a ratio to the floor's, by its name."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        least, *counts = pool.map(Subject.instructions, [floor, *subjects.values()])
    return {name: count / least for name, count in zip(subjects, counts, strict=True)}


def recorded() -> dict[str, float]:
    """Return the ratio of instructions that is recorded of each function."""
    ratios: dict[str, float] = json.loads(RECORD.read_text())
    return ratios


def record(ratios: Mapping[str, float]) -> None:
    """Make these ratios the recorded ones."""
    rounded = {name: round(ratio, 3) for name, ratio in sorted(ratios.items())}
    RECORD.write_text(json.dumps(rounded, indent=2) + "\n")


def verdict(ratio: float, before: float) -> str:
    """Return what is wrong with a function's ratio, given the recorded one; an empty text if nothing is."""
    growth = ratio / before
    if growth > LIMIT:
        return f"a cold start takes {growth - 1:.1%} more instructions than recorded: save them, or record it"
    if growth < 1 / LIMIT:
        # Or the gain could be lost again unseen.
        return f"a cold start takes {1 - growth:.1%} fewer instructions than recorded: record it"
    return ""


def print_table(built: Path, rounds: int) -> None:
    """Print what each function's cold start costs, as a table in Markdown."""
    with tempfile.TemporaryDirectory() as scratch:
        plain = without_bytecode(built, Path(scratch) / "python")
        compiled = functions(built)
        bare = {f"{name} plain": each for name, each in functions(built, plain).items()}
        seconds = cpu_seconds({"floor": floor(built)} | compiled | bare, rounds)
    ratios = instruction_ratios(compiled, floor(built))
    least = seconds["floor"]
    print(f"Cold starts on this machine: instructions, and CPU time (lower quartile of {rounds} starts).")
    print("The floor is an httpx client and a boto3 client for Secrets Manager, nothing else.")
    print()
    print(
        "| Function | instructions, of the floor | CPU, ms | of the floor "
        "| CPU with a layer without bytecode, ms | with bytecode, of that |"
    )
    print("| --- | --: | --: | --: | --: | --: |")
    print(f"| the floor | 1.00 | {least * 1000:.0f} | 1.00 | | |")
    for name in compiled:
        own, without = seconds[name], seconds[f"{name} plain"]
        print(
            f"| `{name}` | {ratios[name]:.2f} | {own * 1000:.0f} | {own / least:.2f} "
            f"| {without * 1000:.0f} | {own / without:.2f} |"
        )


def main() -> None:
    """Print the table, or record the instructions."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start")
    parser.add_argument("--rounds", type=int, default=9, help="starts of each function (%(default)s)")
    parser.add_argument("--record", action="store_true", help="write cold_start.json instead of a table")
    options = parser.parse_args()
    built = build(silent)
    if options.record:
        record(instruction_ratios(functions(built), floor(built)))
    else:
        print_table(built, options.rounds)


def _layer(built: Path) -> Path:
    [layer] = built.glob("*/python")
    return layer


if __name__ == "__main__":
    main()
