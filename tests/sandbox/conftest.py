"""A running sandbox for the REST tests, back to its seed before each."""

from collections.abc import Iterator

import pytest

from tests.sandbox.kii import Kii, sandbox


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one sandbox for all tests that need no other settings."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as origin:
        yield origin


@pytest.fixture
def kii(origin: str) -> Iterator[Kii]:
    with Kii(origin) as kii:
        kii.reset()
        yield kii
