"""Start a server as a child process, wait until it answers, end it again, even from another command."""

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


class LocalError(Exception):
    """Something on this machine is in the way. The message is one line: what, why, and what to do next."""


class StartError(LocalError):
    """A server did not come up. The message names it, says why and where its log is."""


def finish(command: Sequence[str | Path], *, name: str, log: Path, env: Mapping[str, str], cwd: Path) -> None:
    """Run `command` to its end in the environment `env`, output to `log`; raises LocalError if it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise LocalError(f"{name} failed: {last_line(log)} (log: {log})")


def free_ports(count: int) -> list[int]:
    """Return `count` distinct loopback TCP ports that nothing listens on now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def is_free(port: int) -> bool:
    """Tell whether nothing listens on this loopback TCP port now."""
    with socket.socket() as probe:
        # What a server would set: a port whose last connections still linger can be listened on.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start(  # noqa: PLR0913 (all by keyword)
    command: Sequence[str | Path],
    *,
    name: str,
    health_url: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    inherit: bool = True,
    timeout: float = 60,
) -> subprocess.Popen[bytes]:
    """Start `command` and return it once `health_url` answers 200.

    The child leads a process group of its own, so that what it started ends with it and nothing else does.
    `env` is added to this process's environment, or is all of it with `inherit=False`; output goes to `log`;
    `timeout` is in seconds. Raises StartError if the child ends, or does not answer in time.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**(os.environ if inherit else {}), **(env or {})},
            start_new_session=True,
        )
    try:
        _wait(child, name, health_url, log, timeout)
    except BaseException:
        end(child)
        raise
    return child


@contextlib.contextmanager
def running(  # noqa: PLR0913 (all by keyword)
    command: Sequence[str | Path],
    *,
    name: str,
    health_url: str,
    log: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = 60,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `command` until the block ends; the arguments and errors are those of `start`."""
    child = start(command, name=name, health_url=health_url, log=log, env=env, timeout=timeout)
    try:
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


def birth(pid: int) -> str | None:
    """Return what tells this process from a later one with the same id, None when it is not running."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        # The command's name, in brackets, may hold blanks; the start time is the 20th field after it.
        fields = stat.read_text().rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[19]
    if Path("/proc/self").exists():
        return None
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 (macOS: /bin/ps)
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or None


def end_other(pid: int, born: str, grace: float = 5) -> bool:
    """End a process that an earlier command started, with its group; False when it is gone already.

    `born` is its `birth`: a process that merely got the same id later is left alone.
    """
    if birth(pid) != born:
        return False
    for signum in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signum)
        deadline = time.monotonic() + grace
        while birth(pid) == born and time.monotonic() < deadline:
            time.sleep(0.05)
    return True


def _wait(child: subprocess.Popen[bytes], name: str, url: str, log: Path, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise StartError(f"{name} ended with status {child.returncode}: {last_line(log)} (log: {log})")
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 (a loopback URL)
                if answer.status == 200:  # noqa: PLR2004
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise StartError(f"{name} did not answer at {url} within {timeout:.0f} s (log: {log})")


def last_line(log: Path) -> str:
    """Return the last line of a log that has text in it, for a one-line error."""
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it printed nothing"
