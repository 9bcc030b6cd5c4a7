"""Where things are on this machine, and the environment in which AWS tools see the local stack only."""

import os
import platform
from pathlib import Path

from local.access_key import access_key

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
USER_ID = "0b85ec700f5b-27b3-7da0-ec88-c68dd847"  # LOGIN_NAME:bob


def aws_variables(endpoint: str) -> dict[str, str]:
    """Return the variables that point any AWS tool or SDK at the local stack, and nowhere else.

    A developer's own profile is out of reach: its files are replaced by an empty one and the local stack's
    key outranks whatever else could be found.
    """
    key = access_key()
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": key.id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
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
