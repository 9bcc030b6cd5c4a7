"""A browser, a sandbox that can sign, and the console open in the one on the other."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from local.settings import aws_variables
from tests.browser import Console, chromium
from tests.sandbox.console.support import Door
from tests.sandbox.kii import Kii, sandbox


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # One for each module: while Playwright runs, nothing else can run an event loop in this thread.
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a sandbox that has AWS credentials to sign with."""
    with sandbox(tmp_path_factory.mktemp("console"), env=aws_variables("http://127.0.0.1:9")) as origin:
        yield origin


@pytest.fixture
def door(kii: Kii) -> Iterator[Door]:
    door = Door()
    with door.open():
        kii.control("PUT", "/bundle", json={"url": door.url})
        yield door


@pytest.fixture
def console(browser: Browser, kii: Kii) -> Iterator[Console]:
    console = Console(browser, kii.origin)
    yield console
    assert console.close() == ([], [])
