"""Direct pushes a second that one sandbox process accepts and delivers to a real MQTT device.

Prints one line. Ends with status 1 when a push is lost or the rate is below the bar.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiomqtt
import httpx
import uvloop

from local.process import end, free_ports
from local.sandbox import start_sandbox

BAR = 1000  # pushes a second
APP = "sandbox-app"
DELIVERY_SECONDS = 30
VENDOR = "application/vnd.kii"


async def status_of(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Send a request on a kept-alive connection; return the status of its answer.

    No HTTP client library: those cost more a request than the sandbox does, and would be what is measured.
    """
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
    await reader.readexactly(int(length))
    return int(head[9:12])


def prepare(base_url: str) -> tuple[str, dict[str, Any]]:
    """Return an admin token and the MQTT endpoint of a device of bob's."""
    with httpx.Client(base_url=base_url, trust_env=False) as http:

        def post(path: str, body: dict[str, str], token: str = "", **headers: str) -> dict[str, Any]:
            given = {"Authorization": f"Bearer {token}"} if token else {"X-Kii-AppID": APP}
            answer = http.post(path, json=body, headers=given | headers).raise_for_status()
            found: dict[str, Any] = answer.json()
            return found

        admin = post("/oauth2/token", {"client_id": "sandbox-client", "client_secret": "sandbox-secret"})
        login = {"grant_type": "password", "username": "bob", "password": "password"}
        token = post(f"/apps/{APP}/oauth2/token", login)["access_token"]
        kind = {"Content-Type": f"{VENDOR}.InstallationCreationRequest+json"}
        device = post(f"/apps/{APP}/installations", {"deviceType": "MQTT"}, token, **kind)["installationID"]
        answer = http.get(
            f"/apps/{APP}/installations/{device}/mqtt-endpoint", headers={"Authorization": f"Bearer {token}"}
        )
        endpoint: dict[str, Any] = answer.raise_for_status().json()
        return admin["access_token"], endpoint


def request(base_url: str, token: str, number: int) -> bytes:
    """Return the bytes of a direct push to bob; the same shape as the bundle's."""
    body = json.dumps(
        {
            "data": {"number": number, "text": "Your order has been shipped."},
            "gcm": {"enabled": False},
            "apns": {"enabled": False},
            "jpush": {"enabled": False},
            "mqtt": {"enabled": True},
        }
    )
    url = urlsplit(base_url)
    return (
        f"POST {url.path}/apps/{APP}/users/LOGIN_NAME:bob/push/messages HTTP/1.1\r\nHost: {url.netloc}\r\n"
        f"Authorization: Bearer {token}\r\nContent-Type: {VENDOR}.SendPushMessageRequest+json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def measure(base_url: str, pushes: int, connections: int) -> tuple[float, int]:
    """Send the pushes; return the seconds from the first request to the last receipt, and the receipts."""
    token, endpoint = prepare(base_url)
    url = urlsplit(base_url)
    numbers = iter(range(pushes))
    received: set[int] = set()

    async def send() -> None:
        reader, writer = await asyncio.open_connection(url.hostname, url.port)
        for number in numbers:
            status = await status_of(reader, writer, request(base_url, token, number))
            if status != httpx.codes.CREATED:
                raise SystemExit(f"the sandbox answered a push with {status}")
        writer.close()

    async def receive(device: aiomqtt.Client) -> None:
        async for message in device.messages:
            received.add(json.loads(str(message.payload, "utf-8"))["number"])
            if len(received) == pushes:
                return

    async with aiomqtt.Client(
        endpoint["host"],
        endpoint["portTCP"],
        username=endpoint["username"],
        password=endpoint["password"],
        identifier=endpoint["mqttTopic"],
        protocol=aiomqtt.ProtocolVersion.V31,
    ) as device:
        await device.subscribe(endpoint["mqttTopic"])
        receiving = asyncio.create_task(receive(device))
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(send())
        await asyncio.wait({receiving}, timeout=DELIVERY_SECONDS)
        seconds = time.perf_counter() - started
        receiving.cancel()
    return seconds, len(received)


def main() -> int:
    """Run the benchmark; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pushes", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    port, mqtt_port = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        sandbox = start_sandbox(port, mqtt_port, Path(folder))
        try:
            base_url = f"http://127.0.0.1:{port}/api"
            seconds, received = uvloop.run(measure(base_url, options.pushes, options.connections))
        finally:
            end(sandbox)
    rate = received / seconds
    print(
        f"sandbox: {received:,} of {options.pushes:,} direct pushes accepted and delivered"
        f" in {seconds:.2f} s, {rate:,.0f} a second ({options.connections} connections; bar {BAR:,})"
    )
    return 0 if received == options.pushes and rate >= BAR else 1


if __name__ == "__main__":
    sys.exit(main())
