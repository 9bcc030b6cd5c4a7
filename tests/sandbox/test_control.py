"""Design section 7: the sandbox's own control calls."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.device import Device
from tests.sandbox.kii import APP, EVERY_NETWORK, OK, Kii, sandbox

BOB = "/users/LOGIN_NAME:bob/push/messages"
SENDS = {"method": "POST", "path": "*/push/messages"}


def faults(kii: Kii, *rules: dict[str, Any]) -> None:
    assert kii.control("PUT", "/faults", json=rules).status_code == 204


def send(kii: Kii) -> httpx.Response:
    return kii.call("POST", BOB, json=OK)


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
    first = send(kii).json()["pushMessageID"]
    kii.call("POST", "/topics/t/push/messages", json=EVERY_NETWORK)
    send(kii)

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
    send(kii)
    faults(kii, {"match": SENDS, "drop": "before"})
    with pytest.raises(httpx.RemoteProtocolError):
        send(kii)

    requests = kii.control("GET", "/requests").json()["requests"]

    assert [(each["method"], each["path"].rpartition("/")[2], each["status"]) for each in requests] == [
        ("POST", "token", 200),
        ("POST", "token", 200),  # the admin's, for the send
        ("POST", "messages", 201),
        ("POST", "messages", None),
    ]
    assert requests[0].keys() == {"seq", "at", "method", "path", "status"}
    assert kii.control("GET", f"/requests?after={requests[1]['seq']}").json()["requests"] == requests[2:]


def test_a_fault_that_answers_in_kiis_place(kii: Kii) -> None:
    kii.install("bob")
    body = {"errorCode": "X", "message": "m"}
    faults(kii, {"match": SENDS, "times": 1, "status": 503, "body": body, "headers": {"Retry-After": "7"}})

    answer = send(kii)

    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (503, body, "7")
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert kii.deliveries() == []
    assert send(kii).status_code == 201
    assert len(kii.deliveries()) == 1


@pytest.mark.parametrize(("body", "content"), [(None, b""), ("slow down", b"slow down")])
def test_a_429_without_json(kii: Kii, body: str | None, content: bytes) -> None:
    faults(kii, {"match": SENDS, "status": 429, "body": body})

    answer = send(kii)

    assert (answer.status_code, answer.content) == (429, content)
    assert "json" not in answer.headers.get("Content-Type", "")


@pytest.mark.parametrize(("drop", "delivered"), [("before", 0), ("after", 1)])
def test_a_cut_connection(kii: Kii, drop: str, delivered: int) -> None:
    kii.install("bob")
    faults(kii, {"match": SENDS, "times": 1, "drop": drop})

    with pytest.raises(httpx.RemoteProtocolError):
        send(kii)

    assert len(kii.deliveries()) == delivered
    assert send(kii).status_code == 201


def test_a_status_after_the_request_has_acted(kii: Kii) -> None:
    kii.install("bob")
    faults(kii, {"match": SENDS, "status": 500, "after": True})

    assert send(kii).status_code == 500
    assert len(kii.deliveries()) == 1


@pytest.mark.parametrize(("after", "delivered"), [(False, 0), (True, 1)])
def test_a_delay_before_or_after_acting(kii: Kii, *, after: bool, delivered: int) -> None:
    kii.install("bob")
    faults(kii, {"match": SENDS, "times": 1, "delayMs": 1_500, "after": after})

    with pytest.raises(httpx.ReadTimeout):
        kii.call("POST", BOB, json=OK, timeout=0.5)

    assert len(kii.deliveries()) == delivered


def test_a_delay_alone_changes_nothing_else(kii: Kii) -> None:
    faults(kii, {"match": SENDS, "delayMs": 300})

    started = time.monotonic()

    assert send(kii).status_code == 201
    assert time.monotonic() - started >= 0.3


def test_only_the_first_rule_that_matches_applies(kii: Kii) -> None:
    kii.token("admin")
    faults(
        kii,
        {"match": {"method": "GET"}, "status": 500},
        {"match": {"path": f"/api/apps/{APP}/users/*"}, "times": 0, "status": 500},
        {"match": {"path": f"/api/apps/{APP}/users/*"}, "times": 2, "status": 502},
        {"status": 503, "probability": 0},
        {"status": 504},
    )

    assert [send(kii).status_code for _ in range(4)] == [502, 502, 504, 504]
    assert kii.control("GET", "/faults").json()[2]["times"] == 0
    faults(kii)
    assert send(kii).status_code == 201


def test_a_fault_by_chance(kii: Kii) -> None:
    faults(kii, {"match": SENDS, "status": 503, "probability": 0.5})

    statuses = {send(kii).status_code for _ in range(60)}  # all alike: once in 10**17 runs

    assert statuses == {201, 503}


def test_a_preflight_has_no_faults(kii: Kii) -> None:
    faults(kii, {"times": 1, "status": 503})

    assert kii.call("OPTIONS", BOB, "nobody").status_code == 200
    assert kii.call("POST", BOB, "nobody").status_code == 503


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
    assert send(kii).status_code == 201


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
        kii.call("POST", BOB, json=EVERY_NETWORK)
        assert device.wait_for(msg="hi")
        token, last = kii.token("admin"), kii.deliveries()[-1]["seq"]
        faults(kii, {"status": 503})

        kii.reset()

        old = kii.call("GET", "/topics", "nobody", headers={"Authorization": f"Bearer {token}"})
        assert old.status_code == 403
        assert kii.call("GET", "/topics").json() == {"topics": []}
        assert kii.call("GET", "/installations").json() == {"installations": []}
        assert kii.deliveries() == []
        assert kii.control("GET", "/faults").json() == []
        kii.install("bob")
        send(kii)
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
        send(kii)
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


class Door(BaseHTTPRequestHandler):
    """The bundle's HTTPS door, as far as the console goes: it answers what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = {
            "path": self.path,
            "body": json.loads(body or b"null"),
            "authorization": self.headers["Authorization"],
        }
        content = json.dumps(answer).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def door() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/stage"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kii]:
    """A sandbox with AWS credentials in its environment."""
    env = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with sandbox(tmp_path_factory.mktemp("signing"), env=env) as origin, Kii(origin) as kii:
        yield kii


