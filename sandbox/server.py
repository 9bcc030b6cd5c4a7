"""The sandbox's HTTP server: uvicorn on loopback, that can cut a connection and refuses like Kii."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.app import App
from sandbox.kii import errors
from sandbox.mqtt.mosquitto import BrokerError
from sandbox.rest.connection import EXTENSION, Connection
from sandbox.runtime import Sandbox


class _Protocol(HttpToolsProtocol):
    """Offers each request its TCP connection, as an ASGI extension; refuses in Kii's shape."""

    _request_connection: Connection | None = None

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._request_connection = Connection(self.transport)
        self.scope["extensions"] = {EXTENSION: {"connection": self._request_connection}}

    def shutdown(self) -> None:
        """Close the connection as soon as it has answered; at once if the answer drips."""
        super().shutdown()
        if self._request_connection is not None and self._request_connection.dripping:
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        error = errors.invalid_input({"request": msg})
        content = msgspec.json.encode(error.body)
        head = (
            "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n"
            f"content-type: application/vnd.kii.{error.type_name}+json;charset=UTF-8\r\n"
            f"content-length: {len(content)}\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(sandbox: Sandbox, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Run the sandbox until SIGINT or SIGTERM. Raises BrokerError when the broker cannot start, or ends."""
    config = uvicorn.Config(
        App(sandbox),
        http=_Protocol,
        loop="none",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # callers are on loopback themselves; a header must not say otherwise
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True
        sandbox.event_bus.close()  # else the server waits for the console to hang up

    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await sandbox.start()
        on_ready()
        lost = asyncio.create_task(sandbox.broker.lost())
        await asyncio.wait([serving, lost], return_when=asyncio.FIRST_COMPLETED)
        if lost.done():
            raise BrokerError("the MQTT broker has ended")
        lost.cancel()
    finally:
        stop()
        await serving
        await sandbox.stop()
