"""The sandbox, the local stand-in for Kii, as a server process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from local.process import start


def start_sandbox(
    port: int, mqtt_port: int, directory: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start the sandbox on these loopback ports; what it keeps and logs goes to `directory`.

    Started there once more, it goes on where it was. `env` is added to this process's environment.
    """
    return start(
        [
            *(sys.executable, "-m", "sandbox", "--state", directory / "sandbox.db"),
            *("--port", str(port), "--mqtt-port", str(mqtt_port)),
        ],
        name="The Kii sandbox",
        health_url=f"http://127.0.0.1:{port}/_sandbox/health",
        log=directory / "sandbox.log",
        env=env,
    )
