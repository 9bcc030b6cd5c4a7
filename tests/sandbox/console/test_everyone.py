"""The console for everyone: by keyboard alone, by ear, on a phone, without motion."""

import json
import re

from playwright.sync_api import Browser, expect

from tests.browser import Console
from tests.sandbox.console.support import EVERYWHERE, Door, push, sent
from tests.sandbox.kii import Kii

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
LONG = "x" * 300


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
    assert kii.send(message).status_code == 201
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
    assert kii.send(message).status_code == 201
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
    assert kii.send(message).status_code == 201
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
