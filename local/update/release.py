"""The last release: found in git's history, and put into a folder of its own."""

import io
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from local.process import LocalError
from local.settings import ROOT, STATE

_SUBJECT = re.compile(r"([0-9a-f]+) Release (\d+\.\d+\.\d+)")


class NoHistoryError(LocalError):
    """This copy of the repository does not have the last release: it is no clone, or a shallow one."""


@dataclass(frozen=True)
class Release:
    """A commit called "Release X.Y.Z"."""

    version: str
    commit: str
    repository: Path

    @classmethod
    def last(cls, repository: Path = ROOT) -> Self:
        """Return the newest release that HEAD comes after: a release itself is tried from the one before it.

        Raises NoHistoryError where that cannot be known.
        """
        if not (repository / ".git").exists() or not shutil.which("git"):
            raise NoHistoryError("This copy has no git history, so it does not have the last release.")
        history = _git(repository, "log", "--skip=1", "--format=%H %s", "HEAD").decode().splitlines()
        releases = [found for line in history if (found := _SUBJECT.fullmatch(line))]
        if releases:
            return cls(releases[0][2], releases[0][1], repository)
        if _git(repository, "rev-parse", "--is-shallow-repository").strip() == b"true":
            raise NoHistoryError(
                "This clone is shallow and does not have the last release: `git fetch --unshallow` gets it."
            )
        raise LocalError('No commit before HEAD is called "Release X.Y.Z".')

    def export(self, below: Path = STATE / "releases") -> Path:
        """Return the folder with the release's files, and nothing that was built since."""
        folder = below / self.commit
        if not folder.exists():
            below.mkdir(parents=True, exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=below))
            try:
                with tarfile.open(fileobj=io.BytesIO(_git(self.repository, "archive", self.commit))) as files:
                    files.extractall(partial, filter="data")
                # Another run may have been faster.
                if not folder.exists():
                    partial.rename(folder)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
        return folder


def _git(repository: Path, *arguments: str) -> bytes:
    """Return what git prints; raises LocalError when it fails."""
    done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=False)  # noqa: S607
    if done.returncode:
        raise LocalError(f"git {arguments[0]} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
