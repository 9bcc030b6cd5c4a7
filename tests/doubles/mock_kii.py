"""Kii as a scripted httpx transport, its secret as a dictionary, and a clock that sleeping moves."""

import json
from collections import deque
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import httpx

from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource
from kii_push.kii.shared_token import SharedToken

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

SECRET = {
    "appID": "app",
    "clientID": "client",
    "clientSecret": "client-secret",
    "baseURL": "https://kii.test/api",
}
APP_PATH = "/api/apps/app"
LOGIN_PATH = "/api/oauth2/token"

type Scripted = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]


class Clock:
    """Time in seconds that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class MockKii:
    """Answers logins with `token-1`, `token-2` and so on, and every other request with the next answer given.

    `requests` are those that came; `logins` answers logins instead while there are any; `secret` holds the
    app's credentials.
    """

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answers: deque[Scripted] = deque()
        self.logins: deque[Scripted] = deque()
        self.clock = Clock()
        self.secret = dict(SECRET)
        self._minted = 0

    def client(self, secret: dict[str, str] | None = None, shared: SharedToken | None = None) -> KiiClient:
        """Return a client for the app in `self.secret`, with these keys put into it."""
        self.secret |= secret or {}
        secrets = cast("SecretsManagerClient", SimpleNamespace(get_secret_value=self._get_secret_value))
        http = http_client(httpx.MockTransport(self._answer))
        credentials = CredentialsSource("kii", secrets, self.clock)
        return KiiClient(credentials, http, shared, clock=self.clock, sleep=self.clock.sleep)

    def gives(self, *answers: Scripted) -> None:
        """Answer the next requests, logins apart, so."""
        self.answers.extend(answers)

    @property
    def calls(self) -> list[str]:
        """The requests so far as `METHOD path?query`, below the app, logins apart."""
        return [
            f"{request.method} {request.url.raw_path.decode().removeprefix(APP_PATH)}"
            for request in self.requests
            if request.url.path != LOGIN_PATH
        ]

    @property
    def last(self) -> httpx.Request:
        """The latest request."""
        return self.requests[-1]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == LOGIN_PATH:
            scripted = self.logins.popleft() if self.logins else self._token()
        else:
            scripted = self.answers.popleft()
        if isinstance(scripted, Exception):
            raise scripted
        return scripted if isinstance(scripted, httpx.Response) else scripted(request)

    def _get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": json.dumps(self.secret)}

    def _token(self) -> httpx.Response:
        self._minted += 1
        return ok({"access_token": f"token-{self._minted}", "expires_in": 3600})


class Broken(httpx.SyncByteStream):
    """A body that breaks off after its first part."""

    def __init__(self, part: bytes, error: Exception) -> None:
        self._part = part
        self._error = error

    def __iter__(self) -> Iterator[bytes]:
        yield self._part
        raise self._error


class Endless(httpx.SyncByteStream):
    """A body without an end, in parts of 64 KiB; counts them, and notes that it was closed."""

    parts = 0
    closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.parts += 1
            yield b" " * 65_536

    def close(self) -> None:
        self.closed = True


def ok(body: Any = None, status: int = 200, headers: dict[str, str] | None = None) -> httpx.Response:
    """Return a success, without a body for None."""
    if body is None:
        return httpx.Response(204 if status == 200 else status, headers=headers)
    return httpx.Response(status, json=body, headers=headers)


def refusal(status: int, error_code: str | None = None, **headers: str) -> httpx.Response:
    """Return an error of Kii's; header names with underscores for hyphens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    if error_code is None:
        return httpx.Response(status, headers=given)
    return httpx.Response(status, json={"errorCode": error_code, "message": "why"}, headers=given)
