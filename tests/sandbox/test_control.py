"""The sandbox's own control calls."""

import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.device import Device
from tests.sandbox.kii import APP, EVERY_NETWORK, Kii


def test_health_names_the_ports(kii: Kii) -> None:
    body = kii.control("GET", "/health").json()

    assert body["status"] == "ready"
    assert body["mqtt"]["tcp"]
    assert body["mqtt"]["ws"]
    assert body["mqtt"]["ssl"] is None


def test_deliveries_are_numbered_and_filtered(kii: Kii) -> None:
    bobs, lamps = kii.install("bob"), kii.install("lamp", "MQTT")
    kii.call("PUT", "/topics/t")
    kii.call("POST", "/topics/t/push/subscriptions/things", "lamp")
    first = kii.send().json()["pushMessageID"]
    kii.call("POST", "/topics/t/push/messages", json=EVERY_NETWORK)
    kii.send()

    one, two, three = kii.deliveries()

    assert one.keys() == {
        "seq", "at", "pushMessageID", "appID", "installationID", "deviceType", "owner", "feature", "payload"
    }  # fmt: skip
    assert one["pushMessageID"] == first
    assert abs(one["at"] - time.time() * 1000) < 10_000
    assert one["seq"] < two["seq"] < three["seq"]
    assert kii.deliveries(after=str(one["seq"])) == [two, three]
    assert kii.deliveries(installationID=bobs) == kii.deliveries(userID=kii.id("bob")) == [one, three]
    assert kii.deliveries(installationID=lamps) == kii.deliveries(thingID=kii.id("lamp")) == [two]
    assert kii.deliveries(userID=kii.id("bob"), after=str(two["seq"])) == [three]
    assert kii.deliveries(last="2") == [two, three]
    assert kii.deliveries(installationID="none") == []


@pytest.mark.parametrize(
    "path", ["deliveries?after=", "deliveries?last=-1", "requests?after=x", "requests?after=1e3"]
)
def test_a_place_in_a_list_that_cannot_be(kii: Kii, path: str) -> None:
    answer = kii.http.get(f"/_sandbox/{path}")

    assert answer.status_code == 400
    assert "must be a number" in answer.json()["error"]


def test_a_control_call_that_there_is_not(kii: Kii) -> None:
    assert kii.http.get("/_sandbox/nothing").json() == {"error": "Not Found"}
    wrong = kii.http.post("/_sandbox/health")
    assert wrong.status_code == 405
    assert sorted(wrong.headers["Allow"].split(", ")) == ["GET", "HEAD"]


def test_requests_are_listed_without_their_secrets(kii: Kii) -> None:
    kii.reset()
    kii.login(grant_type="password", username="bob", password="password")
    kii.send()
    kii.faults({"match": {"path": "*/push/messages"}, "drop": "before"})
    with pytest.raises(httpx.RemoteProtocolError):
        kii.send()

    requests = kii.control("GET", "/requests").json()["requests"]

    assert [(each["method"], each["path"].rpartition("/")[2], each["status"]) for each in requests] == [
        ("POST", "token", 200),
        ("POST", "token", 200),  # the admin's, for the send
        ("POST", "messages", 201),
        ("POST", "messages", None),
    ]
    assert requests[0].keys() == {"seq", "at", "method", "path", "status"}
    assert kii.control("GET", f"/requests?after={requests[1]['seq']}").json()["requests"] == requests[2:]


def test_the_clock(kii: Kii) -> None:
    now = time.time() * 1000

    moved = kii.control("PUT", "/clock", json={"offsetMs": 3_600_000}).json()
    assert abs(moved["now"] - now - 3_600_000) < 10_000
    assert moved["offsetMs"] == 3_600_000
    fixed = kii.control("PUT", "/clock", json={"now": 2_000_000_000_000}).json()
    assert abs(fixed["now"] - 2_000_000_000_000) < 1_000
    assert kii.control("GET", "/clock").json()["offsetMs"] == fixed["offsetMs"]
    kii.reset()
    assert kii.control("GET", "/clock").json()["offsetMs"] == 0
    for bad in ('{"offsetMs":"1"}', '{"offset":1}', "[]", '{"now":1e30}', "{"):
        assert kii.http.put("/_sandbox/clock", content=bad).status_code == 400