def test_sending_through_no_bundle(kii: Kii) -> None:
    answer = kii.http.post("/_sandbox/send", json={"path": "/x"})

    assert answer.status_code == 409
    assert "--bundle-url" in answer.json()["error"]


def test_sending_through_the_bundle(signing: Kii, door: str) -> None:
    request = {"path": "/users/LOGIN_NAME%3Abob/push/messages", "body": {"data": {"a": "b"}}}
    signing.control("PUT", "/bundle", json={"url": f"{door}/"})
    assert signing.control("GET", "/bundle").json() == {"url": door}
    answer = signing.http.post("/_sandbox/send", json=request)

    assert answer.status_code == 202
    assert answer.json()["path"] == f"/stage{request['path']}"
    assert answer.json()["body"] == request["body"]
    assert answer.json()["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/us-east-1/execute-api/aws4_request" in answer.json()["authorization"]


@pytest.mark.parametrize("path", ["users", "//evil.example/x", "/../x", "@evil.example/x", "/a/../../x"])
def test_sending_nowhere_else(signing: Kii, door: str, path: str) -> None:
    signing.control("PUT", "/bundle", json={"url": door})

    answer = signing.http.post("/_sandbox/send", json={"path": path})

    if answer.status_code == 202:
        assert answer.json()["path"].startswith("/stage/")
    else:
        assert answer.status_code == 400


def test_a_bundle_that_does_not_answer(signing: Kii) -> None:
    signing.control("PUT", "/bundle", json={"url": "http://127.0.0.1:9"})

    assert signing.http.post("/_sandbox/send", json={"path": "/x"}).status_code == 502
    for bad in ('{"url":"ftp://x"}', '{"url":"http://x/?a"}', "{}", "[]"):
        assert signing.http.put("/_sandbox/bundle", content=bad).status_code == 400


def test_sending_without_credentials(tmp_path: Path, door: str) -> None:
    with sandbox(tmp_path, "--bundle-url", f"{door}/") as origin, Kii(origin) as kii:
        assert kii.control("GET", "/bundle").json() == {"url": door}
        answer = kii.http.post("/_sandbox/send", json={"path": "/x"})

    assert answer.status_code == 409
    assert "credentials" in answer.json()["error"]
