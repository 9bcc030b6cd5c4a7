"""A response of the REST API and how it is sent: Kii's content types, and the headers every response has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Scope, Send

_EXPOSED = (
    "Content-Type, Authorization, Content-Length, X-Requested-With, ETag, X-Step-Count, "
    "Location, Retry-After, X-MQTT-TTL, X-HTTP-Status-Code"
)
_COMMON = (
    (b"accept-ranges", b"bytes"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", _EXPOSED.encode()),
    (b"age", b"0"),
    (b"cache-control", b"max-age=0, no-cache, no-store"),
    (b"server", b"kii-sandbox"),
)


@dataclass(slots=True)
class Response:
    """A response. `type_name` is the `X` of `application/vnd.kii.X+json`, None for plain JSON or no body.

    A body of bytes goes out as it is, and has its `Content-Type` in `headers`.
    """

    status: int
    body: object = None
    type_name: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


async def respond(scope: Scope, send: Send, response: Response) -> None:
    """Send a response. A request with `Kii-M: 0` gets no `Location` and none of the common headers."""
    minimal = scope["state"]["headers"].get("kii-m") == "0"
    content = b""
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(response.body, bytes):
        content = response.body
    elif response.body is not None:
        content = msgspec.json.encode(response.body)
        name = f"vnd.kii.{response.type_name}+json" if response.type_name else "json"
        headers.append((b"content-type", f"application/{name};charset=UTF-8".encode()))
    if response.status != 204:  # noqa: PLR2004
        headers.append((b"content-length", str(len(content)).encode()))
    headers += encode_headers(
        {name: text for name, text in response.headers.items() if not minimal or name != "Location"}
    )
    if not minimal:
        headers += _COMMON
        headers.append((b"x-http-status-code", str(response.status).encode()))
    if scope["method"] == "HEAD":
        content = b""
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


def encode_headers(headers: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    """Return header fields as ASGI takes them."""
    return [(name.lower().encode("latin-1"), str(text).encode("latin-1")) for name, text in headers.items()]
