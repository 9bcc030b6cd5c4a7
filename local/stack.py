"""The local stack as one thing: sandbox and MiniStack started, the template deployed, the two acquainted."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import httpx

from local.build import build
from local.deploy import Outputs, deploy, outputs, put_kii_secret
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


class LocalStack:
    """The running local stack; use it as a context manager, or call `start` and `stop`."""

    build: Path
    """The folder that `sam build` filled."""
    outputs: Outputs
    """The template's outputs, once it is deployed."""
    api_url: str
    """The bundle's HTTPS door, as MiniStack serves it."""

    def __init__(
        self, directory: Path, ports: Ports, step: Step, parameters: Mapping[str, str] | None = None
    ) -> None:
        """Prepare; nothing is started yet. `directory` takes the logs and what the servers keep.

        `parameters` are the template's, where its defaults will not do.
        """
        self._step = step
        self._parameters = parameters
        self.ports = ports
        self.directory = directory
        self.servers: list[subprocess.Popen[bytes]] = []
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
    ) -> Self:
        """Prepare a stack in a folder of its own below `.local`, on free ports unless told."""
        STATE.mkdir(exist_ok=True)
        directory = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=STATE))
        return cls(directory, ports or Ports.free(), step, parameters)

    def start(self) -> Self:
        """Start, build and deploy everything; when that fails, raise LocalError with nothing left running."""
        try:
            with self._step("start the Kii sandbox and MiniStack"):
                self._start_sandbox()
                self.servers.append(start_ministack(self.ports.aws, self.directory))
            self.deploy(build(self._step))
        except BaseException:
            self._end_servers()
            raise
        return self

    def deploy(self, built: Path) -> None:
        """Deploy a folder that `build` returned, and let the functions and the sandbox know each other."""
        with self._step("deploy template.yaml to MiniStack"):
            deploy(self.endpoint, built, self.directory / "deploy.log", self._parameters)
        self.attach(built)
        put_kii_secret(self.endpoint, self.outputs.KiiSecretArn, self.kii_url)
        self._tell_sandbox()

    def _tell_sandbox(self) -> None:
        """Let the console know where it sends through the bundle."""
        bundle = httpx.put(f"{self.sandbox_url}/_sandbox/bundle", json={"url": self.api_url}, trust_env=False)
        bundle.raise_for_status()

    def attach(self, built: Path) -> None:
        """Learn the addresses of what is deployed."""
        self.build = built
        self.outputs = outputs(self.endpoint)
        deployed = f"{self.outputs.RestApiId}/{self.outputs.StageName}"
        self.api_url = f"{self.endpoint}/restapis/{deployed}/_user_request_"

    @contextmanager
    def sandbox_stopped(self) -> Iterator[None]:
        """Let Kii be down meanwhile; afterwards it remembers everything that it had acknowledged."""
        end(self.servers.pop(0))
        try:
            yield
        finally:
            self._start_sandbox()
            self._tell_sandbox()

    def _start_sandbox(self) -> None:
        # The credentials are for signing what its console sends to the bundle.
        variables = aws_variables(self.endpoint)
        self.servers.insert(
            0, start_sandbox(self.ports.sandbox, self.ports.mqtt, self.directory, env=variables)
        )

    def variables(self) -> dict[str, str]:
        """Return the environment in which the README's examples reach this stack."""
        return {
            **aws_variables(self.endpoint),
            "API_URL": self.api_url,
            "PUSH_QUEUE_URL": self.outputs.PushQueueUrl,
            "PUSH_FIFO_QUEUE_URL": self.outputs.PushFifoQueueUrl,
            "BROADCAST_QUEUE_URL": self.outputs.BroadcastQueueUrl,
            "DEAD_LETTER_QUEUE_URL": self.outputs.DeadLetterQueueUrl,
            "DEAD_LETTER_FIFO_QUEUE_URL": self.outputs.DeadLetterFifoQueueUrl,
            "FAN_OUT_DEAD_LETTER_QUEUE_ARN": self.outputs.FanOutDeadLetterQueueArn,
            "FUNCTION_LOG_GROUP": self.outputs.FunctionLogGroup,
            "QUEUE_PUSH_FUNCTION": self.outputs.QueuePushFunctionName,
            "LEDGER_TABLE": self.outputs.LedgerTable,
            "BROADCAST_BUCKET": self.outputs.BroadcastBucketName,
            "KII_PUSH_REDRIVE_FUNCTION": self.outputs.RedriveFunctionName,
            "KII_SECRET_ARN": self.outputs.KiiSecretArn,
            "SCHEDULED_PUSH_FUNCTION_ARN": self.outputs.ScheduledPushFunctionArn,
            "SCHEDULER_ROLE_ARN": self.outputs.SchedulerRoleArn,
            "SCHEDULE_GROUP_NAME": self.outputs.ScheduleGroupName,
        }

    def stop(self, *, keep_logs: bool = False) -> None:
        """End the servers; remove what they kept, unless somebody is going to look into a failure."""
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
        while self.servers:
            end(self.servers.pop())
