"""Run one built function as AWS would: Lambda's own runtime client under the Runtime Interface Emulator.

The function sees itself, the layer and boto3, and an environment built from scratch: a dependency missing
from the layer, which MiniStack's own worker would not notice, fails here.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from local import loopback
from local.deploy import STACK_NAME
from local.process import LocalError, end, free_ports, start
from local.settings import ARCHITECTURE, ROOT, aws_variables
from local.template import function

PYTHON = ROOT / ".tools/runtime/bin/python"
RAPID = "lib/python3.13/site-packages/samcli/local/rapid"
EMULATOR = ROOT / f".tools/aws/{RAPID}/aws-lambda-rie-{ARCHITECTURE}"


class FunctionError(Exception):
    """The handler raised: its error type and message, as Lambda would report them."""

    def __init__(self, error_type: str, message: str) -> None:
        self.error_type = error_type
        self.message = message
        super().__init__(f"{error_type}: {message}")


class RunningFunction:
    """One execution environment of a built function; warm from its first invocation to the block's end."""

    def __init__(
        self,
        logical_id: str,
        *,
        build: Path,
        endpoint: str,
        directory: Path,
        variables: Mapping[str, str],
    ) -> None:
        """Prepare the function; `build` is the folder that `sam build` filled, `endpoint` AWS's.

        `variables` are the function's environment variables. The log, with what the function prints, goes to
        `directory`.
        """
        if not PYTHON.exists() or not EMULATOR.exists():
            raise LocalError("The Lambda runtime is not installed: run `make setup`.")
        properties = function(logical_id)
        self.log = directory / f"{logical_id}.log"
        self._build, self._logical_id = build, logical_id
        self._emulator, self._runtime_api = free_ports(2)
        self._handler = properties["Handler"]
        self._environment = {
            "PATH": os.environ["PATH"],
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LAMBDA_TASK_ROOT": str(build / logical_id),
            "PYTHONPATH": f"{build / logical_id}:{_layer(build) / 'python'}",
            # As on Lambda, where the code's folders are read-only.
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_LAMBDA_FUNCTION_NAME": f"{STACK_NAME}-{logical_id}",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(properties["Timeout"]),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(properties["MemorySize"]),
            **aws_variables(endpoint),
            **variables,
        }
        # The emulator panics when a second invocation comes before the first is done.
        self._one_at_a_time = threading.Lock()
        self._http = loopback.client(timeout=properties["Timeout"] + 10, retries=3)

    def __enter__(self) -> Self:
        addresses = [
            *("--runtime-interface-emulator-address", f"127.0.0.1:{self._emulator}"),
            *("--runtime-api-address", f"127.0.0.1:{self._runtime_api}"),
        ]
        self._server = start(
            [EMULATOR, *addresses, PYTHON, "-m", "awslambdaric", self._handler],
            name=f"The Lambda runtime of {self._logical_id}",
            health_url=f"http://127.0.0.1:{self._runtime_api}/2018-06-01/ping",
            log=self.log,
            env=self._environment,
            inherit=False,
        )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._http.close()
        end(self._server)

    def invoke(self, event: Any) -> Any:
        """Give the handler an event and return its answer, both decoded; FunctionError when it raised."""
        url = f"http://127.0.0.1:{self._emulator}/2015-03-31/functions/function/invocations"
        with self._one_at_a_time:
            answer = self._http.post(url, content=json.dumps(event))
        result = answer.json() if answer.content else None
        # A handler's error comes back with status 200 and without the header that AWS sets.
        if isinstance(result, dict) and "errorType" in result:
            raise FunctionError(result["errorType"], result.get("errorMessage", ""))
        answer.raise_for_status()
        return result


def _layer(build: Path) -> Path:
    """Return the folder of the stack's one layer: the one that no function's handler is in."""
    layers = [path for path in build.iterdir() if (path / "python").is_dir()]
    if len(layers) != 1:
        raise LocalError(f"Expected one built layer in {build}, found {len(layers)}.")
    return layers[0]
