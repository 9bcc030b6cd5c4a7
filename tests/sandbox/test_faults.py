"""`/_sandbox/faults`: requests refused, delayed or cut, before or after they act."""

import time

import httpx
import pytest

from tests.sandbox.kii import APP, PATH_TO_BOB, Kii

SENDS = {"method": "POST", "path": "*/push/messages"}


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
    assert kii.send().status_code == 201
