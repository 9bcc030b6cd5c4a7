"""Build the template's layer and functions with SAM for this machine, only when a source has changed."""

import fcntl
import hashlib
import os
import shutil
import sys
from pathlib import Path

from local.progress import Step
from local.sam import sam
from local.settings import ARCHITECTURE, ROOT, STATE, UV

BUILDS = STATE / "build"
MAX_BUILDS = 4


def build(step: Step, root: Path = ROOT) -> Path:
    """Return the folder that `sam build` filled from the sources below `root` as they are now.

    Each state of the sources has a folder of its own, so a stack that still runs from an older one keeps it.
    The folder needs `root` for as long as it is deployed from. Raises LocalError when the build fails.
    """
    BUILDS.mkdir(parents=True, exist_ok=True)
    with (BUILDS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        target = build_folder(root)
        if target.exists():
            os.utime(target)
        else:
            with step("build the layer and the functions"):
                _sam_build(root, target)
            _prune()
    return target


def build_folder(root: Path = ROOT) -> Path:
    """Return the folder for the build of the sources as they are now, whether it is there or not."""
    return BUILDS / _fingerprint(root)


def _sam_build(root: Path, target: Path) -> None:
    partial = target.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    variables = {"KII_UV": str(UV), "KII_PYTHON": sys.executable, "KII_ARCH": ARCHITECTURE}
    try:
        sam(
            "build",
            *("--template-file", root / "template.yaml", "--build-dir", partial),
            log=STATE / "build.log",
            env={**os.environ, **variables},
        )
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(target)


def _fingerprint(root: Path) -> str:
    """Return a name for the state of everything that the build reads, and the deployment from it."""
    digest = hashlib.sha256(ARCHITECTURE.encode())
    sources = [root / "template.yaml", root / "samconfig.toml", root / "openapi/gateway.json"]
    for folder in (root / "functions", root / "layers"):
        sources += sorted(
            path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts
        )
    for path in sources:
        digest.update(f"{path.relative_to(root)}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _prune() -> None:
    builds = sorted(
        (path for path in BUILDS.iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime
    )
    for path in builds[:-MAX_BUILDS]:
        shutil.rmtree(path, ignore_errors=True)
