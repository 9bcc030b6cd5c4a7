"""What tests of the running stack share: the stack, ways to send through it, and a device of bob's."""

import os
from collections import Counter
from collections.abc import Iterator

import pytest

from local.device import Device
from local.doors import Doors
from local.faults.run import PARAMETERS
from local.progress import silent
from local.servers import LocalServers
from local.stack import LocalStack
from local.up import up_to_date_stack
from tests.support import Sandbox, drop_dead_letters, empty_tables


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag of the golden files."""
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write tests/golden/ anew instead of comparing with it; read the difference before you commit",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse tests with the same ID: pytest-xdist would run one of them and say nothing of the others."""
    same = sorted(name for name, count in Counter(item.nodeid for item in items).items() if count > 1)
    if same:
        raise pytest.UsageError(f"Several tests have the ID {', '.join(same)}.")


@pytest.fixture(scope="session", autouse=True)
def _no_profile() -> None:
    """Keep a developer's own AWS settings out of every test."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest) -> Iterator[LocalStack]:
    """Run the local stack, once for all tests of a process; its logs stay when one of them fails.

    With STACK=up it is the one that `make up` left running, whose sandbox goes back to its seed.
    """
    if os.environ.get("STACK") == "up":
        yield up_to_date_stack()
        return
    stack = LocalStack.new("test", silent, parameters=PARAMETERS).start()
    yield stack
    stack.stop(keep_logs=bool(request.session.testsfailed))


@pytest.fixture(scope="session")
def doors(stack: LocalStack) -> Iterator[Doors]:
    """Send through the deployed bundle."""
    doors = Doors(stack)
    yield doors
    doors.close()


@pytest.fixture(scope="session")
def servers(stack: LocalStack) -> LocalServers:
    """The sandbox and MiniStack of the fixtures below; tests/functions has its own, with nothing deployed."""
    return stack


@pytest.fixture
def sandbox(servers: LocalServers) -> Iterator[Sandbox]:
    """The sandbox, fresh from its seed; the bundle has neither memory nor dead letters."""
    empty_tables(servers.endpoint)
    drop_dead_letters(servers.endpoint)
    sandbox = Sandbox(servers.sandbox_url)
    sandbox.reset()
    yield sandbox
    sandbox.close()


@pytest.fixture
def device(servers: LocalServers, sandbox: Sandbox) -> Iterator[Device]:  # noqa: ARG001 (reset before)
    """Bob's device, connected."""
    with Device(servers.kii_url, "bob") as device:
        yield device
