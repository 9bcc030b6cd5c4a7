"""A slow or hostile MQTT client stalls nobody else and cannot end the broker."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import aiomqtt
import pytest

from local.process import free_ports
from sandbox.mqtt.broker import Broker
from tests.sandbox.mqtt import ACCEPTED, SUBSCRIBED, connect, packet, subscribe, text

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def broker() -> AsyncIterator[Broker]:
    tcp, ws = free_ports(2)
    broker = Broker(tcp_port=tcp, ws_port=ws)
    await broker.start()
    for name in ("bob", "slow"):
        await broker.add_device(name, "password", name)
    yield broker
    await broker.stop()


@pytest.fixture
async def bob(broker: Broker) -> AsyncIterator[aiomqtt.Client]:
    async with aiomqtt.Client(
        "127.0.0.1",
        broker.ports.tcp,
        username="bob",
        password="password",
        identifier="bob",
        protocol=aiomqtt.ProtocolVersion.V311,
    ) as client:
        await client.subscribe("bob")
        yield client


async def is_served(broker: Broker, bob: aiomqtt.Client, within: float = 5) -> bool:
    await broker.publish("bob", b"ping")
    async with asyncio.timeout(within):
        return (await anext(aiter(bob.messages))).payload == b"ping"


CONNECT = connect("slow", "password")


async def test_a_client_that_never_reads_stalls_nobody(broker: Broker, bob: aiomqtt.Client) -> None:
    with contextlib.closing(socket.socket()) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.settimeout(5)
        slow.connect(("127.0.0.1", broker.ports.tcp))
        slow.sendall(CONNECT)
        assert slow.recv(4) == ACCEPTED
        slow.sendall(subscribe("slow"))
        assert slow.recv(5) == SUBSCRIBED
        for _ in range(5):  # 20 MB, far more than the socket's buffers hold
            for _ in range(1000):
                await broker.publish("slow", b"x" * 4096)
            assert await is_served(broker, bob)
        assert "slow" in await broker.online()


@pytest.mark.parametrize("port", ["tcp", "ws"])
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        CONNECT[:5],
        b"\x10\xff\xff\xff\x7f" + b"x" * 1024,
        b"\xff" * 4096,
        bytes(range(256)) * 16,
        b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n",
        CONNECT + b"\x30\xff\xff\x03" + b"x" * 65_535,
        CONNECT + packet(0x82, b"\0\1" + text("\0\x01" * 20) + b"\3"),
    ],
    ids=[
        "nothing",
        "half a CONNECT",
        "256 MB announced",
        "0xff",
        "every byte",
        "half an upgrade",
        "huge PUBLISH",
        "bad SUBSCRIBE",
    ],
)
async def test_garbage_disturbs_nobody(broker: Broker, bob: aiomqtt.Client, port: str, sent: bytes) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            hostile = socket.create_connection(("127.0.0.1", getattr(broker.ports, port)), timeout=5)
            stack.enter_context(contextlib.closing(hostile))
            with contextlib.suppress(ConnectionError):  # being thrown out early is an answer, too
                hostile.sendall(sent)
        assert await is_served(broker, bob)
    assert await is_served(broker, bob)


async def test_a_packet_over_the_limit_ends_that_connection(broker: Broker, bob: aiomqtt.Client) -> None:
    with contextlib.closing(socket.create_connection(("127.0.0.1", broker.ports.tcp), timeout=5)) as hostile:
        hostile.sendall(CONNECT)
        assert hostile.recv(4) == ACCEPTED
        with contextlib.suppress(ConnectionError):
            hostile.sendall(b"\x30\xff\xff\x03" + b"x" * 65_535)
            assert hostile.recv(1) == b""
    assert await is_served(broker, bob)
