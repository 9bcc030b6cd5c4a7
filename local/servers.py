"""The sandbox for Kii and MiniStack for AWS, running on loopback ports of their own."""

import os
import shutil
import signal
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from local.ministack import start_ministack
from local.process import LocalError, end, free_ports, is_free
from local.progress import Step
from local.sandbox import start_sandbox
from local.settings import STATE, aws_variables

if TYPE_CHECKING:
    import subprocess


@dataclass(frozen=True)
class Ports:
    """Loopback ports: the sandbox's HTTP, its MQTT broker, and the AWS endpoint."""

    sandbox: int
    mqtt: int
    aws: int

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nothing listens on."""
        return cls(*free_ports(3))

    @classmethod
    def chosen(cls, *, sandbox: int | None, mqtt: int | None, aws: int | None) -> "Ports":
        """Return the ports asked for, and the usual one or any free one where None was given.

        Raises LocalError when a port that was asked for is taken.
        """
        asked = {"PORT": sandbox, "MQTT_PORT": mqtt, "AWS_PORT": aws}
        taken = [f"{name}={port}" for name, port in asked.items() if port and not is_free(port)]
        if taken:
            raise LocalError(
                f"Another program listens on {', '.join(taken)}: choose another port or leave it out."
            )
        usual = zip((8080, 1883, 4566), free_ports(3), strict=True)
        fallback = [port if is_free(port) else other for port, other in usual]
        return cls(*(port or other for port, other in zip(asked.values(), fallback, strict=True)))


class LocalServers(ABC):
    """The sandbox and MiniStack; use it as a context manager, or call `start` and `stop`.

    A subclass says what is made in them.
    """

    def __init__(
        self,
        directory: Path,
        ports: Ports,
        step: Step,
        parameters: Mapping[str, str] | None = None,
        *,
        evaluate_iam: bool = True,
    ) -> None:
        """Prepare; nothing is started yet. `directory` takes the logs and what the servers keep.

        `parameters` are the template's, where its defaults will not do. Without `evaluate_iam` the functions
        may do everything.
        """
        self._step = step
        self._evaluate_iam = evaluate_iam
        self._parameters = parameters or {}
        self._sandbox: subprocess.Popen[bytes] | None = None
        self._ministack: subprocess.Popen[bytes] | None = None
        self.ports = ports
        self.directory = directory
        self.endpoint = f"http://127.0.0.1:{ports.aws}"  # of AWS
        self.sandbox_url = f"http://127.0.0.1:{ports.sandbox}"  # the console, and the control calls
        self.kii_url = f"{self.sandbox_url}/api"  # Kii's REST base URL

    @classmethod
    def new(
        cls,
        name: str,
        step: Step,
        ports: Ports | None = None,
        parameters: Mapping[str, str] | None = None,
        *,
        evaluate_iam: bool = True,
    ) -> Self:
        """Prepare servers with a folder of their own below `.local`, on free ports unless told."""
        STATE.mkdir(exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=STATE))
        return cls(directory, ports or Ports.free(), step, parameters, evaluate_iam=evaluate_iam)

    @abstractmethod
    def _provision(self) -> None:
        """Make in the running servers what this is for."""

    @abstractmethod
    def function_variables(self, logical_id: str) -> dict[str, str]:
        """Return the environment variables of a function, by its name in the template.

        Raises LocalError when the template has no such function.
        """

    @property
    def servers(self) -> list["subprocess.Popen[bytes]"]:
        """The servers that this process started: none where it found them running."""
        return [server for server in (self._sandbox, self._ministack) if server]

    @property
    def ministack_pid(self) -> int:
        """MiniStack's process ID; raises LocalError where another command started it."""
        if not self._ministack:
            raise LocalError(f"MiniStack on port {self.ports.aws} was started by another command.")
        return self._ministack.pid

    def start(self) -> Self:
        """Start and provision everything; when that fails, raise LocalError with nothing left running."""
        try:
            with self._step("start the Kii sandbox and MiniStack"):
                self._start_sandbox()
                self._ministack = start_ministack(
                    self.ports.aws, self.directory, evaluate_iam=self._evaluate_iam
                )
            self._provision()
        except BaseException:
            self._end_servers()
            raise
        return self

    def evaluate_iam(self) -> None:
        """Let the functions do what their roles allow, and no longer everything."""
        if not self._evaluate_iam:
            os.kill(self.ministack_pid, signal.SIGUSR1)
            self._evaluate_iam = True

    @contextmanager
    def sandbox_stopped(self) -> Iterator[None]:
        """Let Kii be down meanwhile; afterwards it remembers everything that it had acknowledged.

        Raises LocalError where another command started the sandbox.
        """
        if not self._sandbox:
            raise LocalError(f"The sandbox on port {self.ports.sandbox} was started by another command.")
        end(self._sandbox)
        try:
            yield
        finally:
            self._start_sandbox()

    def _start_sandbox(self) -> None:
        # The credentials are for signing what its console sends to the bundle.
        variables = aws_variables(self.endpoint)
        self._sandbox = start_sandbox(self.ports.sandbox, self.ports.mqtt, self.directory, env=variables)

    def stop(self, *, keep_logs: bool = False) -> None:
        """End the servers; remove what they kept, unless a failure is to be looked into."""
        self._end_servers()
        if not keep_logs:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop(keep_logs=kind is not None)

    def _end_servers(self) -> None:
        for server in reversed(self.servers):
            end(server)
        self._sandbox = self._ministack = None
