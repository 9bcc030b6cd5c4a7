"""The total deadline of an exchange: servers that drip, stall or cannot be reached, by a fake clock."""

import socket
import ssl
import threading
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import httpcore
import httpx
import pytest

from kii_push.errors import KiiUnreachable, NoAnswer, Outcome
from kii_push.kii import client as kii_client
from kii_push.kii import deadline
from kii_push.kii.bounded_connections import bound
from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import Credentials
from kii_push.kii.deadline import total_deadline

URL = "http://kii.example/"
BODY = b'{"access_token":"token","expires_in":3600}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n" % len(BODY)


class Server(httpcore.NetworkStream):
    """What the far end does: sends `whole` at once, then `drip` for ever, a byte a second.

    An operation that would take longer than its timeout takes that long and fails, as a socket's does.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.whole: list[bytes] = []
        self.drip: Iterator[int] = iter(())
        self.addresses = ["192.0.2.1"]
        self.connect_seconds = 0.0
        self.tried: list[tuple[str, float | None]] = []

    def monotonic(self) -> float:
        return self.now

    def _take(self, seconds: float, timeout: float | None, past: type[Exception]) -> None:
        if timeout is not None and seconds > timeout:
            self.now += timeout
            raise past("timed out")
        self.now += seconds

    def connect(self, address: str, _port: int, timeout: float | None, *_: object) -> httpcore.NetworkStream:
        self.tried.append((address, timeout))
        self._take(self.connect_seconds, timeout, httpcore.ConnectTimeout)
        return self

    def read(self, _max_bytes: int, timeout: float | None = None) -> bytes:
        if self.whole:
            return self.whole.pop(0)
        byte = next(self.drip, None)
        self._take(1 if byte is not None else 1e9, timeout, httpcore.ReadTimeout)
        return bytes([byte or 0])

    def write(self, _buffer: bytes, timeout: float | None = None) -> None:
        self._take(0, timeout, httpcore.WriteTimeout)

    def start_tls(
        self, _context: ssl.SSLContext, _name: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        self._take(self.connect_seconds, timeout, httpcore.ConnectTimeout)
        return self

    def close(self) -> None:
        """Nothing is open."""

    def getaddrinfo(self, *_: object, **__: object) -> list[tuple[Any, ...]]:
        return [(socket.AF_INET, 0, 0, "", (address, 80)) for address in self.addresses]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(deadline, "time", server)
    monkeypatch.setattr(socket, "getaddrinfo", server.getaddrinfo)
    monkeypatch.setattr(
        httpcore.SyncBackend, "connect_tcp", lambda _, *arguments, **__: server.connect(*arguments)
    )
    return server


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with http_client() as http:
        yield http


def endless(drip: str) -> Iterator[int]:
    """Return the bytes of a drip."""
    return {
        "a status line": chain(b"HTTP/1.1 200 ", repeat(ord("x"))),
        "a header": chain(HEAD + b"X-Long: ", repeat(ord("x"))),
        "interim answers": chain.from_iterable(repeat(b"HTTP/1.1 102 Processing\r\n\r\n")),
        "a body": chain(HEAD.replace(b"42", b"4200") + b"\r\n", repeat(ord("x"))),
    }[drip]


@pytest.mark.parametrize("drip", ["a status line", "a header", "interim answers", "a body"])
@pytest.mark.parametrize("timeout", [10, None])
def test_a_drip_ends_at_the_deadline(
    server: Server, http: httpx.Client, drip: str, timeout: float | None
) -> None:
    server.drip = endless(drip)

    with total_deadline(300), pytest.raises(httpx.ReadTimeout):
        http.get(URL, timeout=timeout)

    assert server.now == 1300


def test_silence_ends_with_ones_own_timeout_or_the_deadline(server: Server, http: httpx.Client) -> None:
    for seconds, ends_at in ((300, 1010), (4, 1014)):
        with total_deadline(seconds), pytest.raises(httpx.ReadTimeout):
            http.get(URL, timeout=10)
        assert server.now == ends_at


def test_each_exchange_has_a_deadline_of_its_own(server: Server, http: httpx.Client) -> None:
    for _ in range(3):
        server.whole = [HEAD + b"\r\n", BODY]
        with total_deadline(5):
            assert http.get(URL).content == BODY
        server.now += 100
    server.whole = [HEAD + b"\r\n", BODY]

    assert http.get(URL).content == BODY  # none at all
    assert len(server.tried) == 1  # on one connection


def test_a_deadline_is_its_own_threads(server: Server, http: httpx.Client) -> None:
    inside, done = threading.Event(), threading.Event()

    def late() -> None:
        with total_deadline(-1):
            inside.set()
            done.wait(5)

    thread = threading.Thread(target=late)
    thread.start()
    inside.wait(5)
    server.whole = [HEAD + b"\r\n", BODY]
    with total_deadline(5):
        assert http.get(URL).content == BODY
    done.set()
    thread.join()


def test_past_the_deadline_nothing_is_connected_or_sent(server: Server, http: httpx.Client) -> None:
    with total_deadline(-1), pytest.raises(httpx.ConnectTimeout):
        http.get(URL)
    assert server.tried == []
    server.whole = [HEAD + b"\r\n", BODY]
    http.get(URL)
    with total_deadline(-1), pytest.raises(httpx.WriteTimeout):
        http.get(URL)


def test_a_handshake_has_what_is_left(server: Server, http: httpx.Client) -> None:
    server.connect_seconds = 3

    with total_deadline(5), pytest.raises(httpx.ConnectTimeout):
        http.get(URL.replace("http:", "https:"), timeout=10)

    assert server.now == 1005


def test_an_answer_over_tls_drips_no_longer(server: Server, http: httpx.Client) -> None:
    server.drip = endless("a header")

    with total_deadline(300), pytest.raises(httpx.ReadTimeout):
        http.get(URL.replace("http:", "https:"))

    assert server.now == 1300


def test_addresses_share_the_time(server: Server, http: httpx.Client) -> None:
    server.addresses = [f"192.0.2.{last}" for last in (1, 1, 2, 3, 4)]
    server.connect_seconds = 60

    with total_deadline(5), pytest.raises(httpx.ConnectTimeout):
        http.get(URL, timeout=3)

    assert server.tried == [("192.0.2.1", 3), ("192.0.2.2", 2)]
    assert server.now == 1005


def test_the_last_addresss_failure_is_raised(server: Server, http: httpx.Client) -> None:
    server.connect_seconds = 60
    with pytest.raises(httpx.ConnectTimeout, match="timed out"):
        http.get(URL, timeout=3)
    server.addresses = []
    with pytest.raises(httpx.ConnectError, match="no address"):
        http.get(URL)


def test_a_name_that_cannot_be_resolved(
    server: Server, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(httpx.ConnectError, match="not known"):
        http.get(URL)
    assert server.tried == []


def test_through_a_proxy_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    server.drip = endless("a header")

    with http_client() as http, total_deadline(300), pytest.raises(httpx.ReadTimeout):
        http.get(URL)

    assert server.now == 1300


def test_the_transport_of_a_test_is_left_alone() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(204))
    with bound(httpx.Client(transport=transport)) as http, total_deadline(-1):
        assert http.get(URL).status_code == 204


class Secret:
    """Credentials without a secret store."""

    def get(self, *, afresh: bool = False) -> Credentials:  # noqa: ARG002 (what a CredentialsSource takes)
        return Credentials("app", "client", "secret", URL.rstrip("/"))


@pytest.mark.parametrize("drip", ["a status line", "a header", "interim answers"])
def test_a_push_whose_answer_drips_is_unknown(server: Server, http: httpx.Client, drip: str) -> None:
    server.whole = [HEAD + b"\r\n", BODY]  # the login
    server.drip = endless(drip)

    with pytest.raises(NoAnswer) as caught:
        KiiClient(Secret(), http).send_to_user("u-1", {})  # type: ignore[arg-type]

    assert caught.value.outcome is Outcome.UNKNOWN
    assert server.now == 1000 + kii_client.EXCHANGE_SECONDS


def test_a_push_that_cannot_connect_in_time_is_not_sent(server: Server, http: httpx.Client) -> None:
    server.addresses = [f"192.0.2.{last}" for last in range(50)]
    server.connect_seconds = 60

    with pytest.raises(KiiUnreachable) as caught:
        KiiClient(Secret(), http).send_to_user("u-1", {})  # type: ignore[arg-type]

    assert caught.value.outcome is Outcome.NOT_SENT
    assert server.now == 1000 + kii_client.EXCHANGE_SECONDS
