"""What the project replaces in MiniStack is there in the version that is installed."""

import subprocess
import sys
from types import ModuleType

import pytest

from local.aws_emulator.patching import PatchError, replace
from local.settings import ROOT


def applied(before: str = "") -> subprocess.CompletedProcess[str]:
    """Replace everything, in a process of its own: the tests' own MiniStack stays as it is."""
    code = f"from local.aws_emulator.patches import apply\n{before}\napply(evaluate_iam=False)"
    command = [sys.executable, "-c", code]
    return subprocess.run(  # noqa: S603 (this file's own code)
        command, cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_everything_that_is_replaced_is_there() -> None:
    done = applied()

    assert done.returncode == 0, done.stderr


def test_a_name_that_has_gone_is_told() -> None:
    done = applied("import ministack.core.iam_evaluator as module\ndel module.evaluate")

    assert done.returncode != 0
    assert "ministack.core.iam_evaluator.evaluate is gone" in done.stderr


def test_other_parameters_are_told() -> None:
    module = ModuleType("other")
    module.call = lambda one, two: (one, two)  # type: ignore[attr-defined]

    with pytest.raises(PatchError, match=r"other\.call takes \['one', 'two'\] by now, not \['one'\]"):
        replace(module, "call", lambda one: one)
    with pytest.raises(PatchError, match=r"other\.gone is gone"):
        replace(module, "gone", lambda: None)
