"""The layer's rooms: the contract in pyproject.toml finds imports that go up, and circles."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import kii_push
from local.settings import ROOT

LINT_IMPORTS = Path(sys.executable).parent / "lint-imports"


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """A copy of the layer's package."""
    copy = tmp_path / "kii_push"
    shutil.copytree(kii_push.__path__[0], copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def lint(layer: Path) -> tuple[int, str]:
    """Return the exit status and the report of the contracts for this copy of the layer."""
    # The copy comes before the layer itself, and before the repository with the sandbox.
    path = os.pathsep.join((str(layer.parent), str(ROOT)))
    done = subprocess.run(  # noqa: S603 (our own command)
        [str(LINT_IMPORTS), "--no-cache", "--no-logo", str(ROOT / "pyproject.toml")],
        cwd=layer.parent,
        env={"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def plant(module: Path, line: str) -> None:
    module.write_text(f"{module.read_text()}\n{line}\n")


def test_imports_that_go_up_are_found_within_functions_too(layer: Path) -> None:
    plant(layer / "push/delivery.py", "from kii_push.broadcast import fan_out")
    plant(layer / "common/table.py", "def late():\n    from kii_push.push import ledger")
    plant(layer / "dead_letters/scan.py", "from kii_push.broadcast import store")
    plant(layer / "api/handler.py", "from kii_push import runtime")

    status, report = lint(layer)

    assert status == 1
    for found in (
        "kii_push.push.delivery -> kii_push.broadcast.fan_out",
        "kii_push.common.table -> kii_push.push.ledger",
        "kii_push.dead_letters.scan -> kii_push.broadcast.store",
        "kii_push.api.handler -> kii_push.runtime",
    ):
        assert found in report


def test_a_circle_within_a_room_and_a_module_in_no_room_are_found(layer: Path) -> None:
    plant(layer / "push/request.py", "from kii_push.push import preflight")
    (layer / "helpers.py").write_text("")

    status, report = lint(layer)

    assert status == 1
    assert "No cycles are allowed in kii_push.push." in report
    assert ".request -> .preflight" in report
    assert "- kii_push.helpers" in report
