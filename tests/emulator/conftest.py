"""The emulator of AWS alone, as the local stack starts it."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from local.deploy import aws_session
from local.ministack import start_ministack
from local.process import end, free_ports


class Aws:
    """The running emulator."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.endpoint = f"http://127.0.0.1:{port}"

    def client(self, service: Any, session: boto3.Session | None = None) -> Any:
        """Return a client, with the local stack's key unless the session has another."""
        return (session or aws_session()).client(service, endpoint_url=self.endpoint)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """Run the emulator, with nothing deployed."""
    (port,) = free_ports(1)
    server = start_ministack(port, tmp_path_factory.mktemp("emulator"))
    yield Aws(port)
    end(server)
