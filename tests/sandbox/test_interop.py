"""Kii's published JavaScript SDK, unchanged, in Node against the sandbox; its steps are in tests/interop."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.kii import sandbox

FOLDER = Path(__file__).parents[1] / "interop"


@pytest.fixture(scope="module")
def node() -> str:
    """Return Node's path, with the SDK and the MQTT client installed as the lock file has them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node, "node is missing: install Node.js 18.15 or later with npm"
    assert npm, "npm is missing: install Node.js 18.15 or later with npm"
    lock, installed = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        ci = subprocess.run([npm, "ci"], cwd=FOLDER, capture_output=True, text=True, check=False)  # noqa: S603
        assert ci.returncode == 0, ci.stderr
    return node


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox(tmp_path_factory.mktemp("sandbox")) as origin:
        yield origin


@pytest.mark.parametrize("script", sorted(path.name for path in FOLDER.glob("*.test.mjs")))
def test_kii_s_javascript_sdk(node: str, sandbox_url: str, script: str) -> None:
    result = subprocess.run(  # noqa: S603 (our own script)
        [node, "--test", "--test-reporter=spec", script],
        cwd=FOLDER,
        env={"SANDBOX_URL": sandbox_url},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert result.returncode == 0, f"\n{result.stdout}\n{result.stderr}"
    assert "✔" in result.stdout
