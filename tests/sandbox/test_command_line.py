"""`python -m sandbox`: what it says, and how it ends."""

import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from local.process import free_ports
from sandbox.people.seed import SeedError, plant, read
from sandbox.settings.faults import FaultRule
from sandbox.settings.policy import HELP, Policy, PolicyError, as_fields, parse
from sandbox.store import Store
from tests.sandbox.kii import Kii, assert_error, sandbox


def run(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 (our own)
        [sys.executable, "-m", "sandbox", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, **(env or {})},
        check=False,
    )


def one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """Check that the command failed with one line that has these words."""
    assert done.returncode == 1, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("sandbox: ")
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_help_names_every_policy_the_seed_file_and_the_control_calls() -> None:
    done = run("--help")

    assert done.returncode == 0
    for name, default in as_fields(Policy()).items():
        assert f"{name} ({default if isinstance(default, str) else json.dumps(default)})" in done.stdout
    assert as_fields(Policy()).keys() == HELP.keys()
    assert '"clientSecret"' in done.stdout
    assert "GET    deliveries" in done.stdout
    for field in msgspec.structs.fields(FaultRule):
        assert f"`{field.encode_name}`" in done.stdout


def test_an_http_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        one_line(run("--port", str(port), "--mqtt-port", "0"), str(port), "--port")


def test_an_mqtt_port_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        one_line(run("--port", "0", "--mqtt-port", str(port)), str(port))


def test_no_mosquitto(tmp_path: Path) -> None:
    script = (
        "import pathlib, sandbox.mqtt.mosquitto as mosquitto, sys\n"
        f"mosquitto._PLACES = (pathlib.Path({str(tmp_path)!r}),)\n"
        "from sandbox.__main__ import main\nsys.exit(main())"
    )
    done = subprocess.run(  # noqa: S603 (our own)
        [sys.executable, "-c", script, "--port", "0", "--mqtt-port", "0"],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PATH": str(tmp_path)},
        check=False,
    )

    one_line(done, "mosquitto")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("topicPageSize", ("name=value",)),
        ("topicPageSize=0", ("topicPageSize",)),
        ("topicPageSize=many", ("topicPageSize",)),
        ("messageRules=old", ("messageRules",)),
        ("pageSize=3", ("pageSize",)),
    ],
)
def test_a_policy_that_cannot_be(policy: str, words: tuple[str, ...]) -> None:
    with pytest.raises(PolicyError) as refused:
        parse([policy], Policy())

    for word in words:
        assert word in str(refused.value)


def test_a_policy_or_seed_that_cannot_be_on_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "seed.json"
    file.write_text('{"apps":[{}]}')

    one_line(run("--policy", "topicPageSize=0"), "policy", "topicPageSize")
    one_line(run("--seed", file), "seed file", "appID")


APP = {"appID": "a", "clientID": "c", "clientSecret": "s"}
USER = {"loginName": "u", "password": "p"}


@pytest.mark.parametrize(
    ("seed", "word"),
    [
        ("{", "truncated"),
        ("[]", "object"),
        ({"apps": []}, "apps"),
        ({"apps": [{**APP, "users": [{"loginName": "u"}]}]}, "password"),
        ({"apps": [{**APP, "colour": "red"}]}, "colour"),
        ({"apps": [{**APP, "appID": "a/b"}]}, "appID"),
        ({"apps": [APP], "policy": {"topicPageSize": 0}}, "topicPageSize"),
        ({"apps": [{**APP, "users": [USER, USER]}]}, "twice"),
        ({"apps": [{**APP, "users": [{"password": "p"}]}]}, "loginName"),
        ({"apps": [{**APP, "groups": [{"name": "g", "owner": "nobody"}]}]}, "nobody"),
    ],
)
def test_a_seed_that_cannot_be(seed: Any, word: str) -> None:
    content = seed if isinstance(seed, str) else json.dumps(seed)

    with contextlib.closing(Store()) as store, pytest.raises(SeedError, match=f"seed.*{word}"):
        plant(store, read(content.encode()), 0)


def test_a_seed_file_that_is_not_there(tmp_path: Path) -> None:
    one_line(run("--seed", tmp_path / "none.json"), "none.json")


def test_a_state_file_that_is_none(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"this is not a database, not at all" * 100)

    one_line(run("--port", "0", "--mqtt-port", "0", "--state", file), str(file), "state file")
    one_line(run("--port", "0", "--mqtt-port", "0", "--state", tmp_path), "state file")


