"""Commands as a person types them, in the environment in which the README's examples reach the stack."""

import json
import os
import subprocess
import sys

from local.settings import ROOT, SAM
from local.stack import LocalStack


def environment(stack: LocalStack) -> dict[str, str]:
    """Return this process's environment with the stack's variables, and `aws` on the PATH."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTHON"))}
    return own | stack.variables() | {"PATH": f"{SAM.parent}:{os.environ['PATH']}"}


def kii_push(stack: LocalStack, *arguments: str, message: object = None) -> subprocess.CompletedProcess[str]:
    """Run `python -m kii_push` in the repository's root; `message` goes to its standard input as JSON."""
    return subprocess.run(  # noqa: S603 (ours)
        [sys.executable, "-m", "kii_push", *arguments],
        cwd=ROOT,
        env=environment(stack) | {"KII_PUSH_API_URL": stack.api_url},
        input=json.dumps(message),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
