"""What the broker promises each device, checked with real MQTT clients on every transport."""

import asyncio
import contextlib
import ssl
import statistics
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiomqtt
import pytest
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from local.process import free_ports
from sandbox.mqtt.broker import Broker
from sandbox.mqtt.mosquitto import Tls

pytestmark = pytest.mark.anyio

TRANSPORTS = ["tcp", "ws", "ssl", "wss"]
V31, V311 = aiomqtt.ProtocolVersion.V31, aiomqtt.ProtocolVersion.V311


@pytest.fixture(scope="module")
async def broker(certificate: tuple[Path, Path]) -> AsyncIterator[Broker]:
    tcp, ws, tls, wss = free_ports(4)
    broker = Broker(
        tcp_port=tcp,
        ws_port=ws,
        tls=Tls(certificate=certificate[0], key=certificate[1], ssl_port=tls, wss_port=wss),
    )
    await broker.start()
    for name in ("bob", "eve"):
        await broker.add_device(name, f"{name}-password", f"{name}-topic")
    yield broker
    await broker.stop()


def client(broker: Broker, name: str, **changes: Any) -> aiomqtt.Client:
    options: dict[str, Any] = {
        "port": broker.ports.tcp,
        "username": name,
        "password": f"{name}-password",
        "identifier": f"{name}-topic",
        "protocol": V311,
        "timeout": 5,
    }
    return aiomqtt.Client("127.0.0.1", **options | changes)


@contextlib.asynccontextmanager
async def listening(broker: Broker, name: str, **changes: Any) -> AsyncIterator[aiomqtt.Client]:
    async with client(broker, name, **changes) as device:
        await device.subscribe(f"{name}-topic")
        yield device


def over(transport: str, broker: Broker, certificate: tuple[Path, Path]) -> dict[str, Any]:
    """Return what `client` needs to know to connect by this transport."""
    options: dict[str, Any] = {"port": getattr(broker.ports, transport)}
    if transport in ("ws", "wss"):
        options["transport"] = "websockets"
    if transport in ("ssl", "wss"):
        options["tls_context"] = ssl.create_default_context(cafile=str(certificate[0]))
    return options


async def granted(device: aiomqtt.Client, topic: str) -> bool:
    (answer,) = await device.subscribe(topic)
    return answer.value < 128 if isinstance(answer, ReasonCode) else answer < 128


async def received(device: aiomqtt.Client) -> tuple[str, bytes]:
    async with asyncio.timeout(10):
        message = await anext(aiter(device.messages))
    assert isinstance(message.payload, bytes)
    return message.topic.value, message.payload


@pytest.mark.parametrize("protocol", [V31, V311], ids=["3.1", "3.1.1"])
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_device_gets_what_is_published_on_its_topic(
    broker: Broker, certificate: tuple[Path, Path], transport: str, protocol: aiomqtt.ProtocolVersion
) -> None:
    options = over(transport, broker, certificate) | {"protocol": protocol}
    async with listening(broker, "bob", **options) as bob:
        await broker.publish("bob-topic", b'{"k":"v"}')
        assert await received(bob) == ("bob-topic", b'{"k":"v"}')


@pytest.mark.parametrize(
    "changes",
    [
        {"password": "wrong"},
        {"username": "nobody"},
        {"username": None, "password": None},
        {"identifier": "eve-topic"},
        {"identifier": "bob"},
    ],
    ids=["password", "username", "anonymous", "client ID of another", "client ID of one's own"],
)
async def test_wrong_credentials_are_refused(broker: Broker, changes: dict[str, str | None]) -> None:
    with pytest.raises(MqttConnectError, match=r"(?i)not authori[sz]ed|bad user name|identifier"):
        async with client(broker, "bob", **changes):
            pass


@pytest.mark.parametrize("topic", ["bob-topic", "#", "+", "$SYS/#", "$CONTROL/#", "eve-topic/#"])
async def test_a_device_reads_no_topic_but_its_own(broker: Broker, topic: str) -> None:
    async with listening(broker, "eve") as eve:
        assert not await granted(eve, topic)
        await broker.publish("bob-topic", b"for bob")
        await broker.publish("eve-topic", b"for eve")
        assert await received(eve) == ("eve-topic", b"for eve")


