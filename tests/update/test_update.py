"""The update run of `make update-test`: a stack of the last release becomes one of this tree."""

from typing import TYPE_CHECKING

import pytest

from local.build import build
from local.progress import silent
from local.update.release import NoHistoryError, Release
from local.update.run import ReleasedStack, run

if TYPE_CHECKING:
    from collections.abc import Iterator

PUSHES = 1000


@pytest.fixture
def released() -> "Iterator[ReleasedStack]":
    """A stack of the last release; its logs stay when the test fails."""
    try:
        release = Release.last()
    except NoHistoryError as reason:
        pytest.skip(str(reason))
    with ReleasedStack.of(release, silent) as stack:
        yield stack


# Seconds. Two deployments; and on a busy machine what a function held that ran into its timeout is hidden for
# a minute.
@pytest.mark.timeout(900)
def test_pushes_and_a_broadcast_survive_an_update(released: ReleasedStack) -> None:
    report = run(released, build(silent), PUSHES, print)
    print(report)  # noqa: T201 (shown when it fails, or with -s)

    assert report.broken == []
