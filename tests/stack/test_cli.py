"""`python -m kii_push` as a person runs it: from the repository's root, against the deployed API."""

import functools
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.mqtt_pushes import message
from tests.stack.shell import kii_push

if TYPE_CHECKING:
    from local.device import Device
    from local.stack import LocalStack
    from tests.support import Sandbox

type Run = Callable[..., subprocess.CompletedProcess[str]]

BOB = "user:LOGIN_NAME:bob"


@pytest.fixture
def run(stack: "LocalStack", sandbox: "Sandbox") -> Run:  # noqa: ARG001 (fresh from its seed)
    """Run a command; `message` goes to its standard input."""
    return functools.partial(kii_push, stack)


def test_a_push_to_a_user_arrives_once_under_its_id(run: Run, device: "Device", tmp_path: Path) -> None:
    file = tmp_path / "push.json"
    file.write_text(json.dumps(message(by="command line")))

    first = run("send", str(file), "--to", BOB, "--id", f"cli-{tmp_path.name}")
    again = run("send", str(file), "--to", BOB, "--id", f"cli-{tmp_path.name}")

    assert (first.returncode, first.stderr) == (0, "")
    assert "is sent: pushMessageID" in first.stdout
    assert "was sent before: pushMessageID" in again.stdout
    assert device.wait_for(by="command line")
    assert len(device.received) == 1


@pytest.mark.parametrize("scope", [(), ("--group", "team")])
def test_a_topic_from_its_making_to_its_end(run: Run, device: "Device", scope: tuple[str, ...]) -> None:
    def out(*arguments: str, message: object = None) -> str:
        ran = run(*arguments, *scope, message=message)
        assert (ran.returncode, ran.stderr) == (0, "")
        return ran.stdout

    out("topics", "create", "offers")
    assert out("topics", "list").split() == ["offers"]
    out("subscriptions", "add", "topic:offers", BOB)
    assert out("subscriptions", "check", "topic:offers", BOB) == f"{BOB} is subscribed to topic:offers.\n"
    out("send", "-", "--to", "topic:offers", "--confirm", message=message(scope="".join(scope)))
    assert device.wait_for(scope="".join(scope))
    out("subscriptions", "remove", "topic:offers", BOB)
    assert run("subscriptions", "check", "topic:offers", BOB, *scope).returncode == 1
    out("topics", "delete", "offers")
    assert out("topics", "list") == ""


def test_a_bucket_s_subscription(run: Run, device: "Device") -> None:  # noqa: ARG001 (a device)
    assert run("subscriptions", "add", "bucket:orders", BOB).returncode == 0
    assert run("subscriptions", "check", "bucket:orders", BOB).returncode == 0
    assert run("subscriptions", "remove", "bucket:orders", BOB).returncode == 0


def test_a_dry_run_reaches_nobody(run: Run, device: "Device", sandbox: "Sandbox") -> None:
    ran = run("send", "-", "--to", BOB, "--dry-run", "--json", message=message(by="dry run"))

    assert ran.returncode == 0
    assert json.loads(ran.stdout)["networks"]["mqtt"]["installations"] == 1
    assert sandbox.deliveries() == []
    assert device.received == []


def test_devices_are_listed_without_their_tokens(run: Run, device: "Device") -> None:
    ran = run("devices", "list", "LOGIN_NAME:bob", "--json")

    [shown] = json.loads(ran.stdout)
    assert (shown["deviceType"], shown["installationID"]) == ("MQTT", device.installation_id)
    assert "installationRegistrationID" not in shown


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("send", "-", "--to", "topic:nothing", "--confirm"), 1, "TOPIC_NOT_FOUND"),
        (("send", "-", "--to", "user:LOGIN_NAME:nobody"), 1, "Name a user by ID"),
        (("topics", "list", "--group", "none"), 1, "Name a group by its ID."),
        (("subscriptions", "check", "topic:nothing", BOB), 1, "TOPIC_NOT_FOUND"),
        (("topics", "create", "offers", "--url", "http://127.0.0.1:9/v1"), 3, "cannot be reached"),
    ],
)
def test_what_kii_refuses_is_told_without_a_traceback(
    run: Run, arguments: tuple[str, ...], status: int, said: str
) -> None:
    ran = run(*arguments, message=message(k="v"))

    assert (ran.returncode, ran.stdout) == (status, "")
    assert ran.stderr.startswith("error: ")
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
