"""One mosquitto process on loopback: its configuration, its start and end, and who is connected to it."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
ADMIN = "sandbox"


class BrokerError(Exception):
    """The MQTT broker cannot start, is gone, or refused a command. The message is one line for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """A PEM certificate and its key, and the ports that speak TLS with them: at least one."""

    certificate: Path
    key: Path
    ssl_port: int | None = None
    wss_port: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """The ports on which devices reach the broker, by transport; None where it is not offered."""

    tcp: int
    ws: int | None = None
    ssl: int | None = None
    wss: int | None = None


class Mosquitto:
    """A mosquitto child with dynamic security. Nobody but `ADMIN` may do anything until it says so.

    It ends with this process even when that is killed, and leaves nothing behind.
    """

    def __init__(self, ports: Ports, tls: Tls | None) -> None:
        self.password = secrets.token_urlsafe(32)
        self.online: set[str] = set()  # client IDs, without the publisher's
        self._watchers: list[Callable[[str], None]] = []
        self._ports = ports
        self._tls = tls
        self._child: asyncio.subprocess.Process | None = None
        self._log: asyncio.Task[None] | None = None
        self._running = asyncio.Event()
        self._reason = "it printed nothing"  # why it does not run, in its own words

    def watch(self, callback: Callable[[str], None]) -> None:
        """Have `callback` called with the client ID of each client that comes or goes."""
        self._watchers.append(callback)

    async def start(self) -> None:
        """Start the broker; return once it accepts connections. Raises BrokerError."""
        self._running.clear()
        program, plugin = _find()
        for port in (self._ports.tcp, self._ports.ssl):
            if port is not None:
                _must_be_free(port)
        folder = Path(tempfile.mkdtemp(prefix="kii-sandbox-"))
        dynamic_security = folder / "dynamic-security.json"
        dynamic_security.write_text(json.dumps(_only_admin(self.password)))
        configuration = folder / "mosquitto.conf"
        configuration.write_text("\n".join(self._configuration(plugin, dynamic_security)))
        self._child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _UNTIL_WE_END, "sh", folder, program, "-c", configuration),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # a Ctrl-C in the terminal is for the sandbox to act upon
        )
        self._log = asyncio.create_task(self._follow_log(self._child))
        running = asyncio.create_task(self._running.wait())
        await asyncio.wait({self._log, running}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
            await self.stop()
            raise BrokerError(f"mosquitto did not start: {self._reason}")

    async def stop(self) -> None:
        """End the broker, if it runs."""
        if self._child is None or self._child.stdin is None or self._log is None:
            return
        self._child.stdin.close()
        try:
            await asyncio.wait_for(self._child.wait(), _STOP_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, 9)
            await self._child.wait()
        await self._log
        self.online.clear()

    def _configuration(self, plugin: Path, dynamic_security: Path) -> list[str]:
        lines = [
            *(["user root"] if os.geteuid() == 0 else []),  # else it could not read our private folder
            "persistence false",
            "allow_anonymous false",
            f"plugin {plugin}",
            f"plugin_opt_config_file {dynamic_security}",
            "log_dest stderr",
            *(f"log_type {kind}" for kind in ("error", "warning", "notice", "information")),
            "log_timestamp false",
            "sys_interval 0",
            "set_tcp_nodelay true",
            f"max_packet_size {_MAX_PACKET_BYTES}",
            f"max_queued_messages {_MAX_QUEUED_MESSAGES}",
            f"listener {self._ports.tcp} {HOST}",
        ]
        if self._ports.ssl is not None and self._tls is not None:
            lines += [f"listener {self._ports.ssl} {HOST}"]
            lines += [f"certfile {self._tls.certificate}", f"keyfile {self._tls.key}"]
        return [*lines, ""]

    async def _follow_log(self, child: asyncio.subprocess.Process) -> None:
        """Note who comes and goes: dynamic security 2.0 cannot be asked, the log tells."""
        rest = b""
        while child.stderr is not None and (chunk := await child.stderr.read(65536)):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._note(line.decode(errors="replace").strip())

    def _tell(self, client_id: str) -> None:
        for callback in self._watchers:
            callback(client_id)

    def _note(self, line: str) -> None:
        if connected := _CONNECTED.match(line):
            if connected["user"] != ADMIN:
                self.online.add(connected["id"])
                self._tell(connected["id"])
        elif gone := _GONE.match(line):
            self.online.discard(gone["id"])
            self._tell(gone["id"])
        elif _RUNNING.match(line):
            self._running.set()
        elif not self._reason.startswith("Error"):  # what follows an error explains it to programmers
            self._reason = line or self._reason


_START_SECONDS = 10
_STOP_SECONDS = 5
_MAX_PACKET_BYTES = 16_384  # a Kii payload is 4,096 bytes at most, a command of ours about 600
_MAX_QUEUED_MESSAGES = 20_000  # for one client that reads slower than it is sent to; the rest it loses

_RUNNING = re.compile(r"mosquitto version \S+ running")
_CONNECTED = re.compile(r"New client connected from \S+ as (?P<id>.+) \(p\d+, .*u'(?P<user>.*)'\)")
_GONE = re.compile(
    r"Client (?P<id>\S+) (closed|disconnected|been disconnected|has exceeded|already connected)"
)

# Runs a program until it ends or our end of stdin closes, as it does when we are killed; then clears up.
_UNTIL_WE_END = """
folder=$1; shift; exec 3<&0
"$@" </dev/null 3<&- & program=$!
{ read -r _ <&3; kill "$program"; } 2>/dev/null & watch=$!
wait "$program"; status=$?
kill "$watch" 2>/dev/null; rm -rf "$folder"; exit "$status"
"""


# Debian and Homebrew put it where an ordinary user's PATH does not look.
_PLACES = (Path("/usr"), Path("/usr/local"), Path("/opt/homebrew"))


def _find() -> tuple[str, Path]:
    path = [os.environ.get("PATH", ""), *(f"{place}/sbin" for place in _PLACES)]
    program = shutil.which("mosquitto", path=os.pathsep.join(path))
    if program is None:
        raise BrokerError("mosquitto is missing: install it (Debian: apt-get install mosquitto)")
    for prefix in (Path(program).parent.parent, *_PLACES):
        for pattern in ("lib*/mosquitto_dynamic_security.so", "lib/*/mosquitto_dynamic_security.so"):
            for plugin in sorted(prefix.glob(pattern)):
                return program, plugin
    raise BrokerError("mosquitto_dynamic_security.so is missing: mosquitto 2 brings it")


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BrokerError(f"port {port} cannot be used for MQTT: {error.strerror}") from error


def _only_admin(password: str) -> dict[str, object]:
    """Return a dynamic security state in which `ADMIN` gives commands and publishes, others nothing."""
    salt, iterations = secrets.token_bytes(12), 101
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)
    commands = "$CONTROL/dynamic-security/#"
    allowed = [("publishClientSend", "#"), ("publishClientSend", commands)]
    allowed += [("publishClientReceive", commands), ("subscribePattern", commands)]
    kinds = ("publishClientSend", "publishClientReceive", "subscribe")
    return {
        "defaultACLAccess": dict.fromkeys(kinds, False) | {"unsubscribe": True},
        "roles": [
            {
                "rolename": ADMIN,
                "acls": [{"acltype": kind, "topic": topic, "allow": True} for kind, topic in allowed],
            }
        ],
        "clients": [
            {
                "username": ADMIN,
                "salt": base64.b64encode(salt).decode(),
                "password": base64.b64encode(digest).decode(),
                "iterations": iterations,
                "roles": [{"rolename": ADMIN}],
            }
        ],
    }
