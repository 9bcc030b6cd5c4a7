"""Where things are on this machine, and the environment in which AWS tools see the local stack only."""

import os
import platform
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
SAM = ROOT / ".tools/aws/bin/sam"
UV = ROOT / ".tools/uv/bin/uv"
# Any would do, but for the AWS CLI's version 1: in the older regions it sends SQS calls to AWS whatever
# AWS_ENDPOINT_URL says.
REGION = "eu-central-2"
ARCHITECTURE = {"aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), "x86_64")

# The sandbox's own seed: no secrets, they open nothing but the sandbox.
APP_ID = "sandbox-app"
CLIENT_ID = "sandbox-client"
CLIENT_SECRET = "sandbox-secret"  # noqa: S105


def aws_variables(endpoint: str) -> dict[str, str]:
    """Return the variables that point any AWS tool or SDK at the local stack, and nowhere else.

    A developer's own profile is out of reach: its files are replaced by an empty one and the dummy
    credentials outrank whatever else could be found.
    """
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def environment(endpoint: str) -> dict[str, str]:
    """Return this process's environment with everything about AWS replaced by `aws_variables`."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return own | aws_variables(endpoint)
