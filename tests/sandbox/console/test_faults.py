"""The console when things go wrong on purpose: faults, the reset, a sandbox that restarts."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from local.process import end, free_ports
from local.sandbox import start_sandbox
from tests.browser import Console
from tests.sandbox.console.support import EVERYWHERE, push
from tests.sandbox.kii import Kii


def test_a_fault_is_flipped_and_shown_by_name(console: Console, kii: Kii) -> None:
    page = console.page
    limit = page.get_by_role("switch", name="Rate limit")
    limit.click()
    expect(limit).to_be_checked()
    expect(limit).to_contain_text("On")
    expect(page.get_by_role("region", name="Faults")).to_contain_text("On: Rate limit.")
    expect(page.get_by_role("link", name="1 fault on", exact=True)).to_be_visible()
    answer = kii.send(EVERYWHERE)
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


def test_the_contract_rate_is_set_and_shown(console: Console, kii: Kii) -> None:
    region = console.page.get_by_role("region", name="Faults")
    field, window = region.get_by_label("Contract rate"), region.get_by_label("Counted by")
    expect(region).to_contain_text("0: no limit.")
    field.fill("1")
    window.select_option("sliding second")
    expect(region).to_contain_text("On: beyond 1 sends a second Kii answers 429.")
    assert kii.control("GET", "/rate").json() == {"perSecond": 1, "window": "sliding", "retryAfter": None}
    push(kii, EVERYWHERE)
    assert kii.send(EVERYWHERE).status_code == 429
    field.fill("1.5")
    field.blur()
    expect(region.get_by_text("Nothing changed. Give a whole number from 0 to 100000.")).to_be_visible()
    assert kii.control("GET", "/rate").json()["perSecond"] == 1


def test_a_contract_rate_set_elsewhere_is_shown(console: Console, kii: Kii) -> None:
    kii.control("PUT", "/rate", json={"perSecond": 20, "window": "bucket", "retryAfter": 2})
    region = console.page.get_by_role("region", name="Faults")
    expect(region.get_by_label("Contract rate")).to_have_value("20")
    expect(region.get_by_label("Counted by").locator(":checked")).to_have_text("bucket")
    expect(region).to_contain_text("beyond 20 sends a second Kii answers 429, with Retry-After: 2.")
    kii.reset()
    expect(region).to_contain_text("0: no limit.")


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
