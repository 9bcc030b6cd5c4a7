"""Forwarding from the console to the bundle's HTTPS door, signed with the usual AWS credentials (SigV4).

httpx and botocore are imported on first use: they are a third of the start-up, and most runs need neither.
"""

# ruff: noqa: PLC0415 (see above)

import os
from typing import Any, Literal

import msgspec

TIMEOUT_SECONDS = 35  # a little more than API Gateway gives a function


class ForwardRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `POST /_sandbox/send`: a path below the door's base URL, and what to send there."""

    path: str
    body: msgspec.Raw = msgspec.Raw()
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"


class BundleError(Exception):
    """The request could not be forwarded; `status` is the HTTP status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def forward(base_url: str | None, request: ForwardRequest) -> tuple[int, bytes]:
    """Send the request; return the door's status and body. Raises BundleError."""
    import httpx

    if base_url is None:
        raise BundleError(409, "the sandbox does not know the bundle's URL: start it with --bundle-url")
    base = httpx.URL(base_url)
    if not request.path.startswith("/"):
        raise BundleError(400, "path must start with /")
    url = httpx.URL(base_url + request.path)
    if (url.scheme, url.netloc) != (base.scheme, base.netloc) or not url.path.startswith(base.path):
        raise BundleError(400, "path must stay below the bundle's base URL")
    content = bytes(request.body)
    headers = _signed_headers(request.method, str(url), content)
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            response = await client.request(request.method, url, content=content, headers=headers)
    except httpx.HTTPError as error:
        raise BundleError(502, f"the bundle did not answer: {type(error).__name__}") from error
    return response.status_code, response.content


def _signed_headers(method: str, url: str, content: bytes) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session

    session: Any = Session()
    credentials = session.get_credentials()
    region = session.get_config_variable("region") or os.environ.get("AWS_REGION")
    if credentials is None or region is None:
        raise BundleError(409, "there are no AWS credentials or no region in the sandbox's environment")
    request = AWSRequest(method=method, url=url, data=content, headers={"Content-Type": "application/json"})
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", region).add_auth(request)
    return dict(request.headers.items())
