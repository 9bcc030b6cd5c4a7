"""Built functions under Lambda's own runtime, with queues and secrets of their own to look into."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import pytest

from local.deploy import aws_session
from local.rie import RunningFunction
from local.stack import LocalStack
from local.template import logical_id
from tests.support import Queue, Sandbox

type Run = Callable[..., RunningFunction]
type MakeSecret = Callable[[str], str]


@pytest.fixture
def run(stack: LocalStack, sandbox: Sandbox, tmp_path: Path) -> Iterator[Run]:  # noqa: ARG001 (fresh)
    """Start the function of a folder; keywords replace its environment variables."""
    with ExitStack() as running:

        def start(folder: str, **variables: str) -> RunningFunction:
            return running.enter_context(
                RunningFunction(
                    logical_id(folder),
                    build=stack.build,
                    endpoint=stack.endpoint,
                    directory=tmp_path,
                    variables=variables,
                )
            )

        yield start


@pytest.fixture
def make_secret(stack: LocalStack) -> Iterator[MakeSecret]:
    """Make a secret with this content; returns its name."""
    client = aws_session().client("secretsmanager", endpoint_url=stack.endpoint)
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
def dead_letters(stack: LocalStack) -> Iterator[Queue]:
    """A dead-letter queue for the function under test alone."""
    queue = Queue(stack.endpoint)
    yield queue
    queue.close()


@pytest.fixture
def push_queue(stack: LocalStack) -> Iterator[Queue]:
    """A push queue that no deployed function takes from."""
    queue = Queue(stack.endpoint)
    yield queue
    queue.close()
