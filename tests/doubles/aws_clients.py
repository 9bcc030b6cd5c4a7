"""boto3 clients that do not do all that real ones do."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn, cast

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# Nothing listens there.
NOWHERE = "http://127.0.0.1:9"


class _Patched:
    def __init__(self, client: object, calls: Mapping[str, Callable[..., Any]]) -> None:
        self._client = client
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return self._calls[name] if name in self._calls else getattr(self._client, name)


def patched[C](client: C, **calls: Callable[..., Any]) -> C:
    """Return a client that makes these calls so, and all others as `client` does."""
    return cast("C", _Patched(client, calls))


def refused(code: str) -> Callable[..., NoReturn]:
    """Return a call that AWS refuses with this error code."""

    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise ClientError({"Error": {"Code": code}}, "AnyOperation")

    return refuse


def unreachable(service: str) -> Any:
    """Return a client of an AWS service that cannot be reached."""
    config = Config(retries={"total_max_attempts": 1})
    return boto3.client(cast("Any", service), endpoint_url=NOWHERE, config=config)


def batch_answer(entries: Iterable[Mapping[str, Any]], failed: Iterable[Mapping[str, Any]] = ()) -> Any:
    """Return SQS's answer to a batch of which it refuses the entries in `failed`."""
    refused = {each["Id"] for each in failed}
    return {
        "Successful": [{"Id": each["Id"]} for each in entries if each["Id"] not in refused],
        "Failed": [{"Id": name, "SenderFault": False, "Code": "InternalError"} for name in sorted(refused)],
    }
