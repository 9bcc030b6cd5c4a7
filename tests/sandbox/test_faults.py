"""`/_sandbox/faults`: requests refused, delayed, dripped or cut, before or after they act."""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.sandbox.kii import APP, OK, PATH_TO_BOB, Kii, sandbox

SENDS = {"method": "POST", "path": "*/push/messages"}
# States of a connection in /proc/net/tcp that its server has not closed.
OPEN = {"01": "ESTABLISHED", "08": "CLOSE_WAIT"}


@contextmanager
def raw_send(kii: Kii) -> Iterator[socket.socket]:
    """Send a push to bob over a connection of its own; yields it, for what comes back."""
    request = kii.http.build_request(
        "POST",
        f"/api/apps/{APP}{PATH_TO_BOB}",
        headers={"Authorization": f"Bearer {kii.token('admin')}"},
        json=OK,
    )
    lines = [f"{name}: {text}" for name, text in request.headers.items()]
    head = "\r\n".join([f"POST {request.url.raw_path.decode()} HTTP/1.1", *lines, "\r\n"])
    host, port = request.url.host, request.url.port
    with socket.create_connection((host, port or 80), timeout=10) as connection:
        connection.sendall(head.encode() + request.read())
        yield connection


def connections(origin: str) -> int:
    """Return how many connections the sandbox at `origin` has open."""
    local = f"0100007F:{httpx.URL(origin).port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1] == local and row[3] in OPEN for row in rows)


def test_a_fault_that_answers_in_kiis_place(kii: Kii) -> None:
    kii.install("bob")
    body = {"errorCode": "X", "message": "m"}
    kii.faults({"match": SENDS, "times": 1, "status": 503, "body": body, "headers": {"Retry-After": "7"}})

    answer = kii.send()

    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (503, body, "7")
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert kii.deliveries() == []
    assert kii.send().status_code == 201
    assert len(kii.deliveries()) == 1


@pytest.mark.parametrize(("body", "content"), [(None, b""), ("slow down", b"slow down")])
def test_a_429_without_json(kii: Kii, body: str | None, content: bytes) -> None:
    kii.faults({"match": SENDS, "status": 429, "body": body})

    answer = kii.send()

    assert (answer.status_code, answer.content) == (429, content)
    assert "json" not in answer.headers.get("Content-Type", "")


@pytest.mark.parametrize(("drop", "delivered"), [("before", 0), ("after", 1)])
def test_a_cut_connection(kii: Kii, drop: str, delivered: int) -> None:
    kii.install("bob")
    kii.faults({"match": SENDS, "times": 1, "drop": drop})

    with pytest.raises(httpx.RemoteProtocolError):
        kii.send()

    assert len(kii.deliveries()) == delivered
    assert kii.send().status_code == 201


def test_a_status_after_the_request_has_acted(kii: Kii) -> None:
    kii.install("bob")
    kii.faults({"match": SENDS, "status": 500, "after": True})

    assert kii.send().status_code == 500
    assert len(kii.deliveries()) == 1


@pytest.mark.parametrize(("after", "delivered"), [(False, 0), (True, 1)])
def test_a_delay_before_or_after_acting(kii: Kii, *, after: bool, delivered: int) -> None:
    kii.install("bob")
    kii.faults({"match": SENDS, "times": 2, "delayMs": 800, "after": after})

    with pytest.raises(httpx.ReadTimeout):
        kii.send(timeout=0.3)

    assert len(kii.deliveries()) == delivered
    assert kii.send().status_code == 201  # by when the first one's delay is over as well
    assert len(kii.deliveries()) == delivered + 1


def test_a_delay_alone_changes_nothing_else(kii: Kii) -> None:
    kii.faults({"match": SENDS, "delayMs": 300})

    started = time.monotonic()

    assert kii.send().status_code == 201
    assert time.monotonic() - started >= 0.3


def test_an_answer_that_drips_is_the_same_answer(kii: Kii) -> None:
    kii.install("bob")
    kii.faults({"match": SENDS, "times": 1, "dripMs": 1})

    started = time.monotonic()
    answer = kii.send()

    assert answer.status_code == 201
    assert len(answer.content) == int(answer.headers["Content-Length"])
    assert time.monotonic() - started >= 0.4  # the head alone has more bytes
    assert len(kii.deliveries()) == 1
    assert kii.control("GET", "/requests").json()["requests"][-1]["status"] == 201
    assert kii.send().json().keys() == answer.json().keys()


