"""A cold start: no module that a function does not need, bytecode for each, and no regression."""

from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from benchmarks.cold_start import (
    LIMIT,
    Start,
    Subject,
    floor,
    functions,
    instruction_ratios,
    recorded,
    verdict,
)
from local.build import build
from local.progress import silent

FOLDERS = sorted(path.name for path in (Path(__file__).parents[2] / "functions").iterdir())
# Each would cost tens of milliseconds at every cold start.
HEAVY = {
    "pydantic",
    "aws_xray_sdk",
    "aws_lambda_powertools.event_handler",
    "aws_lambda_powertools.utilities.batch",
    "aws_lambda_powertools.utilities.data_classes",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parameters",
    "aws_lambda_powertools.utilities.parser",
    "aws_lambda_powertools.utilities.validation",
    "click",
    "rich",
    "typer",
    "yaml",
}
# It starts with a fifth of the others' instructions: what is counted once more is a copy of it.
SMALLEST = "openapi"
# Each costs it about 5 to 8 % of its instructions.
REGRESSIONS = {
    "imports": "import pydoc",
    "work in Python": "for _ in range(40_000): pass",
    "work in C": "sum(range(80_000))",
}


@pytest.fixture(scope="module")
def built() -> Path:
    return build(silent)


@pytest.fixture(scope="module")
def least(built: Path) -> Start:
    return floor(built).start()


@pytest.fixture(scope="module")
def starts(built: Path) -> dict[str, Start]:
    return {folder: subject.start() for folder, subject in functions(built).items()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_imports_nothing_heavy(starts: dict[str, Start], least: Start, folder: str) -> None:
    modules = starts[folder].modules

    assert "kii_push" in modules
    assert HEAVY & modules == set()
    assert "asyncio" not in modules - least.modules


def test_the_floor_is_loaded_from_bytecode(least: Start) -> None:
    assert least.from_source == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_loaded_from_bytecode(built: Path, starts: dict[str, Start], folder: str) -> None:
    # SAM deploys the function's own module as source, so it is compiled at every start on Lambda too.
    own = functions(built)[folder].path[0] / "app.py"

    assert starts[folder].from_source == {own}


def test_a_module_without_bytecode_is_noticed(built: Path, tmp_path: Path) -> None:
    (tmp_path / "extra.py").touch()
    subject = floor(built)

    start = replace(subject, code="import extra", path=(tmp_path, *subject.path)).start()

    assert start.from_source == {tmp_path / "extra.py"}


@pytest.fixture(scope="module")
def ratios(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The ratio of every function, of a copy of the smallest, and of copies with a regression each."""
    folder = tmp_path_factory.mktemp("copies")
    subjects = functions(built)
    copies = {
        name: with_code(subjects[SMALLEST], folder / name, code)
        for name, code in {"copy": "", **REGRESSIONS}.items()
    }
    return instruction_ratios(subjects | copies, floor(built))


def with_code(subject: Subject, target: Path, code: str) -> Subject:
    """Return a copy of a built function that also runs `code` when it is imported."""
    copytree(subject.path[0], target)
    with (target / "app.py").open("a") as app:
        app.write(f"\n{code}\n")
    return replace(subject, path=(target, *subject.path[1:]))


def test_every_function_is_recorded() -> None:
    assert sorted(recorded()) == FOLDERS


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_cold_start_costs_what_is_recorded(ratios: dict[str, float], folder: str) -> None:
    assert verdict(ratios[folder], recorded()[folder]) == "", "python -m benchmarks.cold_start --record"


def test_the_same_code_costs_the_same(ratios: dict[str, float]) -> None:
    assert ratios["copy"] == pytest.approx(ratios[SMALLEST], rel=0.001)


@pytest.mark.parametrize("regression", REGRESSIONS)
def test_a_regression_of_a_few_per_cent_is_found(ratios: dict[str, float], regression: str) -> None:
    assert ratios[regression] / ratios["copy"] < 1.09
    assert "more instructions than recorded" in verdict(ratios[regression], recorded()[SMALLEST])


@pytest.mark.parametrize(
    ("growth", "found"),
    [(1.05, "5.0% more"), (LIMIT, ""), (1, ""), (1 / LIMIT, ""), (0.95, "5.0% fewer")],
)
def test_the_verdict_allows_3_per_cent_either_way(growth: float, found: str) -> None:
    assert found in verdict(growth, 1)
    assert bool(found) == bool(verdict(growth, 1))
