"""Many cold starts at once, as many as a process can bear: each environment has clients of its own.

`python -m tests.delivery.cold_start`, for as long as it gets commands, a line of JSON each:
`{"cold": 50, "variables": {...}}` makes that many environments with these variables, and each of them pushes;
`{"warm": true}` lets them push again. It answers with a line of JSON: what came of each push.
"""

import functools
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx

from kii_push import runtime
from kii_push.common import aws
from kii_push.errors import PushError
from kii_push.kii import client, token_lease
from kii_push.kii.client import KiiClient

MOST = 100


def main() -> None:
    """Do as told until nobody tells."""
    # No certificates are loaded, which takes 30 ms each: Kii is on this machine.
    vars(runtime)["http_client"] = functools.partial(client.http_client, httpx.HTTPTransport(verify=False))
    aws.dynamodb()
    aws.secrets_manager()
    environments: list[KiiClient] = []
    with ThreadPoolExecutor(MOST) as threads:
        print(json.dumps("ready"), flush=True)  # noqa: T201
        for line in sys.stdin:
            command = json.loads(line)
            if "cold" in command:
                os.environ |= command["variables"]
                token_lease.LEASE_SECONDS = command.get("leaseSeconds", token_lease.LEASE_SECONDS)
                environments = [runtime.kii_client(runtime.call_counter()) for _ in range(command["cold"])]
            print(json.dumps(list(threads.map(push, environments))), flush=True)  # noqa: T201


def push(environment: KiiClient) -> str | None:
    """Push once; return Kii's ID of it or the error."""
    try:
        return environment.send_to_user("bob", {"data": {}})
    except PushError as error:
        return repr(error)


if __name__ == "__main__":
    main()