def test_back_to_the_seed(kii: Kii) -> None:
    with Device(f"{kii.origin}/api", "bob") as device:
        kii.call("PUT", "/topics/t")
        kii.call("POST", "/buckets/box/objects", json={})
        kii.send(EVERY_NETWORK)
        assert device.wait_for(msg="hi")
        token, last = kii.token("admin"), kii.deliveries()[-1]["seq"]
        kii.faults({"status": 503})

        kii.reset()

        old = kii.call("GET", "/topics", "nobody", headers={"Authorization": f"Bearer {token}"})
        assert old.status_code == 403
        assert kii.call("GET", "/topics").json() == {"topics": []}
        assert kii.call("GET", "/installations").json() == {"installations": []}
        assert kii.deliveries() == []
        assert kii.control("GET", "/faults").json() == []
        kii.install("bob")
        kii.send()
        assert kii.deliveries()[0]["seq"] > last  # whoever polls with `after` misses nothing


def test_devices_and_whether_they_are_there(kii: Kii) -> None:
    def is_there(*, wanted: bool) -> bool:  # the broker says so a moment after the device knows
        deadline = time.monotonic() + 5
        while (found := kii.control("GET", "/devices").json()["devices"][1]["online"]) is not wanted:
            if time.monotonic() > deadline:
                break
            time.sleep(0.02)
        return bool(found)

    kii.install("bob", "IOS", development=True)
    with Device(f"{kii.origin}/api", "bob"):
        assert is_there(wanted=True)
        ios, mqtt = kii.control("GET", "/devices").json()["devices"]
        assert (ios["deviceType"], ios["development"], ios["online"]) == ("IOS", True, None)
        assert (mqtt["deviceType"], mqtt["userID"], mqtt["appID"]) == ("MQTT", kii.id("bob"), APP)

    assert not is_there(wanted=False)


def test_events_as_they_happen(kii: Kii) -> None:
    def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
        for line in lines:
            if line.startswith("event: "):
                yield line.removeprefix("event: "), json.loads(next(lines).removeprefix("data: "))

    with httpx.stream("GET", f"{kii.origin}/_sandbox/events", timeout=10, trust_env=False) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        assert next(lines) == ": listening"
        happening = events(lines)

        installation_id = kii.install("bob")
        kii.send()
        kii.reset()

        assert next(happening) == ("device", {"installationID": installation_id})
        name, delivery = next(happening)
        assert (name, delivery["installationID"]) == ("delivery", installation_id)
        assert next(happening) == ("reset", {})


def test_a_device_that_comes_and_goes_is_news(kii: Kii) -> None:
    with httpx.stream("GET", f"{kii.origin}/_sandbox/events", timeout=10, trust_env=False) as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("event: "))
        with Device(f"{kii.origin}/api", "bob"):
            assert [next(lines) for _ in range(2)] == ["event: device"] * 2  # installed, connected
        assert next(lines) == "event: device"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}],
)
def test_other_sites_pages_are_kept_out(kii: Kii, headers: dict[str, str]) -> None:
    for path in ("/_sandbox/health", "/"):
        answer = kii.http.get(path, headers=headers)
        assert answer.status_code == 403
        assert "error" in answer.json()


def test_the_consoles_headers(kii: Kii) -> None:
    answer = kii.http.get("/")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert kii.http.get("/_console/console.js").headers["Content-Type"].startswith("text/javascript")
    assert kii.http.get("/_console/../control.py").status_code == 404
    assert kii.http.get("/_console/%2e%2e/control.py").status_code == 404
