"""Command line: `python -m sandbox --help`."""

import argparse
import inspect
import json
import logging
import socket
import sys
import textwrap
from pathlib import Path

import uvloop

from sandbox.control import calls
from sandbox.mqtt.broker import Broker
from sandbox.mqtt.mosquitto import HOST, BrokerError, Tls
from sandbox.people import seed
from sandbox.runtime import Sandbox
from sandbox.server import serve
from sandbox.settings import policy
from sandbox.settings.faults import FaultRule
from sandbox.settings.rate import ContractRate
from sandbox.store import StateError, Store


def main() -> int:
    """Run a sandbox until it is told to stop; return the exit status."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        planted = seed.read(arguments.seed.read_bytes()) if arguments.seed else seed.DEFAULT
        policies = policy.parse(arguments.policy, planted.policy)
        listener = _listen(arguments.port)
        sandbox = Sandbox(Store(arguments.state), _broker(arguments), planted, policies)
        sandbox.bundle_url = arguments.bundle_url.rstrip("/") if arguments.bundle_url else None
        uvloop.run(serve(sandbox, listener, lambda: _announce(sandbox, listener)))
    except (BrokerError, StateError, OSError, seed.SeedError, policy.PolicyError) as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201 (a command line speaks)
        return 1
    return 0


def _announce(sandbox: Sandbox, listener: socket.socket) -> None:
    ports = sandbox.broker.ports
    spoken = {"MQTT": ports.tcp, "WebSocket": ports.ws, "TLS": ports.ssl, "WebSocket and TLS": ports.wss}
    mqtt = ", ".join(f"{port} ({name})" for name, port in spoken.items() if port is not None)
    origin = f"http://{HOST}:{listener.getsockname()[1]}"
    text = f"Kii sandbox: REST API at {origin}/api, console at {origin}/, MQTT at {HOST} ports {mqtt}"
    print(text, flush=True)  # noqa: T201 (a command line speaks)


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        raise OSError(f"port {port}: {error.strerror}; choose another with --port") from error
    return listener


def _broker(arguments: argparse.Namespace) -> Broker:
    tls = None
    if arguments.tls_cert is not None:
        tls = Tls(
            certificate=arguments.tls_cert,
            key=arguments.tls_key or arguments.tls_cert,
            ssl_port=arguments.mqtt_ssl_port or _free_port(),
            wss_port=arguments.mqtt_wss_port or _free_port(),
        )
    return Broker(
        tcp_port=arguments.mqtt_port or _free_port(),
        ws_port=arguments.mqtt_ws_port or _free_port(),
        tls=tls,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:  # noqa: PLR2004 (what a port is)
        raise ValueError
    return port


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="A local stand-in for Kii: its REST API below /api, an MQTT broker, a console at /.\n"
        "Everything listens on 127.0.0.1. A port of 0 means any free one.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--port", type=_port, default=8080, help="HTTP port (default: 8080)")
    add("--mqtt-port", type=_port, default=1883, help="MQTT port (default: 1883)")
    add("--mqtt-ws-port", type=_port, default=0, help="port for MQTT over WebSocket (default: 0)")
    add("--tls-cert", type=Path, metavar="PEM", help="certificate: offers MQTT over TLS as well")
    add("--tls-key", type=Path, metavar="PEM", help="its private key (default: in the same file)")
    add("--mqtt-ssl-port", type=_port, default=0, help="port for MQTT over TLS (default: 0)")
    add("--mqtt-wss-port", type=_port, default=0, help="port for MQTT over WebSocket and TLS (default: 0)")
    add(
        "--seed",
        type=Path,
        metavar="FILE",
        help="JSON: apps, users, groups, things and policies to start with",
    )
    add("--state", type=Path, metavar="FILE", help="keep everything in this file across restarts")
    add(
        "--policy", action="append", default=[], metavar="NAME=VALUE", help="set a policy (below); repeatable"
    )
    add("--bundle-url", metavar="URL", help="base URL of the bundle's HTTPS door, for the console's form")
    return parser


def _epilog() -> str:
    defaults = policy.as_fields(policy.Policy())
    lines: list[str] = []
    for name, text in policy.HELP.items():
        default = defaults[name]
        shown = default if isinstance(default, str) else json.dumps(default)
        entry = f"{name} ({shown}): {text}"
        lines += textwrap.wrap(entry, 100, initial_indent="  ", subsequent_indent="      ")
    return "\n".join(
        [
            "policies (default):",
            *lines,
            *_section("the seed file:", seed.__doc__),
            *_section("control calls, below /_sandbox:", calls.__doc__),
            *_section("a rule of /_sandbox/faults:", inspect.getdoc(FaultRule)),
            *_section("the body of /_sandbox/rate:", inspect.getdoc(ContractRate)),
        ]
    )


def _section(title: str, docstring: str | None) -> list[str]:
    """Return a title and all of a docstring but its first line."""
    return ["", title, textwrap.indent((docstring or "").partition("\n\n")[2].strip("\n"), "  ")]


if __name__ == "__main__":
    sys.exit(main())
