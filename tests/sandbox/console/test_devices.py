"""The console's cards: every device, and each push as its device would show it, live."""

import json
from typing import Any

import pytest
from playwright.sync_api import expect

from local.device import Device
from tests.browser import Console
from tests.sandbox.console.support import EVERYWHERE, OFF, push
from tests.sandbox.kii import Kii

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


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


def test_the_control_calls_that_the_page_needs(kii: Kii) -> None:
    installed = {kii.install("bob"): "bob", kii.install("lamp", "MQTT"): "lamp"}
    for number in range(3):
        push(kii, {**EVERYWHERE, "data": {"n": str(number)}})
    latest = [each["payload"]["data"]["n"] for each in kii.deliveries(last="2")]
    assert latest == ["1", "2"]
    devices = kii.control("GET", "/devices").json()["devices"]
    assert {each["installationID"]: each["ownerName"] for each in devices} == installed
