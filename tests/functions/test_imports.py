"""What a cold start costs: no module that a function does not need, and time near the least there is."""

from pathlib import Path

import pytest

from benchmarks.cold_start import Start, floor, functions, measure
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
# Of the CPU time that an httpx client and a boto3 client take alone.
BARS = {
    "queue_push": 1.25,
    "scheduled_push": 1.25,
    "direct_push": 1.5,
    "topic_push": 1.5,
    "bucket_push": 1.5,
}
# The second number is for a machine so busy that the first gave a bad verdict.
ROUNDS = 5, 20


@pytest.fixture(scope="module")
def built() -> Path:
    return build(silent)


@pytest.fixture(scope="module")
def least(built: Path) -> Start:
    return floor(built).start()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_imports_nothing_heavy(built: Path, least: Start, folder: str) -> None:
    modules = functions(built)[folder].start().modules

    assert "kii_push" in modules
    assert HEAVY & modules == set()
    assert "asyncio" not in modules - least.modules


@pytest.mark.timeout(300)
def test_a_door_starts_nearly_as_fast_as_its_two_clients_alone(built: Path) -> None:
    subjects = {"least": floor(built), **{folder: functions(built)[folder] for folder in BARS}}

    for rounds in ROUNDS:
        seconds = measure(subjects, rounds)
        too_slow = {
            folder: round(seconds[folder] / seconds["least"], 2)
            for folder, bar in BARS.items()
            if seconds[folder] > bar * seconds["least"]
        }
        if not too_slow:
            break

    assert too_slow == {}
