"""Nothing of the sandbox, its broker included, can be reached from another machine."""

import re
import sys
from pathlib import Path

import httpx

from local.process import free_ports, running

# Kinds of sockets and the state in which one takes what anybody sends: TCP's LISTEN, UDP's unconnected.
KINDS = {"tcp": "0A", "tcp6": "0A", "udp": "07", "udp6": "07"}
LOOPBACK = "0100007F"  # 127.0.0.1 the way the kernel prints it


def family(pid: int) -> set[int]:
    """Return this process and all that descend from it."""
    members = {pid}
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        parents[int(stat.parent.name)] = int(text.rpartition(")")[2].split()[1])
    while more := {child for child, parent in parents.items() if parent in members} - members:
        members |= more
    return members


def sockets(pid: int) -> set[str]:
    """Return the inodes of the sockets that this process has open."""
    found = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found |= set(re.findall(r"socket:\[(\d+)\]", str(link.readlink())))
        except FileNotFoundError:
            continue  # it has been closed meanwhile
    return found


def open_to_callers(inodes: set[str]) -> set[tuple[str, int]]:
    """Return the addresses, the way the kernel prints them, and ports at which these sockets take callers."""
    found = set()
    for kind, state in KINDS.items():
        for line in Path(f"/proc/net/{kind}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state and fields[9] in inodes:
                address, _, port = fields[1].partition(":")
                found.add((address, int(port, 16)))
    return found


def test_every_listener_is_on_loopback(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    port, mqtt_port = free_ports(2)
    command = [sys.executable, "-m", "sandbox", "--port", str(port), "--mqtt-port", str(mqtt_port)]
    command += ["--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1])]
    health = f"http://127.0.0.1:{port}/_sandbox/health"
    with running(command, name="sandbox", health_url=health, log=tmp_path / "log") as sandbox:
        members = family(sandbox.pid)
        commands = {Path(f"/proc/{pid}/exe").readlink().name for pid in members}
        assert "mosquitto" in commands
        mqtt = httpx.get(health, trust_env=False).json()["mqtt"]
        assert all(mqtt[transport] for transport in ("tcp", "ssl", "ws", "wss"))
        inodes = set().union(*map(sockets, members))
        assert open_to_callers(inodes) == {(LOOPBACK, each) for each in (port, *mqtt.values())}
