"""MQTT over WebSocket for devices: every connection is piped to the broker's own TCP port and back.

mosquitto 2.0 opens its own WebSocket listeners on all interfaces, whatever address it is given.
"""

import asyncio
import contextlib
import socket
import ssl

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from sandbox.mqtt.mosquitto import HOST, BrokerError, Ports, Tls

# What waits in this process for one device stays below 1 MiB, whichever way it goes.
_CHUNK_BYTES = 65_536  # of the broker's stream, in one WebSocket message at most
_MAX_MESSAGE_BYTES = 65_536
_MAX_QUEUED_MESSAGES = 4
_MAX_UNSENT_BYTES = 262_144
_SEND_BUFFER_BYTES = 131_072  # the kernel's, as is the next
_RECEIVE_BUFFER_BYTES = 2_048  # devices say little; of a flood, others wait for no more than this at a time
_OPEN_SECONDS = 2  # which are also what a connection never opened can delay the end by
_CLOSE_SECONDS = 1
_STALLED_SECONDS = 30


class WebSocketBridge:
    """The listeners for MQTT over WebSocket, with TLS when given a certificate. Any path will do."""

    def __init__(self, ports: Ports, tls: Tls | None) -> None:
        self._ports = ports
        self._tls = tls
        self._servers: list[Server] = []

    async def start(self) -> None:
        """Let devices connect. Raises BrokerError when a port or the certificate cannot be used."""
        if self._ports.ws is not None:
            await self._listen(self._ports.ws, None)
        if self._ports.wss is not None and self._tls is not None:
            await self._listen(self._ports.wss, _server_context(self._tls))

    async def stop(self) -> None:
        """Disconnect every device and close the ports."""
        for server in self._servers:
            for device in server.connections:
                if device.transport.get_write_buffer_size():
                    device.transport.abort()  # a farewell would wait behind what it does not read
            server.close()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    async def _listen(self, port: int, context: ssl.SSLContext | None) -> None:
        server = await serve(
            self._pipe,
            sock=_bind(port),
            ssl=context,
            subprotocols=[Subprotocol("mqtt"), Subprotocol("mqttv3.1")],
            create_connection=_Device,
            compression=None,
            server_header=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=None,  # MQTT has a keep-alive of its own, which the broker sees to
            max_size=_MAX_MESSAGE_BYTES,
            max_queue=_MAX_QUEUED_MESSAGES,
        )
        self._servers.append(server)

    async def _pipe(self, device: ServerConnection) -> None:
        """Carry bytes both ways until either side closes; then close the other."""
        try:
            reader, writer = await asyncio.open_connection(HOST, self._ports.tcp)
        except OSError:
            await device.close(CloseCode.TRY_AGAIN_LATER)
            return
        async with asyncio.TaskGroup() as both_ways:
            both_ways.create_task(_to_broker(device, writer))
            both_ways.create_task(_to_device(reader, device))


class _Device(ServerConnection):
    """A device's connection that keeps no endless row of answers for a device that does not read them."""

    def data_received(self, data: bytes) -> None:
        """Take what the device sent, unless too much is waiting for it: pings are answered regardless."""
        if self.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            self.transport.abort()
        else:
            super().data_received(data)


async def _to_broker(device: ServerConnection, writer: asyncio.StreamWriter) -> None:
    try:
        with contextlib.suppress(ConnectionClosed, OSError):  # either side has gone: the end
            async for message in device:
                if isinstance(message, str):
                    await device.close(CloseCode.UNSUPPORTED_DATA)  # MQTT is binary
                    break
                writer.write(message)
                await writer.drain()
    finally:
        writer.close()


async def _to_device(reader: asyncio.StreamReader, device: ServerConnection) -> None:
    try:
        with contextlib.suppress(ConnectionClosed, OSError):  # either side has gone: the end
            while chunk := await reader.read(_CHUNK_BYTES):
                async with asyncio.timeout(_STALLED_SECONDS):
                    await device.send(chunk)
            await device.close()
    finally:
        device.transport.abort()  # a device that took nothing for so long takes no farewell


def _bind(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Each connection inherits them.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise BrokerError(f"port {port} cannot be used for MQTT over WebSocket: {error.strerror}") from error
    return listener


def _server_context(tls: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(tls.certificate, tls.key, password="")  # else it may ask at the terminal
    except OSError as error:
        raise BrokerError(f"the certificate {tls.certificate} cannot be used: {error.strerror}") from error
    return context
