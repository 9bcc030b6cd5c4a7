"""Built functions under Lambda's own runtime, with queues and secrets of their own to look into."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from local.build import build
from local.deploy import aws_session, kii_secret
from local.process import free_ports
from local.progress import silent
from local.rie import RunningFunction
from local.template import logical_id
from local.workbench import Workbench
from tests.support import Queue, Sandbox

type Run = Callable[..., RunningFunction]
type MakeSecret = Callable[[str], str]


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder that `sam build` filled."""
    return build(silent)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Workbench]:
    """Nothing is deployed: there is only what the functions' environments name."""
    workbench = Workbench.new("test", silent).start()
    yield workbench
    workbench.stop(keep_logs=bool(request.session.testsfailed))


@pytest.fixture
def run(built: Path, servers: Workbench, sandbox: Sandbox, tmp_path: Path) -> Iterator[Run]:  # noqa: ARG001 (fresh)
    """Start the function of a folder; keywords replace its environment variables."""
    with ExitStack() as running:

        def start(folder: str, **variables: str) -> RunningFunction:
            name = logical_id(folder)
            function = RunningFunction(
                name,
                build=built,
                endpoint=servers.endpoint,
                directory=tmp_path,
                variables=servers.function_variables(name) | variables,
            )
            return running.enter_context(function)

        yield start


@pytest.fixture
def make_secret(servers: Workbench) -> Iterator[MakeSecret]:
    """Make a secret with this content; returns its name."""
    client = aws_session().client("secretsmanager", endpoint_url=servers.endpoint)
    names: list[str] = []

    def make(content: str) -> str:
        names.append(f"test-{uuid4().hex}")
        client.create_secret(Name=names[-1], SecretString=content)
        return names[-1]

    yield make
    for name in names:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    client.close()


@pytest.fixture
def unreachable_kii(make_secret: MakeSecret) -> str:
    """The name of a secret that says Kii is where nothing listens."""
    [port] = free_ports(1)
    return make_secret(kii_secret(f"http://127.0.0.1:{port}/api"))


@pytest.fixture
def dead_letters(servers: Workbench) -> Iterator[Queue]:
    """A dead-letter queue for the function under test alone."""
    queue = Queue(servers.endpoint)
    yield queue
    queue.close()


@pytest.fixture
def push_queue(servers: Workbench) -> Iterator[Queue]:
    """A push queue of the test's own."""
    queue = Queue(servers.endpoint)
    yield queue
    queue.close()
