"""The bridge from WebSocket to the broker: what it takes from a device, what no device can do to others."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiomqtt
import httpx
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.typing import Subprotocol

from local.process import free_ports
from sandbox.mqtt import websocket_bridge
from sandbox.mqtt.broker import Broker
from sandbox.mqtt.mosquitto import Tls
from tests.sandbox.mqtt import ACCEPTED, PING, SUBSCRIBED, connect, subscribe
from tests.sandbox.raw_websocket import UPGRADE, flood, frame, raw, stop_reading

pytestmark = pytest.mark.anyio

FLOOD = 64 * 2**20


@contextlib.asynccontextmanager
async def started(certificate: tuple[Path, Path]) -> AsyncIterator[Broker]:
    tcp, ws, wss = free_ports(3)
    tls = Tls(certificate=certificate[0], key=certificate[1], wss_port=wss)
    broker = Broker(tcp_port=tcp, ws_port=ws, tls=tls)
    await broker.start()
    try:
        for name in ("bob", "eve"):
            await broker.add_device(name, "password", name)
        yield broker
    finally:
        await broker.stop()


@pytest.fixture(scope="module")
async def broker(certificate: tuple[Path, Path]) -> AsyncIterator[Broker]:
    async with started(certificate) as broker:
        yield broker


@pytest.fixture(params=["ws", "wss"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def trust(transport: str, certificate: tuple[Path, Path]) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=str(certificate[0])) if transport == "wss" else None


def websocket(
    broker: Broker, path: str = "/mqtt", subprotocol: str = "mqtt"
) -> contextlib.AbstractAsyncContextManager[ClientConnection]:
    url = f"ws://127.0.0.1:{broker.ports.ws}{path}"
    return open_websocket(url, subprotocols=[Subprotocol(subprotocol)], proxy=None, max_queue=1)


async def answer(device: ClientConnection, expected: bytes) -> None:
    received = b""
    async with asyncio.timeout(5):
        while len(received) < len(expected):
            message = await device.recv()
            assert isinstance(message, bytes)
            received += message
    assert received == expected


async def join(device: ClientConnection, name: str) -> None:
    await device.send(connect(name, "password") + subscribe(name))
    await answer(device, ACCEPTED + SUBSCRIBED)


async def until_online(broker: Broker, expected: set[str], within: float = 5) -> None:
    async with asyncio.timeout(within):
        while await broker.online() != expected:  # noqa: ASYNC110 (the log is read as it comes)
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def others_are_served(broker: Broker) -> AsyncIterator[None]:
    """Check, while the block runs and once after it, that bob gets a push within two seconds each time."""
    async with aiomqtt.Client(
        "127.0.0.1",
        broker.ports.ws or 0,
        transport="websockets",
        username="bob",
        password="password",
        identifier="bob",
        protocol=aiomqtt.ProtocolVersion.V311,
    ) as bob:
        await bob.subscribe("bob")
        finished = asyncio.Event()

        async def watch() -> None:
            messages = aiter(bob.messages)
            last = False
            while not last:
                last = finished.is_set()
                async with asyncio.timeout(2):
                    await broker.publish("bob", b"ping")
                    await anext(messages)

        async with asyncio.TaskGroup() as group:
            group.create_task(watch())
            try:
                yield
            finally:
                finished.set()


def memory() -> int:
    """Return how much memory this process, and so the bridge, occupies, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("subprotocol", ["mqtt", "mqttv3.1"])
@pytest.mark.parametrize("path", ["/", "/mqtt", "/any/other?path=1"])
async def test_any_path_and_both_names_of_mqtt_will_do(broker: Broker, path: str, subprotocol: str) -> None:
    async with websocket(broker, path, subprotocol) as device:
        assert device.subprotocol == subprotocol
        await device.send(connect("bob", "password"))
        await answer(device, ACCEPTED)


async def test_a_packet_may_span_messages(broker: Broker) -> None:
    async with websocket(broker) as device:
        for byte in connect("bob", "password") + subscribe("bob"):
            await device.send(bytes([byte]))
        await answer(device, ACCEPTED + SUBSCRIBED)


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {}, 426),
        ("POST", {}, 405),
        ("GET", {"Upgrade": "h2c"}, 426),
        ("GET", {"Upgrade": "websocket"}, 400),
        ("GET", {"Upgrade": "websocket", "Sec-WebSocket-Protocol": "chat"}, 400),
    ],
    ids=["plain GET", "POST", "another protocol", "no subprotocol", "another subprotocol"],
)
async def test_other_requests_are_answered_and_refused(
    broker: Broker, method: str, headers: dict[str, str], status: int
) -> None:
    if headers:
        headers |= {"Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    async with httpx.AsyncClient(trust_env=False) as http:
        response = await http.request(method, f"http://127.0.0.1:{broker.ports.ws}/mqtt", headers=headers)
    assert response.status_code == status


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(0x81, b"hello"), 1003),
        (frame(0x81, b"\xff"), 1007),
        (frame(0x82, PING, mask=0), 1002),
        (frame(0x8F, b""), 1002),
        (b"\x82\xff" + (2**62).to_bytes(8) + bytes(4), 1009),
        (frame(0x02, bytes(60_000)) + frame(0x80, bytes(60_000)), 1009),
    ],
    ids=["text", "not even text", "unmasked", "unknown kind", "4 exbibytes announced", "long in fragments"],
)
async def test_what_is_not_a_binary_message_closes_the_connection(
    broker: Broker, sent: bytes, code: int
) -> None:
    async with raw(broker) as (reader, writer), asyncio.timeout(5):
        writer.write(sent)
        assert (await reader.readexactly(1)) == b"\x88"
        (length,) = await reader.readexactly(1)
        assert int.from_bytes((await reader.readexactly(length))[:2]) == code
        with contextlib.suppress(ConnectionError):  # whether there was something left to read or not
            assert await reader.read() == b""


