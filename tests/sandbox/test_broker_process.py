"""The broker's process: what stops it from starting, and that it never outlives its sandbox."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.process import free_ports, is_free
from sandbox.mqtt import mosquitto
from sandbox.mqtt.broker import Broker
from sandbox.mqtt.mosquitto import BrokerError, Tls

ROOT = Path(__file__).parents[2]
# A sandbox in little: starts a broker, says so, and waits to be killed.
PROGRAM = """
import asyncio, sys
from sandbox.mqtt.broker import Broker

async def main():
    await Broker(tcp_port=int(sys.argv[1])).start()
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def start_fails(broker: Broker, match: str) -> None:
    with pytest.raises(BrokerError, match=match) as caught:
        asyncio.run(broker.start())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("which", [0, 1], ids=["tcp", "ws"])
def test_a_taken_port_is_named(which: int) -> None:
    ports = free_ports(2)
    with socket.create_server(("127.0.0.1", ports[which])):
        start_fails(Broker(tcp_port=ports[0], ws_port=ports[1]), rf"port {ports[which]} .*in use")


def test_a_missing_mosquitto_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(mosquitto, "_PLACES", ())
    start_fails(Broker(tcp_port=free_ports(1)[0]), "mosquitto is missing")


def test_a_missing_plugin_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "sbin" / "mosquitto"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setattr(mosquitto, "_PLACES", ())
    start_fails(Broker(tcp_port=free_ports(1)[0]), r"mosquitto_dynamic_security\.so is missing")


def test_a_certificate_that_mosquitto_cannot_use_is_told(tmp_path: Path) -> None:
    tcp, ssl = free_ports(2)
    nothing = tmp_path / "none.pem"
    broker = Broker(tcp_port=tcp, tls=Tls(certificate=nothing, key=nothing, ssl_port=ssl))
    start_fails(broker, r"mosquitto did not start: Error: Unable to load server certificate .*none\.pem")
    assert is_free(tcp)


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["missing", "empty", "other"])
def test_a_certificate_that_the_bridge_to_websocket_cannot_use_is_told(
    tmp_path: Path, content: str | None
) -> None:
    tcp, ws, wss = free_ports(3)
    file = tmp_path / "some.pem"
    if content is not None:
        file.write_text(content)
    broker = Broker(tcp_port=tcp, ws_port=ws, tls=Tls(certificate=file, key=file, wss_port=wss))
    start_fails(broker, r"the certificate .*some\.pem cannot be used: .")
    assert [port for port in (tcp, ws, wss) if not is_free(port)] == []


def test_it_can_be_stopped_and_started_again() -> None:
    (port,) = free_ports(1)

    async def twice() -> None:
        broker = Broker(tcp_port=port)
        for _ in range(2):
            await broker.start()
            await broker.add_device("bob", "password", "bob")
            await broker.publish("bob", b"hello")
            await broker.stop()
            assert is_free(port)
        with pytest.raises(BrokerError, match="not running"):
            await broker.publish("bob", b"hello")

    asyncio.run(twice())


def test_it_ends_with_a_sandbox_that_is_killed(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM, str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as sandbox:  # noqa: S603
        assert sandbox.stdout is not None
        assert sandbox.stdout.readline() == b"ready\n"
        assert not is_free(port)
        sandbox.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while not is_free(port) or list(tmp_path.iterdir()):
        assert time.monotonic() < deadline, "mosquitto or its folder is still there"
        time.sleep(0.02)


async def publish_for_ever(broker: Broker) -> None:
    async with asyncio.timeout(30):
        while True:
            await broker.publish("bob", b"hello")
            await asyncio.sleep(0)


def test_a_broker_that_dies_is_told_to_who_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    create = asyncio.create_subprocess_exec

    async def remember(*command: str, **options: object) -> asyncio.subprocess.Process:
        child: asyncio.subprocess.Process = await create(*command, **options)  # type: ignore[arg-type]
        started.append(child.pid)
        return child

    monkeypatch.setattr(asyncio, "create_subprocess_exec", remember)

    async def publish_until_it_fails() -> None:
        broker = Broker(tcp_port=free_ports(1)[0])
        await broker.start()
        os.killpg(started[0], signal.SIGKILL)
        with pytest.raises(BrokerError, match="gone"):
            await publish_for_ever(broker)
        with pytest.raises(BrokerError, match="gone"):
            await broker.add_device("bob", "password", "bob")
        await broker.stop()

    asyncio.run(publish_until_it_fails())
