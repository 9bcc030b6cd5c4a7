"""What a conformance vector is made of (docs/kii-push-api.md §14), and how it is put to a running sandbox.

`P` in a path is `/api/apps/demoapp1`; `{name}` anywhere in a request stands for what an earlier answer gave
under that name (`keep`). `by` is whose token goes along: `ADM`, `U1`, `U2`, `T1`, the random token `BAD`, or
none for None. Expected values may be predicates.
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from kii_push.kii.client import KiiClient
from local.device import Device
from tests.contract.demo import APP, CLIENT, PASSWORD, Demo

OK = {"data": {"msg": "hi"}, "gcm": {"enabled": True}, "apns": {"enabled": True}}
CT = "application/vnd.kii.SendPushMessageRequest+json"
SUCCESS = range(200, 300)
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{APP}:anything".encode()).decode()}
HEADERS = {"X-Kii-AppID": APP, "X-Kii-AppKey": "any"}

_LOGINS = {"U1": "alice", "U2": "bob", "T1": "VENDOR_THING_ID:x"}


class Run:
    """One vector's run against a sandbox that was just set up."""

    def __init__(self, demo: Demo) -> None:
        self.demo = demo
        self.kept: dict[str, Any] = {}
        self.devices: dict[str, Device] = {}
        self._tokens = {"BAD": "0123456789abcdef"}

    def token(self, by: str) -> str:
        """Return the token of `by`, logged in when first needed."""
        if by not in self._tokens:
            fields = CLIENT if by == "ADM" else {"username": _LOGINS[by], "password": PASSWORD}
            answer = self.demo.http.post("/api/oauth2/token", json=fields, headers=HEADERS)
            self._tokens[by] = answer.raise_for_status().json()["access_token"]
        return self._tokens[by]

    def filled(self, text: str) -> str:
        """Return the text with what was kept in place of its names."""
        for name, value in self.kept.items():
            text = text.replace("{" + name + "}", quote(str(value), safe=""))
        return text


@dataclass(frozen=True)
class Ask:
    """A request, and what its answer must be: `status`, and the part of its JSON body and headers given.

    `keep` remembers fields of the body by a name, `*` the whole body, which a later one must equal by `same`.
    """

    request: str
    status: int | range
    body: Mapping[str, Any] = field(default_factory=dict)
    by: str | None = "ADM"
    json: Any = None
    form: Mapping[str, str] | None = None
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_headers: Mapping[str, Any] = field(default_factory=dict)
    without: tuple[str, ...] = ()
    empty: bool = False
    keep: Mapping[str, str] = field(default_factory=dict)
    same: str | None = None

    def __call__(self, run: Run) -> None:
        answer = self._answer(run)
        shown = f"{self.request} -> {answer.status_code} {answer.text[:500]}"
        statuses = self.status if isinstance(self.status, range) else (self.status,)
        assert answer.status_code in statuses, shown
        if self.empty:
            assert not answer.content, shown
        if self.body or self.keep or self.without:
            found = answer.json()
            assert matches(found, self.body), shown
            assert not set(self.without) & set(found), shown
            run.kept |= {name: found if key == "*" else found[key] for name, key in self.keep.items()}
            assert self.same is None or found == run.kept[self.same], shown
        assert matches(dict(answer.headers), self.answer_headers), dict(answer.headers)

    def _answer(self, run: Run) -> httpx.Response:
        method, _, path = run.filled(self.request).partition(" ")
        headers = {name: run.filled(value) for name, value in self.headers.items()}
        if self.by is not None:
            headers["Authorization"] = f"Bearer {run.token(self.by)}"
        content: bytes | None = None
        if self.json is not None:
            value = self.json() if callable(self.json) else self.json
            content = run.filled(json.dumps(value)).encode()
            headers["Content-Type"] = self.content_type or "application/json"
        url = path.replace("P/", f"/api/apps/{APP}/", 1) if path.startswith("P/") else path
        return run.demo.http.request(method, url, headers=headers, content=content, data=self.form)


@dataclass(frozen=True)
class Connect:
    """A real MQTT device of a user or thing, connected and subscribed."""

    owner: str

    def __call__(self, run: Run) -> None:
        device = Device(f"{run.demo.origin}/api", _LOGINS[self.owner], PASSWORD, app_id=APP)
        run.devices[self.owner] = run.demo.opened.enter_context(device)


@dataclass(frozen=True)
class Receives:
    """What such a device must receive: a payload with these items and `without` those keys."""

    owner: str
    items: Mapping[str, Any]
    without: tuple[str, ...] = ()

    def __call__(self, run: Run) -> None:
        device = run.devices[self.owner]
        exact = {name: value for name, value in self.items.items() if not callable(value)}
        received = device.wait_for(**exact)
        assert received, [each.payload for each in device.received]
        assert matches(received.payload, self.items), received.payload
        assert not set(self.without) & set(received.payload), received.payload


@dataclass(frozen=True)
class Delivered:
    """Which devices were sent something so far, in any order, by names kept."""

    to: tuple[str, ...]

    def __call__(self, run: Run) -> None:
        deliveries = run.demo.control("GET", "/deliveries")["deliveries"]
        found = sorted(each["installationID"] for each in deliveries)
        assert found == sorted(run.kept[name] for name in self.to), deliveries


@dataclass(frozen=True)
class Later:
    """Some seconds pass."""

    seconds: int

    def __call__(self, run: Run) -> None:
        run.demo.later(self.seconds)


@dataclass(frozen=True)
class Fault:
    """The sandbox answers the next requests of a kind otherwise, by a rule of its own."""

    rule: Mapping[str, Any]

    def __call__(self, run: Run) -> None:
        run.demo.control("PUT", "/faults", [self.rule])


@dataclass(frozen=True)
class Client:
    """A call of the layer's own client that must fail so, after exactly `requests` requests but logins."""

    call: Callable[[KiiClient], object]
    raises: type[Exception]
    requests: int

    def __call__(self, run: Run) -> None:
        before = len(run.demo.requests())
        try:
            self.call(run.demo.client())
        except self.raises:
            assert len(run.demo.requests()) - before == self.requests
        else:
            raise AssertionError("the client raised nothing")


type Step = Ask | Connect | Receives | Delivered | Later | Fault | Client


@dataclass(frozen=True)
class Vector:
    """A vector by its number. `odd`: needs the sandbox with short pages and slow endpoints."""

    number: int
    steps: tuple[Step, ...]
    odd: bool = False


def vector(number: int, *steps: Step, odd: bool = False) -> Vector:
    """Return a vector."""
    return Vector(number, steps, odd)


def send(message: object, status: int, to: str = "users/u-2", **more: Any) -> Ask:
    """Return a push to a user, or `to` a topic, as the admin."""
    return Ask(f"POST P/{to}/push/messages", status, json=message, content_type=CT, **more)


def refused(message: object, to: str = "users/u-2") -> Ask:
    """Return a push that breaks one of the rules of 8.5."""
    return send(message, 400, to, body={"errorCode": "INVALID_INPUT_DATA"})


def matches(found: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Say whether all expected items are there; a predicate says what it expects itself."""
    missing = object()
    for name, value in expected.items():
        item = found.get(name, missing)
        if item is missing:
            return False
        if isinstance(value, Mapping):
            if not isinstance(item, Mapping) or not matches(item, value):
                return False
        elif not (value(item) if callable(value) else item == value):
            return False
    return True


def text(value: object) -> bool:
    """Say whether this is a string that is not empty."""
    return isinstance(value, str) and bool(value)


def number(value: object) -> bool:
    """Say whether this is a positive integer."""
    return isinstance(value, int) and value > 0
