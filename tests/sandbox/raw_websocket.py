"""WebSocket byte by byte, for tests that do what no WebSocket library would."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from typing import cast

from sandbox.mqtt.broker import Broker

UPGRADE = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)


@contextlib.asynccontextmanager
async def raw(
    broker: Broker, transport: str = "ws", trust: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a WebSocket whose frames the test writes itself."""
    port = getattr(broker.ports, transport)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
    try:
        writer.write(UPGRADE)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        yield reader, writer
    finally:
        writer.transport.abort()


def stop_reading(writer: asyncio.StreamWriter) -> None:
    """Leave what comes where it is: the sender finds no more room."""
    cast("asyncio.Transport", writer.transport).pause_reading()


async def flood(writer: asyncio.StreamWriter, data: bytes, total: int) -> None:
    """Send `data` over and over, `total` bytes of it; ConnectionError when that is not suffered."""
    for _ in range(total // len(data)):
        writer.write(data)
        await writer.drain()


def frame(first: int, data: bytes, mask: int = 0x80) -> bytes:
    """Return a frame, masked with zeros, as devices must mask theirs unless `mask` is 0."""
    length = bytes([mask | len(data)]) if len(data) < 126 else bytes([mask | 126]) + len(data).to_bytes(2)
    return bytes([first]) + length + (bytes(4) if mask else b"") + data
