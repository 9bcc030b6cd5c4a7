"""The sandbox's REST tests: Kii called as one principal or another, and the sandbox's control calls."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from local import loopback
from local.process import free_ports, running

APP = "sandbox-app"
CLIENT = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
OK = {"data": {"msg": "hi"}, "gcm": {"enabled": True}, "apns": {"enabled": True}}
PATH_TO_BOB = "/users/LOGIN_NAME:bob/push/messages"
EVERY_NETWORK = {"data": {"msg": "hi"}} | {
    network: {"enabled": True} for network in ("gcm", "apns", "jpush", "mqtt")
}


@contextmanager
def sandbox(folder: Path, *arguments: str | Path, env: dict[str, str] | None = None) -> Iterator[str]:
    """Run a sandbox with these arguments on free ports; yields its origin. `env` is added to ours."""
    port, mqtt_port = free_ports(2)
    origin = f"http://127.0.0.1:{port}"
    command = [
        *(sys.executable, "-m", "sandbox", "--port", str(port), "--mqtt-port", str(mqtt_port)),
        *arguments,
    ]
    health, log = f"{origin}/_sandbox/health", folder / "sandbox.log"
    with running(command, name="sandbox", health_url=health, log=log, env=env):
        yield origin


class Kii:
    """An app of a running sandbox. `by` is who calls: a seeded user's or thing's name, `admin`, `nobody`."""

    def __init__(self, origin: str, app: str = APP) -> None:
        self.origin = origin
        self.app = app
        self.http = loopback.client(base_url=origin)
        self._tokens: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def call(
        self,
        method: str,
        path: str,
        by: str = "admin",
        *,
        headers: dict[str, str] | None = None,
        **request: Any,
    ) -> httpx.Response:
        """Call `/api/apps/{app}{path}`; `request` is what httpx takes (json, content, params, ...)."""
        authorization = {} if by == "nobody" else {"Authorization": f"Bearer {self.token(by)}"}
        return self.http.request(
            method, f"/api/apps/{self.app}{path}", headers={**authorization, **(headers or {})}, **request
        )

    def login(self, **fields: Any) -> httpx.Response:
        """Ask for a token of the app."""
        return self.http.post(f"/api/apps/{self.app}/oauth2/token", json=fields)

    def token(self, name: str) -> str:
        """Return the access token of `admin`, `anonymous`, a user or a thing, logged in when first needed."""
        return str(self._login(name)["access_token"])

    def id(self, name: str) -> str:
        """Return a user's userID or a thing's thingID."""
        return str(self._login(name)["id"])

    def _login(self, name: str) -> dict[str, Any]:
        if name not in self._tokens:
            fields = {"grant_type": "password", "username": name, "password": "password"}
            if name == "admin":
                fields = {"grant_type": "client_credentials", **CLIENT}
            elif name == "anonymous":
                fields = {"grant_type": "client_credentials", "client_id": self.app, "client_secret": "any"}
            elif name == "lamp":
                fields["username"] = "VENDOR_THING_ID:lamp"
            self._tokens[name] = self.login(**fields).raise_for_status().json()
        return self._tokens[name]

    def install(self, by: str, device_type: str = "ANDROID", **fields: Any) -> str:
        """Install a device of the caller's; return its installationID."""
        body: dict[str, Any] = {"deviceType": device_type, **fields}
        if device_type != "MQTT":
            body.setdefault("installationRegistrationID", f"{device_type}-{by}")
        answer = self.call("POST", "/installations", by, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["installationID"])

    def control(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Make a control call that must succeed."""
        return self.http.request(method, f"/_sandbox{path}", **request).raise_for_status()

    def send(self, message: dict[str, Any] = OK, **request: Any) -> httpx.Response:
        """Send a push to bob; `request` is what httpx takes beside the message."""
        return self.call("POST", PATH_TO_BOB, json=message, **request)

    def deliveries(self, **filters: str) -> list[dict[str, Any]]:
        """Return what the devices were sent."""
        found: list[dict[str, Any]] = self.control("GET", "/deliveries", params=filters).json()["deliveries"]
        return found

    def faults(self, *rules: dict[str, Any]) -> None:
        """Put these rules in force in place of all others."""
        self.control("PUT", "/faults", json=rules)

    def reset(self) -> None:
        """Go back to the seed."""
        self.control("DELETE", "/state")
        self._tokens.clear()


def assert_error(
    answer: httpx.Response, status: int, code: str, type_name: str | None = None, **extra: Any
) -> None:
    """Check an error answer: status, errorCode, content type name and extra fields."""
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["errorCode"] == code
    assert body["message"]
    assert {name: body.get(name) for name in extra} == extra
    if type_name is not None:
        assert answer.headers["Content-Type"] == f"application/vnd.kii.{type_name}+json;charset=UTF-8"
