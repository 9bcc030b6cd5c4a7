"""`--state`: everything is there again after a restart, and after a SIGKILL at any moment."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from local import loopback
from local.device import Device
from local.process import end, free_ports, start
from tests.sandbox.kii import EVERY_NETWORK, PATH_TO_BOB, Kii


class Restartable:
    """A sandbox on a state file, which can be killed and started again on the same ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self.mqtt_port = free_ports(2)
        self.origin = f"http://127.0.0.1:{self.port}"
        self.child = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        ports = ("--port", str(self.port), "--mqtt-port", str(self.mqtt_port))
        self.child = start(
            [sys.executable, "-m", "sandbox", "--state", self.folder / "state.db", *ports],
            name="sandbox",
            health_url=f"{self.origin}/_sandbox/health",
            log=self.folder / "sandbox.log",
        )
        return self.child

    def kill(self) -> None:
        os.kill(self.child.pid, signal.SIGKILL)
        self.child.wait(timeout=5)


@pytest.fixture
def restartable(tmp_path: Path) -> Any:
    sandbox = Restartable(tmp_path)
    yield sandbox
    end(sandbox.child)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_everything_is_there_again(restartable: Restartable, signum: signal.Signals) -> None:
    with Kii(restartable.origin) as kii:
        kii.call("PUT", "/topics/alerts")
        kii.call("POST", "/topics/alerts/push/subscriptions/users", "bob")
        kii.call("PUT", f"/topics/alerts/acl/SEND_MESSAGE_TO_TOPIC/UserID:{kii.id('alice')}")
        kii.call("PUT", "/buckets/box/objects/thing", "bob", json={"a": 1})
        kii.install("bob", "MQTT")
        kii.send(EVERY_NETWORK)
        kii.control("PUT", "/clock", json={"offsetMs": 60_000})
        paths = (
            "/topics",
            "/topics/alerts/acl",
            "/buckets/box/objects/thing",
            "/installations",
            "/users/LOGIN_NAME:bob",
        )
        before = [kii.call("GET", path).json() for path in paths]
        deliveries = kii.deliveries()

        restartable.child.send_signal(signum)
        restartable.child.wait(timeout=10)
        restartable.start()

        kii.http.close()
        kii.http = loopback.client(base_url=restartable.origin)
        assert [kii.call("GET", path).json() for path in paths] == before  # with the tokens from before
        assert kii.deliveries() == deliveries
        assert kii.control("GET", "/clock").json()["offsetMs"] == 60_000
        with Device(f"{restartable.origin}/api", "bob") as device:  # at the endpoint from before
            kii.call("POST", "/topics/alerts/push/messages", "alice", json=EVERY_NETWORK)
            assert device.wait_for(topic="alerts")


def test_a_connected_device_finds_its_way_back(restartable: Restartable) -> None:
    with Device(f"{restartable.origin}/api", "bob") as device:
        restartable.kill()
        restartable.start()
        assert device.reconnected(within=15)

        with Kii(restartable.origin) as kii:
            kii.send(EVERY_NETWORK)

        assert device.wait_for(msg="hi")


def test_killed_at_any_moment_it_keeps_what_it_acknowledged(restartable: Restartable) -> None:
    with Kii(restartable.origin) as kii:
        kii.install("bob", "MQTT")
        token = kii.token("admin")
    acknowledged: list[str] = []
    rounds = 4
    for _ in range(rounds):
        timer = threading.Timer(0.4, restartable.kill)
        timer.start()
        asyncio.run(send_until_it_dies(restartable.origin, token, acknowledged))
        timer.join()
        restartable.start()

    with Kii(restartable.origin) as kii:
        kept = {each["pushMessageID"] for each in kii.deliveries()}
    assert len(acknowledged) > rounds
    assert set(acknowledged) <= kept


async def send_until_it_dies(origin: str, token: str, acknowledged: list[str]) -> None:
    async def sender() -> None:
        while True:
            answer = await http.post(f"/api/apps/sandbox-app{PATH_TO_BOB}", json=EVERY_NETWORK)
            acknowledged.append(answer.json()["pushMessageID"])

    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=origin, headers=headers, trust_env=False) as http:
        results = await asyncio.gather(*(sender() for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, httpx.TransportError) for result in results), results


def test_the_seed_is_planted_once(restartable: Restartable) -> None:
    with Kii(restartable.origin) as kii:
        kii.call("DELETE", f"/groups/team/members/{kii.id('bob')}", "alice")

    restartable.kill()
    restartable.start()

    with Kii(restartable.origin) as kii:
        assert len(kii.call("GET", "/groups/team/members").json()["members"]) == 1
        kii.reset()
        assert len(kii.call("GET", "/groups/team/members").json()["members"]) == 2
