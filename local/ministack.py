"""The emulator of AWS as a server process of its own, and how it must be started."""

import os
import subprocess
import sys
from pathlib import Path

from local.process import start
from local.settings import REGION, aws_variables


def start_ministack(port: int, directory: Path, *, evaluate_iam: bool = True) -> subprocess.Popen[bytes]:
    """Start MiniStack on this loopback port; what it keeps and logs goes below `directory`.

    It takes `access_key`, whose holder may do everything, and the sessions of functions, which may do what
    their roles allow; everything as well, unless it evaluates IAM policies.

    It hands its own environment on to the functions it runs, so it gets none of the developer's.
    """
    scratch = directory / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    return start(
        [sys.executable, "-m", "local.aws_emulator"],
        name="MiniStack",
        health_url=f"http://127.0.0.1:{port}/_ministack/health",
        log=directory / "ministack.log",
        inherit=False,
        env=aws_variables(f"http://127.0.0.1:{port}")
        | {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "TMPDIR": str(scratch),
            "LANG": "C.UTF-8",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "STATE_DIR": str(directory / "state"),
            "S3_DATA_DIR": str(directory / "s3"),
            # Functions run in its own workers; nothing but the port above is opened.
            "LAMBDA_EXECUTOR": "local",
            "IOT_MTLS_ENABLED": "0",
            "EVALUATE_IAM": "1" if evaluate_iam else "0",
            "LOG_LEVEL": "INFO",
        },
    )
