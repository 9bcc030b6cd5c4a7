"""One push through each door to a real MQTT device, shown as it arrives: `make demo`."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.text import Text

from local.device import Device
from local.doors import Doors
from local.process import LocalError
from local.progress import Step, console
from local.stack import LocalStack

# Every push must arrive within this time.
TIMEOUT_SECONDS = 60.0
NETWORKS = {"gcm": {"enabled": False}, "apns": {"enabled": False}, "mqtt": {"enabled": True}}


@dataclass(frozen=True)
class Sending:
    """One door of the demo: what is sent, how, and when it is due (seconds since the epoch)."""

    door: str
    how: str
    text: str
    due: float


def run(step: Step) -> None:
    """Start the local stack, send, show, stop; raises LocalError when a push does not arrive."""
    console.print("\n[bold]A push through each door, to a device on MQTT[/bold]\n")
    with LocalStack.new("demo", step) as stack, Device(stack.kii_url, "bob") as device:
        console.print(f"  bob's device is connected (installation {device.installation_id})\n")
        doors = Doors(stack)
        try:
            sent = [_by_http(doors), _by_queue(doors), _by_schedule(doors)]
            _show(sent, device)
        finally:
            doors.close()
    console.print("\n  Everything the demo started has been stopped. `make up` leaves it running.\n")


def _message(text: str) -> dict[str, Any]:
    return {"data": {"text": text}, **NETWORKS}


def _by_http(doors: Doors) -> Sending:
    path, text, now = "/users/LOGIN_NAME:bob/push/messages", "Your order has shipped", time.time()
    answer = doors.post(path, _message(text))
    if answer.status_code != 201:  # noqa: PLR2004
        raise LocalError(f"The HTTPS door answered {answer.status_code}: {answer.text}")
    return Sending("HTTPS", f"POST {path} -> 201", text, now)


def _by_queue(doors: Doors) -> Sending:
    text, now = "The driver is on the way", time.time()
    doors.enqueue(json.dumps({"target": {"user": "LOGIN_NAME:bob"}, "message": _message(text)}))
    return Sending("SQS", "message on the push queue", text, now)


def _by_schedule(doors: Doors) -> Sending:
    text = "Good morning! Here is your digest"
    due = (datetime.now(UTC) + timedelta(seconds=4)).replace(microsecond=0)
    request = {"target": {"user": "LOGIN_NAME:bob"}, "message": _message(text)}
    doors.schedule(f"demo-{due:%H%M%S}", due, request)
    how = f"at({due:%Y-%m-%dT%H:%M:%S})"
    return Sending("Schedule", how, text, due.timestamp())


def _show(sent: list[Sending], device: Device) -> None:
    """Print each push as it arrives, in the order of sending."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    for each in sent:
        with console.status(f"waiting for the {each.door} push ..."):
            arrived = device.wait_for(within=deadline - time.monotonic(), text=each.text)
        if arrived is None:
            raise LocalError(
                f"The {each.door} push ({each.how}) did not reach the device within {TIMEOUT_SECONDS:.0f} s."
            )
        after = f"{arrived.at - each.due:5.2f} s"
        console.print(Text.assemble("  ", (f"{each.door:<8}", "bold"), f" {after}   {each.text}"))
        console.print(Text(f"{'':20} {each.how}", style="dim"))
