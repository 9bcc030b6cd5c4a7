"""The console in a real browser against a real sandbox: devices, pushes arriving, faults, reset, restarts."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from local.device import Device
from local.process import end, free_ports
from local.sandbox import start_sandbox
from tests.browser import Console, chromium
from tests.sandbox.kii import Kii

TEXT = {"title": "Shipped", "body": "It is on its way."}
OFF = {"gcm": {"enabled": False}, "apns": {"enabled": False}}
EVERYWHERE = {
    "data": {"order": "42"},
    "gcm": {"enabled": False},
    "fcm": {"enabled": True, "notification": TEXT},
    "apns": {"enabled": True, "alert": TEXT},
    "jpush": {"enabled": True, "data": TEXT},
    "mqtt": {"enabled": True, "data": TEXT},
}
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def console(browser: Browser, kii: Kii) -> Iterator[Console]:
    console = Console(browser, kii.origin)
    yield console
    assert console.close() == ([], [])


def push(kii: Kii, message: dict[str, Any], user: str = "bob") -> None:
    assert kii.call("POST", f"/users/LOGIN_NAME:{user}/push/messages", json=message).status_code == 201


def test_an_empty_console_says_what_to_do_and_installs_a_device(console: Console) -> None:
    page = console.page
    expect(page.get_by_role("heading", name="No devices yet")).to_be_visible()
    page.get_by_label("Device", exact=True).select_option("iOS")
    page.get_by_label("Development build").check()
    page.get_by_role("button", name="Install").click()
    card = console.card("bob", "iOS")
    expect(card).to_contain_text("Development")
    expect(card).to_contain_text("Waiting for its first push")
    expect(page.get_by_role("heading", name="No devices yet")).to_be_hidden()


def test_an_installation_that_kii_refuses_says_why(console: Console) -> None:
    console.page.get_by_label("Password").fill("wrong")
    console.page.get_by_role("button", name="Install").click()
    expect(console.page.get_by_text("Kii answered 400 invalid_grant")).to_be_visible()


def test_devices_and_their_pushes_appear_live(console: Console, kii: Kii) -> None:
    kii.install("bob", "ANDROID")
    kii.install("bob", "IOS", development=True)
    kii.install("bob", "JPUSH")
    kii.install("lamp", "MQTT")
    expect(console.card("bob", "iOS").get_by_text("Development")).to_be_visible()
    expect(console.card("bob", "Android").get_by_text("Development")).to_be_hidden()
    expect(console.card("lamp", "MQTT thing")).to_contain_text("Offline")
    with Device(f"{kii.origin}/api", "bob"):
        expect(console.card("bob", "MQTT")).to_contain_text("Online")
        push(kii, EVERYWHERE)
        for device_type in ("Android", "iOS", "JPush", "MQTT"):
            shown = console.pushes("bob", device_type)
            expect(shown).to_have_count(1)
            expect(shown.locator(".title")).to_have_text("Shipped")
            expect(shown.locator(".body")).to_have_text("It is on its way.")
            expect(shown).to_contain_text("Direct push")
            expect(shown.locator("dl")).to_have_text("order42")
    expect(console.pushes("lamp", "MQTT thing")).to_have_count(0)
    expect(console.card("bob", "MQTT")).to_contain_text("Offline")


@pytest.mark.parametrize(
    ("device", "message", "texts"),
    [
        (
            ("IOS", "iOS"),
            {"data": {"k": 1}, **OFF, "apns": {"enabled": True, "contentAvailable": True}},
            ["Silent: wakes the app and shows nothing", "k1"],
        ),
        (
            ("IOS", "iOS"),
            {
                "data": {},
                **OFF,
                "apns": {
                    "enabled": True,
                    "sound": "ping.caf",
                    "badge": 3,
                    "alert": {"subtitle": "Sub", "locKey": "HELLO", "locArgs": ["a", "b"]},
                },
            },
            ["Sub", "HELLO (a, b)", "sound ping.caf", "badge 3"],
        ),
        (
            ("ANDROID", "Android"),
            {"data": {"n": 7, "on": True}, **OFF, "gcm": {"enabled": True, "collapseKey": "news"}},
            ["Data message: the app decides what to show", "n7", "ontrue", "collapse key news"],
        ),
        (
            ("ANDROID", "Android"),
            {"data": {}, **OFF, "fcm": {"enabled": True, "notification": {"body": "No title", "sound": "x"}}},
            ["No title", "sound x"],
        ),
        (("JPUSH", "JPush"), {"data": {"level": 40}, **OFF, "jpush": {"enabled": True}}, ["level40"]),
    ],
)
def test_a_push_is_shown_as_its_device_would(
    console: Console, kii: Kii, device: tuple[str, str], message: dict[str, Any], texts: list[str]
) -> None:
    device_type, name = device
    kii.install("bob", device_type)
    push(kii, message)
    for text in texts:
        expect(console.pushes("bob", name)).to_contain_text(text)


def test_topics_and_buckets_are_named(console: Console, kii: Kii) -> None:
    kii.install("bob", "ANDROID")
    kii.install("bob", "IOS")
    assert kii.call("PUT", "/groups/team/topics/news").status_code == 204
    kii.call("PUT", f"/groups/team/topics/news/push/subscriptions/users/{kii.id('bob')}")
    kii.call(
        "PUT", f"/users/{kii.id('bob')}/buckets/notes/filters/all/push/subscriptions/users/{kii.id('bob')}"
    )
    assert kii.call("POST", "/groups/team/topics/news/push/messages", json=EVERYWHERE).status_code == 201
    made = kii.call("POST", f"/users/{kii.id('bob')}/buckets/notes/objects", "bob", json={"text": "hi"})
    assert made.status_code == 201
    for device_type in ("Android", "iOS"):
        pushes = console.pushes("bob", device_type)
        expect(pushes).to_have_count(2)
        expect(pushes.first).to_contain_text("Bucket notes")
        expect(pushes.first).to_contain_text("Object created")
        expect(pushes.first).to_contain_text(made.json()["objectID"])
        expect(pushes.last).to_contain_text("Topic news")


def test_the_raw_payload_is_a_click_away(console: Console, kii: Kii) -> None:
    kii.install("bob", "IOS")
    push(kii, EVERYWHERE)
    shown = console.pushes("bob", "iOS")
    expect(shown.locator("pre")).to_be_hidden()
    shown.get_by_text("Payload").click()
    (delivery,) = kii.deliveries()
    expect(shown.locator("pre")).to_be_visible()
    assert json.loads(shown.locator("pre").inner_text()) == delivery["payload"]
    expect(shown).to_contain_text(delivery["pushMessageID"])


def test_what_was_sent_before_is_there_and_only_the_latest_stay(console: Console, kii: Kii) -> None:
    kii.install("bob", "JPUSH")
    expect(console.card("bob", "JPush")).to_be_visible()
    for number in range(30):
        push(kii, {"data": {"title": f"Push {number}"}, **OFF, "jpush": {"enabled": True}})
    for _ in range(2):
        expect(console.pushes("bob", "JPush").locator(".title")).to_have_text(
            [f"Push {number}" for number in range(29, 9, -1)]
        )
        console.page.reload()
        console.live()


def test_arrivals_are_announced_a_burst_in_one_sentence(console: Console, kii: Kii) -> None:
    announcer = console.page.locator("[aria-live=polite]")
    kii.install("bob", "ANDROID")
    expect(console.card("bob", "Android")).to_be_visible()
    push(kii, EVERYWHERE)
    expect(announcer).to_have_text("Push to bob, Android: Shipped")
    kii.install("alice", "IOS")
    expect(console.card("alice", "iOS")).to_be_visible()
    console.page.clock.install()
    for user in ("bob", "alice"):
        push(kii, EVERYWHERE, user)
        expect(console.pushes(user, "Android" if user == "bob" else "iOS").first).to_be_visible()
    console.page.clock.run_for(1000)
    expect(announcer).to_have_text("2 pushes to bob, Android; alice, iOS")


def test_markup_in_a_push_is_text(console: Console, kii: Kii) -> None:
    kii.install("bob", "ANDROID")
    kii.install("bob", "JPUSH")
    hostile = {"title": HOSTILE, "body": HOSTILE}
    push(
        kii,
        {
            "data": {HOSTILE: HOSTILE},
            **OFF,
            "fcm": {
                "enabled": True,
                "notification": {**hostile, "color": "red;}body{display:none", "tag": HOSTILE},
            },
            "jpush": {"enabled": True, "data": hostile},
        },
    )
    for device_type in ("Android", "JPush"):
        shown = console.pushes("bob", device_type)
        shown.get_by_text("Payload").click()
        for part in (".title", ".body", "dt", "dd"):
            expect(shown.locator(part)).to_have_text(HOSTILE)
        expect(shown.locator("img, script")).to_have_count(0)
        assert HOSTILE in json.dumps(json.loads(shown.locator("pre").inner_text())).replace('\\"', '"')
    assert console.page.title() == "Kii sandbox"


def test_many_devices_can_be_filtered(console: Console, kii: Kii) -> None:
    for number in range(70):
        kii.install("bob" if number % 10 else "alice", "ANDROID", installationRegistrationID=f"r{number}")
    push(kii, EVERYWHERE, "alice")
    expect(console.page.get_by_role("article")).to_have_count(60)
    expect(console.page.get_by_text("60 of 70 devices are shown")).to_be_visible()
    console.page.get_by_role("searchbox", name="Filter devices").fill("ALICE")
    expect(console.page.get_by_role("article")).to_have_count(7)
    expect(console.page.locator(".push")).to_have_count(7)
    console.page.get_by_role("searchbox", name="Filter devices").fill("nobody")
    expect(console.page.get_by_text("No device matches the filter.")).to_be_visible()


def test_a_fault_is_flipped_and_shown_by_name(console: Console, kii: Kii) -> None:
    page = console.page
    limit = page.get_by_role("switch", name="Rate limit")
    limit.click()
    expect(limit).to_be_checked()
    expect(limit).to_contain_text("On")
    expect(page.get_by_role("region", name="Faults")).to_contain_text("On: Rate limit.")
    expect(page.get_by_role("link", name="1 fault on", exact=True)).to_be_visible()
    answer = kii.call("POST", "/users/LOGIN_NAME:bob/push/messages", json=EVERYWHERE)
    assert (answer.status_code, answer.content) == (429, b"")
    assert kii.call("GET", "/topics").status_code == 200
    page.get_by_role("button", name="Turn all off").click()
    expect(limit).not_to_be_checked()
    push(kii, EVERYWHERE)


@pytest.mark.parametrize(("share", "of_all"), [("every send", 1.0), ("one send in two", 0.5)])
def test_faults_that_are_on_together_share_the_sends(
    console: Console, kii: Kii, share: str, of_all: float
) -> None:
    page = console.page
    page.get_by_label("Applies to").select_option(share)
    for name in ("Outage", "Slow", "Cut after delivery"):
        page.get_by_role("switch", name=name).click()
        expect(page.get_by_role("switch", name=name)).to_be_checked()
    left, hits = 1.0, []
    for rule in kii.control("GET", "/faults").json():
        hits.append(left * rule["probability"])
        left -= hits[-1]
    assert hits == pytest.approx([of_all / 3] * 3)
    page.reload()
    console.live()
    expect(page.get_by_label("Applies to").locator(":checked")).to_have_text(share)
    expect(page.get_by_role("switch", checked=True)).to_have_count(3)


def test_rules_set_elsewhere_are_shown_and_kept(console: Console, kii: Kii) -> None:
    rule = {"match": {"method": "GET", "path": "*/topics"}, "times": 4, "status": 500}
    kii.control("PUT", "/faults", json=[rule])
    region = console.page.get_by_role("region", name="Faults")
    expect(region).to_contain_text('"path":"*/topics"')
    region.get_by_role("switch", name="Outage").click()
    expect(region).to_contain_text("On: Outage, 1 other rule.")
    assert [each["status"] for each in kii.control("GET", "/faults").json()] == [503, 500]
    region.get_by_role("button", name="Turn all off").click()
    expect(region).to_contain_text("None on")
    assert kii.control("GET", "/faults").json() == []


def test_reset_asks_first(console: Console, kii: Kii) -> None:
    page = console.page
    kii.install("bob", "ANDROID")
    page.get_by_role("switch", name="Outage").click()
    expect(console.card("bob", "Android")).to_be_visible()
    page.get_by_role("button", name="Reset…").click()
    dialog = page.get_by_role("dialog", name="Go back to the seed?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    expect(console.card("bob", "Android")).to_be_visible()
    page.get_by_role("button", name="Reset…").click()
    dialog.get_by_role("button", name="Reset the sandbox").click()
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", name="No devices yet")).to_be_visible()
    expect(page.get_by_role("switch", checked=True)).to_have_count(0)
    assert kii.control("GET", "/devices").json() == {"devices": []}


def test_a_restarted_sandbox_is_followed_again(browser: Browser, tmp_path: Path) -> None:
    ports = free_ports(2)
    origin = f"http://127.0.0.1:{ports[0]}"
    for folder in ("first", "second"):  # a new state: deliveries count from one again
        server = start_sandbox(ports[0], ports[1], tmp_path / folder)
        try:
            with Kii(origin) as kii:
                if folder == "first":
                    console = Console(browser, origin)
                console.live()
                kii.install("bob", "ANDROID")
                for number in range(2 if folder == "first" else 1):
                    push(kii, {**EVERYWHERE, "data": {"run": folder, "number": str(number)}})
                expect(console.pushes("bob", "Android").first).to_contain_text(f"run{folder}")
        finally:
            end(server)
        expect(console.page.get_by_text("Reconnecting")).to_be_visible()
    expect(console.page.locator(".push")).to_have_count(1)
    assert console.close() == ([], [])


def test_motion_is_reduced_when_asked(browser: Browser, kii: Kii) -> None:
    for motion, animated in (("reduce", False), ("no-preference", True)):
        console = Console(browser, kii.origin, reduced_motion=motion)
        kii.install("bob", "ANDROID")
        push(kii, EVERYWHERE)
        expect(console.pushes("bob", "Android").first).to_be_visible()
        name = console.pushes("bob", "Android").first.evaluate("node => getComputedStyle(node).animationName")
        assert (name != "none") is animated
        assert console.close() == ([], [])


def test_every_control_has_a_name(console: Console, kii: Kii) -> None:
    page = console.page
    kii.install("bob", "ANDROID")
    push(kii, EVERYWHERE)
    console.pushes("bob", "Android").get_by_text("Payload").click()
    page.get_by_label("A topic").check()
    page.get_by_label("Scope").select_option("Thing")
    shown = page.locator("body").aria_snapshot()
    page.get_by_label("Raw JSON").check()
    shown += page.locator("body").aria_snapshot()
    page.get_by_role("button", name="Reset…").click()
    shown += page.get_by_role("dialog").aria_snapshot()
    controls = re.findall(
        r"^\s*- (button|checkbox|combobox|link|radio|searchbox|switch|textbox)\b(.*)", shown, re.MULTILINE
    )
    assert len(controls) > 30
    assert [control for control in controls if not control[1].startswith(' "')] == []
    for landmark in ("- banner", "- main", "- complementary", '- region "Send a push"', '- region "Faults"'):
        assert landmark in shown


def test_the_control_calls_that_the_page_needs(kii: Kii) -> None:
    installed = {kii.install("bob"): "bob", kii.install("lamp", "MQTT"): "lamp"}
    for number in range(3):
        push(kii, {**EVERYWHERE, "data": {"n": str(number)}})
    latest = [each["payload"]["data"]["n"] for each in kii.deliveries(last="2")]
    assert latest == ["1", "2"]
    devices = kii.control("GET", "/devices").json()["devices"]
    assert {each["installationID"]: each["ownerName"] for each in devices} == installed
