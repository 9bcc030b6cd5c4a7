"""The local stack as one thing: sandbox and MiniStack started, the template deployed, the two acquainted."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import override

import httpx

from local.build import build
from local.deploy import Outputs, deploy, deployed_function, outputs, put_kii_secret
from local.servers import LocalServers
from local.settings import USER_ID, aws_variables


class LocalStack(LocalServers):
    """The running local stack: everything in the template, deployed by SAM."""

    build: Path
    """The folder that `sam build` filled."""
    outputs: Outputs
    """The template's outputs, once it is deployed."""
    api_url: str
    """The bundle's HTTPS door, as MiniStack serves it."""

    @override
    def _provision(self) -> None:
        self.deploy(build(self._step))

    def deploy(self, built: Path, *, older: bool = False) -> None:
        """Deploy a folder that `build` returned, and let the functions and the sandbox know each other.

        With `older` it is one of an older release, which may lack outputs.
        """
        with self._step("deploy template.yaml to MiniStack"):
            deploy(self.endpoint, built, self.directory / "deploy.log", self._parameters)
        self.attach(built, older=older)
        put_kii_secret(self.endpoint, self.outputs.KiiSecretArn, self.kii_url)
        self._tell_sandbox()

    def _tell_sandbox(self) -> None:
        """Let the console know where it sends through the bundle."""
        bundle = httpx.put(f"{self.sandbox_url}/_sandbox/bundle", json={"url": self.api_url}, trust_env=False)
        bundle.raise_for_status()

    def attach(self, built: Path, *, older: bool = False) -> None:
        """Learn the addresses of what is deployed."""
        self.build = built
        self.outputs = outputs(self.endpoint, older=older)
        deployed = f"{self.outputs.RestApiId}/{self.outputs.StageName}"
        self.api_url = f"{self.endpoint}/restapis/{deployed}/_user_request_"

    @override
    @contextmanager
    def sandbox_stopped(self) -> Iterator[None]:
        try:
            with super().sandbox_stopped():
                yield
        finally:
            self._tell_sandbox()

    @override
    def function_variables(self, logical_id: str) -> dict[str, str]:
        return deployed_function(self.endpoint, logical_id).get("Environment", {}).get("Variables", {})

    def variables(self) -> dict[str, str]:
        """Return the environment in which the README's examples reach this stack."""
        return {
            **aws_variables(self.endpoint),
            "API_URL": self.api_url,
            "USER_ID": USER_ID,
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
