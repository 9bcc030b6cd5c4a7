"""The sandbox's MQTT broker: each device gets credentials and one topic of its own, the sandbox publishes.

Source: docs/kii-push-api.md §7.3 and §10. MQTT 3.1 and 3.1.1, over TCP and WebSocket, with TLS when given a
certificate. A device may subscribe to its own topic, under a client ID that equals it, and do nothing else.
"""

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import Callable
from typing import Any

import aiomqtt

from sandbox.mqtt.mosquitto import ADMIN, HOST, BrokerError, Mosquitto, Ports, Tls
from sandbox.mqtt.websocket_bridge import WebSocketBridge

_CONTROL_TOPIC = "$CONTROL/dynamic-security/v1"
_RESPONSE_SECONDS = 5
_GONE = "the MQTT broker is gone"
_NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else a push may wait 40 ms for an ACK


class Broker:
    """A mosquitto child, its bridge to WebSocket, and one long-lived connection for commands and publishing.

    Every method may raise BrokerError when the broker is gone.
    """

    def __init__(self, *, tcp_port: int, ws_port: int | None = None, tls: Tls | None = None) -> None:
        self.ports = Ports(
            tcp=tcp_port,
            ws=ws_port,
            ssl=tls.ssl_port if tls else None,
            wss=tls.wss_port if tls else None,
        )
        self._mosquitto = Mosquitto(self.ports, tls)
        self._bridge = WebSocketBridge(self.ports, tls)
        self._connection: aiomqtt.Client | None = None
        self._reader: asyncio.Task[None] | None = None
        self._correlation_ids = itertools.count(1)
        self._pending: dict[str, asyncio.Future[list[dict[str, Any]]]] = {}
        self._devices: dict[str, tuple[str, str]] = {}
        self._change_lock = asyncio.Lock()

    async def start(self) -> None:
        """Start the broker; return once devices can connect. Raises BrokerError if a part or port is missing.

        A broker that has been stopped can be started again, without its devices.
        """
        await self._mosquitto.start()
        client = aiomqtt.Client(
            HOST,
            self.ports.tcp,
            username=ADMIN,
            password=self._mosquitto.password,
            protocol=aiomqtt.ProtocolVersion.V311,
            timeout=_RESPONSE_SECONDS,
            socket_options=[_NO_DELAY],
        )
        try:
            self._connection = await client.__aenter__()
            await client.subscribe(f"{_CONTROL_TOPIC}/response")
            await self._bridge.start()
        except BrokerError:
            await self.stop()
            raise
        except aiomqtt.MqttError as error:
            await self.stop()
            raise BrokerError("the MQTT broker does not take the sandbox's own connection") from error
        self._reader = asyncio.create_task(self._read_responses(client))

    async def stop(self) -> None:
        """Disconnect every device and end the broker."""
        await self._bridge.stop()
        if self._connection is not None:
            with contextlib.suppress(aiomqtt.MqttError):  # a broker that is gone takes no leave
                await self._connection.__aexit__(None, None, None)
        if self._reader is not None:
            await self._reader
        await self._mosquitto.stop()
        self._connection = self._reader = None
        self._devices.clear()

    async def add_device(self, username: str, password: str, topic: str) -> None:
        """Let a client with these credentials and client ID `topic` subscribe to `topic`.

        Does nothing if that device is known as it is; otherwise what was known of `username` is replaced.
        """
        async with self._change_lock:
            if self._devices.get(username) == (password, topic):
                return
            await self._remove(username)
            await self._run_commands(
                {
                    "command": "createRole",
                    "rolename": username,
                    "acls": [
                        {"acltype": kind, "topic": topic, "allow": True}
                        for kind in ("subscribeLiteral", "publishClientReceive")
                    ],
                },
                {
                    "command": "createClient",
                    "username": username,
                    "password": password,
                    "clientid": topic,
                    "roles": [{"rolename": username}],
                },
            )
            self._devices[username] = (password, topic)

    async def remove_device(self, username: str) -> None:
        """Take the credentials back and cut the device off. Does nothing if there is no such device."""
        async with self._change_lock:
            await self._remove(username)

    async def publish(self, topic: str, payload: bytes) -> None:
        """Publish with QoS 0: to whoever is connected now, without waiting for them."""
        client = self._client
        try:
            await client.publish(topic, payload)
        except aiomqtt.MqttError as error:
            raise BrokerError(_GONE) from error

    async def online(self) -> set[str]:
        """Return the client IDs, which are topics, of the devices connected now."""
        return set(self._mosquitto.online)

    def on_presence(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with the client ID of each device that connects or disconnects."""
        self._mosquitto.watch(callback)

    async def lost(self) -> None:
        """Return once the broker is gone, or has been stopped."""
        if self._reader is not None:
            await asyncio.wait([self._reader])

    @property
    def _client(self) -> aiomqtt.Client:
        if self._connection is None or self._reader is None:
            raise BrokerError("the MQTT broker is not running")
        if self._reader.done():
            raise BrokerError(_GONE)
        return self._connection

    async def _remove(self, username: str) -> None:
        if self._devices.pop(username, None) is not None:
            await self._run_commands(
                {"command": "deleteClient", "username": username},
                {"command": "deleteRole", "rolename": username},
            )

    async def _run_commands(self, *commands: dict[str, Any]) -> None:
        """Have dynamic security run `commands`; it responds to them together."""
        number = str(next(self._correlation_ids))
        correlated = [{**command, "correlationData": number} for command in commands]
        responded = self._pending[number] = asyncio.get_running_loop().create_future()
        try:
            await self._client.publish(_CONTROL_TOPIC, json.dumps({"commands": correlated}))
            async with asyncio.timeout(_RESPONSE_SECONDS):
                responses = await responded
        except (aiomqtt.MqttError, TimeoutError) as error:
            raise BrokerError(_GONE) from error
        finally:
            del self._pending[number]
        for response in responses:
            if "error" in response:
                raise BrokerError(f"the MQTT broker refused {response['command']}: {response['error']}")

    async def _read_responses(self, client: aiomqtt.Client) -> None:
        """Hand each response to the commands it belongs to, until the connection ends."""
        with contextlib.suppress(aiomqtt.MqttError):  # the connection has ended: below
            async for message in client.messages:
                responses: list[dict[str, Any]] = json.loads(str(message.payload, "utf-8"))["responses"]
                waiting = self._pending.get(responses[0]["correlationData"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(responses)
        for waiting in self._pending.values():
            if not waiting.done():
                waiting.set_exception(BrokerError(_GONE))
