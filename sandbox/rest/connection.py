"""A request's TCP connection, for what HTTP servers do not do: to cut it, or to answer a byte at a time."""

import asyncio
from collections.abc import Iterable
from email.utils import formatdate
from http import HTTPStatus

from starlette.types import Message, Receive, Scope, Send

EXTENSION = "sandbox.connection"  # the ASGI extension by which the server offers the connection
_INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"


class Connection:
    """The transport of a request's connection, and whether an answer drips onto it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.dripping = False


async def drop(scope: Scope, receive: Receive, drip_ms: int = 0) -> None:
    """Cut the connection, after an interim answer that drips when `drip_ms` is given.

    Returns once the server has noticed, so that it adds no answer of its own.
    """
    if drip_ms:
        await _write_slowly(scope, receive, _INTERIM, drip_ms)
    connection: Connection = scope["extensions"][EXTENSION]["connection"]
    connection.transport.abort()
    await _hung_up(receive)


def dripping(scope: Scope, receive: Receive, drip_ms: int) -> Send:
    """Return an ASGI `send` that sends an answer a byte at a time and then closes the connection.

    An interim answer comes first. What sends the answer's last part waits until the caller has all of it, or
    has hung up.
    """
    parts: list[bytes] = [_INTERIM]

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            parts.append(_head(message["status"], message["headers"]))
            return
        parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        await _write_slowly(scope, receive, b"".join(parts), drip_ms)
        connection: Connection = scope["extensions"][EXTENSION]["connection"]
        connection.transport.close()
        await _hung_up(receive)

    return send


async def _write_slowly(scope: Scope, receive: Receive, content: bytes, drip_ms: int) -> None:
    """Write each byte after `drip_ms` milliseconds, until the caller hangs up."""
    connection: Connection = scope["extensions"][EXTENSION]["connection"]
    connection.dripping = True
    hung_up = asyncio.create_task(_hung_up(receive))
    try:
        for byte in content:
            done, _ = await asyncio.wait([hung_up], timeout=drip_ms / 1000)
            if done or connection.transport.is_closing():
                return
            connection.transport.write(bytes([byte]))
    finally:
        hung_up.cancel()


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _head(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the head of an answer as it goes over the wire."""
    phrase = HTTPStatus(status).phrase if status in HTTPStatus else ""
    lines = [f"HTTP/1.1 {status} {phrase}".encode(), b"date: " + formatdate(usegmt=True).encode()]
    lines += [name + b": " + text for name, text in headers]
    return b"\r\n".join([*lines, b"connection: close", b"\r\n"])
