"""Kii as a scripted transport of httpx's that many threads may use, and Secrets Manager with its secret."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import httpx

type Answer = Callable[[httpx.Request], httpx.Response]


@dataclass
class ScriptedKii:
    """Accepts every push, unless `answers` says otherwise; `sent` are the bodies that it accepted.

    It calls `before` ahead of each answer, logins apart. Safe to share between threads.
    """

    sent: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    before: Callable[[httpx.Request], object] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        self.before(request)
        with self._lock:
            if self.answers:
                return self.answers.pop(0)(request)
            self.sent.append(json.loads(request.content))
            return httpx.Response(201, json={"pushMessageID": f"m-{len(self.sent)}"})


class StubSecret:
    """Secrets Manager, as far as CredentialsSource uses it."""

    def get_secret_value(self, **_: str) -> dict[str, str]:
        secret = {"appID": "app", "clientID": "c", "clientSecret": "s", "baseURL": "https://kii.test/api"}
        return {"SecretString": json.dumps(secret)}


def answer(status: int, **content: str) -> Answer:
    """Return an answer with this JSON object."""
    return lambda _: httpx.Response(status, json=content)


def fail(error: type[httpx.RequestError]) -> Callable[[httpx.Request], NoReturn]:
    """Return what fails in place of an answer."""

    def raise_error(request: httpx.Request) -> NoReturn:
        raise error("", request=request)

    return raise_error
