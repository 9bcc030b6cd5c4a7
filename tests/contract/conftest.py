"""Running sandboxes with the vectors' app: one as it comes, one with short pages and slow endpoints."""

from collections.abc import Iterator

import pytest

from tests.contract.demo import SEED, Demo
from tests.sandbox.kii import sandbox

ODD = ("topicPageSize=2", "mqttEndpointDelayMs=60000", "largeApns=store")


@pytest.fixture(scope="session")
def _plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with sandbox(tmp_path_factory.mktemp("plain"), "--seed", SEED) as origin:
        yield origin


@pytest.fixture(scope="session")
def _odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    policies = [part for policy in ODD for part in ("--policy", policy)]
    with sandbox(tmp_path_factory.mktemp("odd"), "--seed", SEED, *policies) as origin:
        yield origin


@pytest.fixture
def demo(_plain: str) -> Iterator[Demo]:
    """The app, as the seed has it."""
    with Demo(_plain) as demo:
        yield demo


@pytest.fixture
def odd_demo(_odd: str) -> Iterator[Demo]:
    """The app where two topics make a page, an endpoint takes a minute, and large payloads are kept."""
    with Demo(_odd) as demo:
        yield demo