@pytest.mark.parametrize("topic", ["bob-topic", "eve-topic", "$CONTROL/dynamic-security/v1"])
async def test_a_device_cannot_publish(broker: Broker, topic: str) -> None:
    async with listening(broker, "bob") as bob, listening(broker, "eve") as eve:
        forged = b'{"commands":[{"command":"deleteClient","username":"bob"}]}'
        await eve.publish(topic, forged, retain=True)
        await eve.subscribe("eve-topic")  # answered after the publish has been dealt with
        for device, name in ((bob, "bob-topic"), (eve, "eve-topic")):
            await broker.publish(name, b"genuine")
            assert await received(device) == (name, b"genuine")


async def test_a_removed_device_is_cut_off_and_stays_out(broker: Broker) -> None:
    await broker.add_device("mallory", "mallory-password", "mallory-topic")
    async with contextlib.AsyncExitStack() as stack:
        mallory = await stack.enter_async_context(listening(broker, "mallory"))
        await broker.remove_device("mallory")
        with pytest.raises(aiomqtt.MqttError):
            await received(mallory)
        stack.pop_all()  # there is no connection left to close
    with pytest.raises(MqttConnectError):
        async with client(broker, "mallory"):
            pass


async def test_removing_an_unknown_device_does_nothing(broker: Broker) -> None:
    await broker.remove_device("never-added")


async def test_adding_a_device_again_leaves_it_connected(broker: Broker) -> None:
    async with listening(broker, "bob") as bob:
        await broker.add_device("bob", "bob-password", "bob-topic")
        await broker.publish("bob-topic", b"still there")
        assert await received(bob) == ("bob-topic", b"still there")


async def test_new_credentials_replace_the_old(broker: Broker) -> None:
    await broker.add_device("carol", "old", "carol-topic")
    await broker.add_device("carol", "new", "carol-topic-2")
    with pytest.raises(MqttConnectError):
        async with client(broker, "carol", password="old"):
            pass
    async with client(broker, "carol", password="new", identifier="carol-topic-2") as carol:
        assert not await granted(carol, "carol-topic")
        assert await granted(carol, "carol-topic-2")


async def test_many_devices_can_be_added_at_once(broker: Broker) -> None:
    names = [f"many-{number}" for number in range(50)]
    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(broker.add_device(name, f"{name}-password", f"{name}-topic"))
    async with listening(broker, names[-1]) as device:
        await broker.publish(f"{names[-1]}-topic", b"hello")
        assert await received(device) == (f"{names[-1]}-topic", b"hello")


async def test_a_device_can_be_added_and_removed_by_many_callers_at_once(broker: Broker) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(broker.add_device("dave", "dave-password", "dave-topic"))
    async with listening(broker, "dave") as dave:
        await broker.publish("dave-topic", b"hello")
        assert await received(dave) == ("dave-topic", b"hello")
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(broker.remove_device("dave"))
    with pytest.raises(MqttConnectError):
        async with client(broker, "dave"):
            pass


async def test_online_tells_who_is_connected(broker: Broker) -> None:
    async def until(expected: set[str]) -> None:
        async with asyncio.timeout(5):
            while await broker.online() != expected:  # noqa: ASYNC110 (the log is read as it comes)
                await asyncio.sleep(0.01)

    await until(set())
    async with listening(broker, "bob"):
        await until({"bob-topic"})
        with pytest.raises(MqttConnectError):
            async with client(broker, "bob", password="wrong"):
                pass
        async with listening(broker, "eve"):
            await until({"bob-topic", "eve-topic"})
            await broker.publish("bob-topic", b"one")
        await until({"bob-topic"})
    await until(set())


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_ten_thousand_messages_all_arrive_in_order(
    broker: Broker, certificate: tuple[Path, Path], transport: str
) -> None:
    count = 10_000
    async with listening(broker, "bob", **over(transport, broker, certificate)) as bob:

        async def read() -> list[int]:
            messages = aiter(bob.messages)
            return [int(str((await anext(messages)).payload, "ascii")) for _ in range(count)]

        reading = asyncio.create_task(read())
        for number in range(count):
            await broker.publish("bob-topic", b"%d" % number)
        async with asyncio.timeout(60):
            assert await reading == list(range(count))


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_message_arrives_at_once(
    broker: Broker, certificate: tuple[Path, Path], transport: str
) -> None:
    seconds = []
    async with listening(broker, "bob", **over(transport, broker, certificate)) as bob:
        for _ in range(50):
            started = time.perf_counter()
            await broker.publish("bob-topic", b"hello")
            await received(bob)
            seconds.append(time.perf_counter() - started)
    assert statistics.median(seconds) < 0.02