async def test_a_refusal_reaches_the_device_before_the_end(broker: Broker) -> None:
    async with websocket(broker) as device:
        await device.send(connect("bob", "wrong"))
        await answer(device, b"\x20\x02\0\x05")
        with pytest.raises(ConnectionClosedOK):
            await device.recv()


@pytest.mark.parametrize("how", ["close", "write_eof", "abort"])
async def test_a_device_that_hangs_up_is_offline_at_once(broker: Broker, how: str) -> None:
    async with raw(broker) as (reader, writer):
        writer.write(frame(0x82, connect("eve", "password")))
        await reader.readexactly(2 + len(ACCEPTED))
        await until_online(broker, {"eve"})
        getattr(writer.transport, how)()
        await until_online(broker, set())


async def test_a_removed_device_is_cut_off(broker: Broker) -> None:
    await broker.add_device("mallory", "password", "mallory")
    async with websocket(broker) as device:
        await join(device, "mallory")
        await broker.remove_device("mallory")
        with pytest.raises(ConnectionClosedOK):
            async with asyncio.timeout(5):
                await device.recv()


@pytest.mark.parametrize("sent", [b"", b"GET"], ids=["nothing", "a word"])
async def test_a_connection_that_is_not_yet_open_does_not_keep_the_broker_from_stopping(
    certificate: tuple[Path, Path], transport: str, sent: bytes
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(started(certificate))
        _, writer = await asyncio.open_connection("127.0.0.1", getattr(broker.ports, transport))
        writer.write(sent)
        async with asyncio.timeout(4):  # after five seconds the sandbox would be killed
            await broker.stop()
        writer.close()


async def test_a_device_that_never_reads_does_not_keep_the_broker_from_stopping(
    certificate: tuple[Path, Path], transport: str, trust: ssl.SSLContext | None
) -> None:
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(started(certificate))
        _, writer = await stack.enter_async_context(raw(broker, transport, trust))
        stop_reading(writer)
        writer.write(frame(0x82, connect("eve", "password") + subscribe("eve")))
        await until_online(broker, {"eve"})
        for _ in range(1000):  # 15 MB
            await broker.publish("eve", bytes(15_000))
        async with asyncio.timeout(4):
            await broker.stop()


async def test_a_broker_that_stops_says_farewell(certificate: tuple[Path, Path]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        broker = await stack.enter_async_context(started(certificate))
        async with websocket(broker) as device:
            await join(device, "bob")
            await broker.stop()
            with pytest.raises(ConnectionClosed):
                await device.recv()
            assert device.close_code == 1001


async def test_a_device_that_never_reads_costs_little(
    broker: Broker, transport: str, trust: ssl.SSLContext | None
) -> None:
    async with others_are_served(broker), raw(broker, transport, trust) as (_, writer):
        stop_reading(writer)
        writer.write(frame(0x82, connect("eve", "password") + subscribe("eve")))
        await until_online(broker, {"bob", "eve"})
        before = memory()
        for _ in range(4000):  # 60 MB
            await broker.publish("eve", bytes(15_000))
        assert memory() - before < 16 * 2**20
        assert "eve" in await broker.online()


async def test_a_device_that_takes_nothing_for_long_is_cut_off(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket_bridge, "_STALLED_SECONDS", 0.3)
    async with raw(broker) as (_, writer):
        stop_reading(writer)
        writer.write(frame(0x82, connect("eve", "password") + subscribe("eve")))
        await until_online(broker, {"eve"})
        for _ in range(2000):  # 30 MB
            await broker.publish("eve", bytes(15_000))
        await until_online(broker, set())


async def test_pings_whose_answers_are_not_read_end_the_connection(
    broker: Broker, transport: str, trust: ssl.SSLContext | None
) -> None:
    async with others_are_served(broker), raw(broker, transport, trust) as (_, writer):
        stop_reading(writer)
        before, pings = memory(), frame(0x89, bytes(100)) * 100
        with pytest.raises(OSError, match=r"(?i)reset|broken|lost|closed"):
            await flood(writer, pings, FLOOD)
        assert memory() - before < 16 * 2**20


@pytest.mark.parametrize("sent", [frame(0x89, b""), frame(0x82, b"")], ids=["pings", "messages"])
async def test_a_flood_of_little_frames_leaves_others_their_turn(broker: Broker, sent: bytes) -> None:
    async with others_are_served(broker), raw(broker) as (_, writer):
        with contextlib.suppress(ConnectionError):  # being thrown out is an answer, too
            await flood(writer, sent * 1000, 600_000)


@pytest.mark.parametrize("sent", [b"", b"GET", UPGRADE[:-4]], ids=["nothing", "a word", "half a request"])
@pytest.mark.parametrize("transport", ["ws", "wss"])
async def test_a_connection_that_is_never_opened_ends(
    certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, transport: str, sent: bytes
) -> None:
    monkeypatch.setattr(websocket_bridge, "_OPEN_SECONDS", 0.3)
    async with started(certificate) as broker, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", getattr(broker.ports, transport))
        writer.write(sent)
        with contextlib.suppress(ConnectionError):
            assert b"101" not in await reader.read()
        writer.close()
