"""The console's form: what goes out to the bundle's door, and how the answer is told."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from local.access_key import access_key
from local.process import end, free_ports
from local.sandbox import start_sandbox
from tests.browser import Console
from tests.sandbox.console.support import Door, sent
from tests.sandbox.kii import Kii


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
    assert signature.startswith(f"AWS4-HMAC-SHA256 Credential={access_key().id}/")
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
    confirm = page.get_by_label("Yes, to everybody who is subscribed")
    if identifier:
        expect(page.locator("#send-scope-id")).to_have_value(identifier)
        expect(confirm).to_be_hidden()
    else:
        confirm.check()
    for network in ("FCM", "APNs", "MQTT"):
        page.get_by_label(network).uncheck()
    sent(console)
    ((path, body),) = door.taken
    assert path == f"/v1{prefix}/topics/news/push/messages{'' if prefix else '?confirm=true'}"
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
    page.get_by_label("Kii's message, or a push request").fill("{}")
    page.get_by_role("button", name="Send", exact=True).click()
    confirm = page.get_by_label("Yes, to everybody who is subscribed")
    expect(confirm).to_be_focused()
    expect(page.get_by_text("An app topic reaches all of its subscribers")).to_be_visible()
    confirm.check()
    expect(page.get_by_text("An app topic reaches all of its subscribers")).to_be_hidden()
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