def test_a_byte_at_a_time_interim_answer_and_head_included(kii: Kii) -> None:
    kii.faults({"match": SENDS, "dripMs": 20, "status": 503, "body": "no", "headers": {"X": "y"}})
    arrivals: list[tuple[float, bytes]] = []

    with raw_send(kii) as connection:
        while part := connection.recv(100):
            arrivals.append((time.monotonic(), part))

    answer = b"".join(part for _, part in arrivals)
    interim, head, body = answer.split(b"\r\n\r\n")
    assert interim == b"HTTP/1.1 102 Processing"
    assert head.startswith(b"HTTP/1.1 503 Service Unavailable\r\ndate: ")
    assert {b"x: y", b"content-length: 2", b"connection: close"} <= set(head.split(b"\r\n"))
    assert body == b"no"
    assert sorted(len(part) for _, part in arrivals)[len(arrivals) // 2] == 1
    assert arrivals[-1][0] - arrivals[0][0] >= 0.020 * (len(answer) - 1)


@pytest.mark.parametrize(("drop", "delivered"), [("before", 0), ("after", 1)])
def test_a_drip_that_is_cut(kii: Kii, drop: str, delivered: int) -> None:
    kii.install("bob")
    kii.faults({"match": SENDS, "times": 1, "drop": drop, "dripMs": 2})

    with raw_send(kii) as connection:
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(100):
                received += part

    assert b"HTTP/1.1 102 Processing\r\n\r\n".startswith(received)  # the cut can take bytes with it
    assert len(received) > 10
    assert len(kii.deliveries()) == delivered


@pytest.mark.parametrize(("after", "delivered"), [(False, 0), (True, 1)])
def test_a_status_that_drips_before_or_after_acting(kii: Kii, *, after: bool, delivered: int) -> None:
    kii.install("bob")
    kii.faults({"match": SENDS, "status": 500, "body": {"a": 1}, "dripMs": 1, "after": after})

    answer = kii.send()

    assert (answer.status_code, answer.json()) == (500, {"a": 1})
    assert len(kii.deliveries()) == delivered


def test_a_drip_ends_when_the_caller_hangs_up(tmp_path: Path) -> None:
    with sandbox(tmp_path) as origin, Kii(origin) as kii:
        kii.faults({"match": SENDS, "dripMs": 1, "status": 500, "body": "x" * 500_000})
        for _ in range(20):
            with raw_send(kii) as connection:
                assert connection.recv(1)
        kii.faults()

        assert kii.send().status_code == 201
        deadline = time.monotonic() + 10
        while connections(origin) > 1 and time.monotonic() < deadline:  # the one that kii.http keeps
            time.sleep(0.05)
        assert connections(origin) == 1
        assert "Traceback" not in (tmp_path / "sandbox.log").read_text()


def test_only_the_first_rule_that_matches_applies(kii: Kii) -> None:
    kii.token("admin")
    kii.faults(
        {"match": {"method": "GET"}, "status": 500},
        {"match": {"path": f"/api/apps/{APP}/users/*"}, "times": 0, "status": 500},
        {"match": {"path": f"/api/apps/{APP}/users/*"}, "times": 2, "status": 502},
        {"status": 503, "probability": 0},
        {"status": 504},
    )

    assert [kii.send().status_code for _ in range(4)] == [502, 502, 504, 504]
    assert kii.control("GET", "/faults").json()[2]["times"] == 0
    kii.faults()
    assert kii.send().status_code == 201


def test_a_fault_by_chance(kii: Kii) -> None:
    kii.faults({"match": SENDS, "status": 503, "probability": 0.5})

    statuses = {kii.send().status_code for _ in range(60)}  # all alike: once in 10**17 runs

    assert statuses == {201, 503}


def test_a_preflight_has_no_faults(kii: Kii) -> None:
    kii.faults({"times": 1, "status": 503})

    assert kii.call("OPTIONS", PATH_TO_BOB, "nobody").status_code == 200
    assert kii.call("POST", PATH_TO_BOB, "nobody").status_code == 503


@pytest.mark.parametrize(
    "rules",
    [
        {},
        [1],
        [{"unknown": 1}],
        [{"match": {"url": "x"}}],
        [{"status": 99}],
        [{"status": "503"}],
        [{"times": -1}],
        [{"probability": 2}],
        [{"delayMs": -1}],
        [{"dripMs": -1}],
        [{"drop": "between"}],
        [{"status": 503, "headers": {"X": "a\r\nb"}}],
        [{"status": 503, "headers": {"X y": "a"}}],
        [{"status": 503, "headers": {"X": "あ"}}],
    ],
)
def test_a_rule_that_cannot_be(kii: Kii, rules: object) -> None:
    answer = kii.http.put("/_sandbox/faults", json=rules)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith("the body is not valid")
    assert '"drop": "before" or "after"' in answer.json()["error"]
    assert kii.send().status_code == 201