def test_a_state_file_that_is_in_use(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    with sandbox(tmp_path, "--state", file):
        one_line(run("--port", "0", "--mqtt-port", "0", "--state", file), str(file), "locked")


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_end(signum: signal.Signals) -> None:
    port, mqtt_port = free_ports(2)
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--mqtt-port", str(mqtt_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as child:  # noqa: S603 (our own)
        assert child.stdout is not None
        assert str(port) in child.stdout.readline()  # it says so once it is ready
        with Kii(f"http://127.0.0.1:{port}") as kii:
            kii.install("bob", "MQTT")
            kii.faults({"match": {"path": "*/topics"}, "dripMs": 200})
            with socket.create_connection(("127.0.0.1", port)) as dripping:
                dripping.sendall(b"GET /api/apps/sandbox-app/topics HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert dripping.recv(1) == b"H"
                with kii.http.stream("GET", "/_sandbox/events"):
                    child.send_signal(signum)
                    rest = child.stdout.read()

    assert child.returncode == 0
    assert rest == ""
    for freed in (port, mqtt_port):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", freed))


def test_with_a_certificate_the_endpoint_names_the_tls_ports(tmp_path: Path) -> None:
    both = tmp_path / "certificate-and-key.pem"
    openssl = shutil.which("openssl")
    assert openssl
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "1")
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, *subject, "-keyout", both, "-out", both], check=True, capture_output=True)  # noqa: S603 (our own)
    with sandbox(tmp_path, "--tls-cert", both) as origin, Kii(origin) as kii:
        installation_id = kii.install("bob", "MQTT")
        endpoint = kii.call("GET", f"/installations/{installation_id}/mqtt-endpoint", "bob").json()
        trusting = ssl.create_default_context(cafile=both)
        for port in (endpoint["portSSL"], endpoint["portWSS"]):
            with (
                socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
                trusting.wrap_socket(plain, server_hostname="127.0.0.1") as encrypted,
            ):
                assert encrypted.version() in ("TLSv1.2", "TLSv1.3")


def test_it_ends_when_its_broker_does() -> None:
    port, mqtt_port = free_ports(2)
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--mqtt-port", str(mqtt_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:  # noqa: S603 (our own)
        assert child.stdout is not None
        assert child.stdout.readline()
        os.kill(broker_of(child.pid), signal.SIGKILL)
        _, error = child.communicate(timeout=20)

    assert child.returncode == 1
    assert error == "sandbox: the MQTT broker has ended\n"


def broker_of(pid: int) -> int:
    """Return the process ID of the mosquitto below the sandbox's process."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        number, _, rest = stat.read_text().partition(" (")
        name, _, fields = rest.rpartition(") ")
        parents[int(number)] = (int(fields.split()[1]), name)
    for child, (parent, name) in parents.items():
        if name == "mosquitto" and parents[parent][0] == pid:
            return child
    raise AssertionError("no mosquitto runs below the sandbox")


def test_a_seed_of_ones_own(tmp_path: Path) -> None:
    seed = {
        "policy": {"topicPageSize": 1},
        "apps": [
            {
                **APP,
                "users": [{"userID": "u-1", **USER, "phoneNumber": "0901", "country": "JP"}],
                "groups": [{"groupID": "g-1", "name": "g", "owner": "u", "members": ["PHONE:JP-0901"]}],
                "things": [{"thingID": "t-1", "vendorThingID": "v", "password": "p", "owners": ["u"]}],
            },
            {"appID": "b", "clientID": "c2", "clientSecret": "s2"},
        ],
    }
    file = tmp_path / "seed.json"
    file.write_text(json.dumps(seed))
    with sandbox(tmp_path, "--seed", file, "--policy", "topicPageSize=2") as origin, Kii(origin, "a") as kii:
        login = kii.login(grant_type="client_credentials", client_id="c", client_secret="s").json()
        headers = {"Authorization": f"Bearer {login['access_token']}"}
        for path, name in (("/users/LOGIN_NAME:u", "userID"), ("/things/VENDOR_THING_ID:v", "_thingID")):
            assert kii.call("GET", path, "nobody", headers=headers).json()[name] in ("u-1", "t-1")
        group = kii.call("GET", "/groups/g-1", "nobody", headers=headers).json()
        assert group["owner"] == "u-1"
        for topic in ("x", "y", "z"):
            kii.call("PUT", f"/topics/{topic}", "nobody", headers=headers)
        page = kii.call("GET", "/topics", "nobody", headers=headers).json()["topics"]
        assert len(page) == 2  # the command line goes before the seed
        other = kii.http.get("/api/apps/b/topics", headers=headers)
        assert_error(other, 401, "UNAUTHORIZED", authenticatedAppID="a")
