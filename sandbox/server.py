"""The sandbox's HTTP server: uvicorn on loopback, able to cut a connection when a fault rule says so."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.app import App
from sandbox.core import Sandbox
from sandbox.gateway import DROP
from sandbox.mosquitto import BrokerError


class _CuttingProtocol(HttpToolsProtocol):
    """Offers each request a way to cut its TCP connection, as an ASGI extension."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {DROP: {"cut": self.transport.abort}}


class _Server(uvicorn.Server):
    """A server that leaves the signals to `serve`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(sandbox: Sandbox, listener: socket.socket, on_ready: Callable[[], None]) -> None:
    """Run the sandbox until SIGINT or SIGTERM. Raises BrokerError when the broker cannot start, or ends."""
    config = uvicorn.Config(
        App(sandbox),
        http=_CuttingProtocol,
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
        sandbox.hub.close()  # else the server waits for the console to hang up

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
