"""Start a server as a child process, wait until it answers, end it again."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path


class StartError(Exception):
    """A server did not come up. The message names it, says why and where its log is."""


def free_ports(count: int) -> list[int]:
    """Return `count` distinct loopback TCP ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    name: str,
    health_url: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 30,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; enter the block once `health_url` answers 200.

    The child leads a process group of its own, so that what it started ends with it and nothing else does.
    `env` is added to this process's environment; output goes to `log`; `timeout` is in seconds.
    Raises StartError if the child ends, or does not answer in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
    try:
        _wait(child, name, health_url, log, timeout)
        yield child
    finally:
        end(child)


def end(child: subprocess.Popen[bytes], grace: float = 5) -> None:
    """End the child and the process group it leads: politely, then after `grace` seconds by SIGKILL."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=grace)


def _wait(child: subprocess.Popen[bytes], name: str, url: str, log: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise StartError(f"{name} ended with status {child.returncode}: {_last_line(log)} (log: {log})")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 (a loopback URL)
                if answer.status == 200:  # noqa: PLR2004
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise StartError(f"{name} did not answer at {url} within {timeout:.0f} s (log: {log})")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it printed nothing"
