"""The console used as people use it: sending through a bundle's door, by keyboard alone, on a phone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from local.process import end, free_ports
from local.sandbox import start_sandbox
from local.settings import aws_variables
from tests.browser import Console, chromium
from tests.sandbox.kii import Kii

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
LONG = "x" * 300


class Door:
    """A stand-in for API Gateway: takes what is signed, gives the next answer of `answers`."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, str]] = []
        self.taken: list[tuple[str, bytes]] = []
        self.signatures: list[str] = []
        self.url = ""

    @contextmanager
    def open(self) -> Iterator[None]:
        """Listen at `url`."""
        door = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                door.signatures.append(self.headers.get("Authorization", ""))
                door.taken.append((self.path, body))
                status, text = door.answers.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = Thread(target=server.serve_forever)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        yield
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a sandbox that has AWS credentials to sign with; yields its origin."""
    port, mqtt_port = free_ports(2)
    folder = tmp_path_factory.mktemp("console")
    server = start_sandbox(port, mqtt_port, folder, env=aws_variables("http://127.0.0.1:9"))
    yield f"http://127.0.0.1:{port}"
    end(server)


@pytest.fixture
def kii(signing: str) -> Iterator[Kii]:
    with Kii(signing) as kii:
        kii.reset()
        yield kii


@pytest.fixture
def door(kii: Kii) -> Iterator[Door]:
    door = Door()
    with door.open():
        kii.control("PUT", "/bundle", json={"url": door.url})
        yield door


@pytest.fixture
def console(browser: Browser, kii: Kii) -> Iterator[Console]:
    console = Console(browser, kii.origin)
    yield console
    assert console.close() == ([], [])


def sent(console: Console) -> str:
    console.page.get_by_role("button", name="Send", exact=True).click()
    result = console.page.locator("#send-result")
    expect(result).not_to_be_empty()
    return result.inner_text()


def test_without_a_bundle_it_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    port, mqtt_port = free_ports(2)
    server = start_sandbox(port, mqtt_port, tmp_path)
    try:
        console = Console(browser, f"http://127.0.0.1:{port}")
        region = console.page.get_by_role("region", name="Send a push")
        expect(region).to_contain_text("No bundle is connected. Run make up")
        assert "does not know the bundle's URL" in sent(console)
        with Kii(f"http://127.0.0.1:{port}") as kii:
            kii.control("PUT", "/bundle", json={"url": "http://127.0.0.1:9/v1"})
        expect(region).to_contain_text("by the bundle at http://127.0.0.1:9/v1")
        assert "there are no AWS credentials" in sent(console)
        assert console.close() == ([], [])
    finally:
        end(server)


def test_a_bundle_that_is_gone_is_told(console: Console, kii: Kii) -> None:
    (port,) = free_ports(1)
    kii.control("PUT", "/bundle", json={"url": f"http://127.0.0.1:{port}"})
    assert "the bundle did not answer" in sent(console)


def test_a_push_to_a_user_goes_out_signed(console: Console, door: Door) -> None:
    door.answers = [(201, '{"pushMessageID":"m-1","id":"p-1"}')]
    page = console.page
    expect(page.get_by_text(door.url)).to_be_visible()
    page.get_by_label("Login name").last.fill("alice")
    page.get_by_label("Title", exact=True).fill('Ship"ped')
    page.get_by_label("Body", exact=True).fill("Line one\nline two")
    page.get_by_label("FCM").uncheck()
    answer = sent(console)
    assert "Sent" in answer
    assert "201 Created" in answer
    assert "m-1" in answer
    ((path, body),) = door.taken
    assert path == "/v1/users/LOGIN_NAME:alice/push/messages"
    assert json.loads(body) == {
        "title": 'Ship"ped',
        "body": "Line one\nline two",
        "networks": ["apns", "mqtt"],
    }
    (signature,) = door.signatures
    assert signature.startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/execute-api/aws4_request" in signature


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("LOGIN_NAME:bob", "LOGIN_NAME:bob"),
        ("EMAIL:bob@example.com", "EMAIL:bob%40example.com"),
        ("ID:u-1", "u-1"),
        ("a/b?c", "LOGIN_NAME:a%2Fb%3Fc"),
    ],
)
def test_a_user_can_be_named_in_every_way(console: Console, door: Door, given: str, path: str) -> None:
    door.answers = [(201, "{}")]
    console.page.get_by_label("Login name").last.fill(given)
    sent(console)
    assert door.taken[0][0] == f"/v1/users/{path}/push/messages"


@pytest.mark.parametrize(
    ("scope", "identifier", "prefix"),
    [
        ("App", None, ""),
        ("Group", "team", "/groups/team"),
        ("User", "bob", "/users/LOGIN_NAME:bob"),
        ("Thing", "VENDOR_THING_ID:lamp", "/things/VENDOR_THING_ID:lamp"),
    ],
)
def test_a_push_to_a_topic_in_every_scope(
    console: Console, door: Door, scope: str, identifier: str | None, prefix: str
) -> None:
    door.answers = [(201, "{}")]
    page = console.page
    page.get_by_label("A topic").check()
    page.get_by_label("Topic ID").fill("news")
    page.get_by_label("Scope").select_option(scope)
    if identifier:
        expect(page.locator("#send-scope-id")).to_have_value(identifier)
    for network in ("FCM", "APNs", "MQTT"):
        page.get_by_label(network).uncheck()
    sent(console)
    ((path, body),) = door.taken
    assert path == f"/v1{prefix}/topics/news/push/messages"
    assert "networks" not in json.loads(body)


def test_raw_json_goes_out_as_it_was_written(console: Console, door: Door) -> None:
    door.answers = [(201, "{}")]
    written = '{"id": "once",  "message": {"title": "T", "body": "1.0", "data": {"n": 1.0}}}'
    page = console.page
    page.get_by_label("Raw JSON").check()
    page.get_by_label("Kii's message, or a push request").fill(written)
    sent(console)
    assert door.taken[0][1].decode() == written


def test_what_is_missing_or_malformed_is_marked_and_not_sent(console: Console, door: Door) -> None:
    page = console.page
    user = page.get_by_label("Login name").last
    user.fill(" ")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(user).to_be_focused()
    expect(user).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Say whom to send to.")).to_be_visible()
    page.get_by_label("A topic").check()
    page.get_by_label("Raw JSON").check()
    page.get_by_label("Kii's message, or a push request").fill("{")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_label("Topic ID")).to_be_focused()
    expect(page.get_by_text("This is not JSON")).to_be_visible()
    page.get_by_label("Topic ID").fill("news")
    expect(page.get_by_text("Name the topic.")).to_be_hidden()
    assert door.taken == []


@pytest.mark.parametrize(
    ("status", "body", "texts"),
    [
        (
            400,
            {
                "title": "The request was refused",
                "status": 400,
                "detail": "two fields are wrong",
                "outcome": "rejected",
                "errors": [
                    {"field": "message.gcm", "reason": "must be given"},
                    {"field": "id", "reason": "too long"},
                ],
            },
            ["The request was refused", "400 Bad Request", "two fields are wrong", "message.gcm", "too long"],
        ),
        (
            404,
            {"title": "Refused", "status": 404, "outcome": "rejected", "errorCode": "USER_NOT_FOUND"},
            ["Refused", "404 Not Found", "USER_NOT_FOUND"],
        ),
        (403, {"message": "Missing Authentication Token"}, ["Missing Authentication Token", "403 Forbidden"]),
        (429, None, ["Not sent", "429 Too Many Requests"]),
        (504, "<b>Gateway</b>", ["Not sent", "504 Gateway Timeout"]),
    ],
)
def test_a_problem_is_told_in_full(
    console: Console, door: Door, status: int, body: Any, texts: list[str]
) -> None:
    door.answers = [(status, body if isinstance(body, str) else "" if body is None else json.dumps(body))]
    answer = sent(console)
    for text in texts:
        assert text in answer
    console.page.get_by_text("Whole answer").click()
    expect(console.page.get_by_label("The whole answer")).to_have_text(
        body if isinstance(body, str) else json.dumps(body, indent=2) if body else ""
    )


def test_the_keyboard_alone_is_enough(console: Console, door: Door, kii: Kii) -> None:
    door.answers = [(201, '{"pushMessageID":"m-1"}')]
    kii.install("bob", "ANDROID")
    expect(console.card("bob", "Android")).to_be_visible()
    page, keys = console.page, console.page.keyboard
    console.tab_to("Skip to sending a push")
    keys.press("Enter")
    console.tab_to("A user")
    keys.press("ArrowRight")
    expect(page.get_by_label("A topic")).to_be_checked()
    keys.press("ArrowLeft")
    console.tab_to("Login name")
    keys.press("Control+A")
    keys.type("alice")
    keys.press("Enter")
    expect(page.get_by_text("201 Created")).to_be_visible()
    assert door.taken[0][0] == "/v1/users/LOGIN_NAME:alice/push/messages"
    console.tab_to("Outage")
    keys.press("Space")
    expect(page.get_by_role("switch", name="Outage")).to_be_checked()
    keys.press("Space")
    expect(page.get_by_role("switch", name="Outage")).not_to_be_checked()
    message = {"data": {"a": "b"}, "gcm": {"enabled": True}, "apns": {"enabled": False}}
    assert kii.call("POST", "/users/LOGIN_NAME:bob/push/messages", json=message).status_code == 201
    expect(console.pushes("bob", "Android")).to_have_count(1)
    console.tab_to("Payload")
    keys.press("Enter")
    expect(console.pushes("bob", "Android").locator("pre")).to_be_visible()
    console.tab_to("Reset")
    keys.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    keys.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_role("button", name="Reset…")).to_be_focused()


def test_what_has_the_focus_shows_it(console: Console, kii: Kii) -> None:
    kii.install("bob", "ANDROID")
    message = {"data": {"a": "b"}, "gcm": {"enabled": True}, "apns": {"enabled": False}}
    assert kii.call("POST", "/users/LOGIN_NAME:bob/push/messages", json=message).status_code == 201
    expect(console.pushes("bob", "Android")).to_have_count(1)
    unmarked, seen = [], 0
    for _ in range(60):
        console.page.keyboard.press("Tab")
        html, marked = console.page.evaluate(
            """() => {
                const node = document.activeElement;
                const bearers = [node, node.closest(".choice label"), node.closest(".screen")];
                const outlined = (each) => each && getComputedStyle(each).outlineStyle !== "none";
                return [node.outerHTML, bearers.some(outlined)];
            }"""
        )
        if html.startswith("<body"):
            break
        seen += 1
        if not marked:
            unmarked.append(html[:80])
    assert seen > 20
    assert unmarked == []


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, kii: Kii, door: Door) -> None:
    door.answers = [(400, json.dumps({"title": LONG, "status": 400, "detail": LONG, "errorCode": LONG}))]
    kii.install("bob", "ANDROID")
    kii.install("bob", "IOS", development=True)
    kii.control("PUT", "/faults", json=[{"match": {"path": f"*/{LONG}"}, "status": 500}])
    message = {
        "data": {LONG: LONG},
        "gcm": {"enabled": True, "collapseKey": LONG, "notification": {"title": LONG, "body": LONG}},
        "apns": {"enabled": True, "sound": LONG, "alert": {"title": LONG, "body": LONG}},
    }
    assert kii.call("POST", "/users/LOGIN_NAME:bob/push/messages", json=message).status_code == 201
    console = Console(browser, kii.origin, **PHONE)
    page = console.page
    expect(page.locator(".push")).to_have_count(2)
    for payload in page.locator(".push summary").all():
        payload.click()
    assert console.overflow() == 0
    page.get_by_role("navigation").get_by_role("link", name="Send").click()
    expect(page.get_by_role("heading", name="Send a push")).to_be_in_viewport()
    page.get_by_label("A topic").check()
    page.get_by_label("Topic ID").fill(LONG)
    page.get_by_label("Scope").select_option("User")
    page.get_by_label("Raw JSON").check()
    sent(console)
    page.get_by_text("Whole answer").click()
    page.locator("#install summary").click()
    expect(page.get_by_text("Rules set elsewhere")).to_be_visible()
    assert console.overflow() == 0
    page.get_by_role("button", name="Reset…").click()
    expect(page.get_by_role("dialog")).to_be_in_viewport(ratio=1)
    assert console.overflow() == 0
    assert console.close() == ([], [])
