"""The commands of `python -m local`: what they leave running, and what they say when in trouble."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from local import up
from local.process import LocalError, birth, end, end_other
from local.progress import silent
from local.settings import ROOT

FREE: dict[str, int | None] = {"sandbox": None, "mqtt": None, "aws": None}


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the record of what runs apart from that of a developer's own `make up`."""
    path = tmp_path / "up.json"
    monkeypatch.setattr(up, "RECORD", path)
    yield path
    up.down()


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours."""
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)  # noqa: S607
    yield child
    end(child)


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m local` with these arguments."""
    return subprocess.run(  # noqa: S603 (ours)
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_up_twice_is_harmless_and_down_ends_all_of_it(record: Path) -> None:
    first = up.up(silent, FREE)
    health = f"{first.sandbox_url}/_sandbox/health"
    servers = {server.pid: birth(server.pid) for server in first.servers}

    second = up.up(silent, FREE)

    assert second.variables() == first.variables()
    # It has the access key.
    assert record.stat().st_mode & 0o077 == 0
    assert httpx.get(health, trust_env=False).status_code == 200
    for server in first.servers:
        assert birth(server.pid) == servers[server.pid]
    assert up.down() == 2
    assert [server.wait(timeout=5) is not None for server in first.servers] == [True, True]
    with pytest.raises(httpx.ConnectError):
        httpx.get(health, trust_env=False)
    assert not record.exists()
    assert not first.directory.exists()
    assert up.down() == 0


def test_a_stack_that_takes_any_key_is_not_used() -> None:
    """The older release that started it made no key."""
    own = {str(os.getpid()): birth(os.getpid()) or ""}
    key = {"id": "AKIA", "secret": "secret"}

    assert up.Record({}, "", "", own, key).alive
    assert not up.Record({}, "", "", own).alive


def test_a_process_that_merely_got_the_same_id_is_left_alone(stranger: subprocess.Popen[bytes]) -> None:
    assert not end_other(stranger.pid, "born at another time")
    assert stranger.poll() is None


def test_down_leaves_alone_what_it_did_not_start(record: Path, stranger: subprocess.Popen[bytes]) -> None:
    record.write_text(
        '{"ports": {}, "directory": "/nonexistent", "build": "", "servers": {"%d": "0"}}' % stranger.pid  # noqa: UP031
    )

    assert up.down() == 0

    assert stranger.poll() is None


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = local("up", "--port", str(port))

    assert done.returncode == 1
    assert done.stderr == (
        f"error: Another program listens on PORT={port}: choose another port or leave it out.\n"
    )


def test_an_unknown_function_is_one_clear_line() -> None:
    done = local("invoke", "no_such")

    assert done.returncode == 1
    assert done.stderr.startswith("error: There is no function 'no_such'; there are ")
    assert " direct_push, " in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_failed_build_is_one_clear_line_with_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from local import build, sam  # noqa: PLC0415 (their folders are replaced)

    function = "{Type: AWS::Serverless::Function, Properties: {Runtime: python3.13, CodeUri: nowhere}}"
    (tmp_path / "template.yaml").write_text(
        f"Transform: AWS::Serverless-2016-10-31\nResources: {{Function: {function}}}\n"
    )
    (tmp_path / "samconfig.toml").write_text("version = 0.1\n")
    (tmp_path / "openapi").mkdir()
    (tmp_path / "openapi/gateway.json").write_text("{}")
    monkeypatch.setattr(sam, "ROOT", tmp_path)
    monkeypatch.setattr(build, "STATE", tmp_path)
    monkeypatch.setattr(build, "BUILDS", tmp_path / "build")

    with pytest.raises(LocalError, match=r"^sam build failed: .+ \(log: .*/build\.log\)$"):
        build.build(silent, tmp_path)

    assert [path.name for path in (tmp_path / "build").iterdir()] == ["lock"]
