"""Which commit the last release is, and where a copy of the repository cannot tell."""

import subprocess
from pathlib import Path

import pytest

from local.process import LocalError
from local.update.release import NoHistoryError, Release


def git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=anyone", "-c", "user.email=anyone@example.com")
    command = ["git", "-C", str(repository), *identity, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 (this file's own)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one file, in which nothing was committed yet."""
    path = tmp_path / "repository"
    path.mkdir()
    git(path, "init", "--quiet")
    return path


def commit(repository: Path, subject: str) -> str:
    """Commit a file that holds the subject; return the commit."""
    (repository / "file").write_text(subject)
    git(repository, "add", "file")
    git(repository, "commit", "--quiet", "--message", subject)
    return git(repository, "rev-parse", "HEAD")


def test_the_last_release_is_the_newest_before_head(repository: Path) -> None:
    commit(repository, "Release 0.1.0")
    newest = commit(repository, "Release 0.2.0")
    for subject in ("Begin", "Release notes 0.3.0", "Release 0.3", "Revert Release 0.1.0"):
        commit(repository, subject)

    release = Release.last(repository)

    assert (release.version, release.commit) == ("0.2.0", newest)


def test_a_release_comes_after_the_one_before_it(repository: Path) -> None:
    first = commit(repository, "Release 0.1.0")
    commit(repository, "Change")
    commit(repository, "Release 0.2.0")

    assert Release.last(repository).commit == first


def test_its_files_are_as_they_were_committed(repository: Path, tmp_path: Path) -> None:
    commit(repository, "Release 0.1.0")
    commit(repository, "Change")
    (repository / "file").write_text("and more")
    release = Release.last(repository)

    for _ in range(2):
        folder = release.export(tmp_path / "releases")
        assert [path.name for path in folder.iterdir()] == ["file"]
        assert (folder / "file").read_text() == "Release 0.1.0"
    assert list((tmp_path / "releases").iterdir()) == [folder]


def test_a_copy_without_history_does_not_have_it(tmp_path: Path) -> None:
    with pytest.raises(NoHistoryError, match="no git history"):
        Release.last(tmp_path)


def test_a_shallow_clone_does_not_have_it(repository: Path, tmp_path: Path) -> None:
    commit(repository, "Release 0.1.0")
    for number in range(3):
        commit(repository, f"Change {number}")
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{repository}", str(shallow))

    with pytest.raises(NoHistoryError, match="unshallow"):
        Release.last(shallow)


def test_a_whole_history_without_a_release_is_a_fault(repository: Path) -> None:
    commit(repository, "Begin")
    commit(repository, "Change")

    with pytest.raises(LocalError, match="No commit") as caught:
        Release.last(repository)
    assert not isinstance(caught.value, NoHistoryError)
