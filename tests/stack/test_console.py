"""The console of the local stack: a push from its form goes through the deployed bundle to a device."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from local.device import Device
from local.stack import LocalStack
from tests.browser import Console, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_a_push_from_the_console_reaches_the_device(
    stack: LocalStack, device: Device, browser: Browser
) -> None:
    console = Console(browser, stack.sandbox_url)
    page = console.page
    expect(console.card("bob", "MQTT")).to_contain_text("Online")
    page.get_by_label("Title", exact=True).fill("From the console")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("201 Created")).to_be_visible()
    assert device.wait_for(title="From the console")
    expect(console.pushes("bob", "MQTT").locator(".title")).to_have_text("From the console")
    assert console.close() == ([], [])


def test_a_problem_of_the_bundles_is_told(stack: LocalStack, device: Device, browser: Browser) -> None:
    console = Console(browser, stack.sandbox_url)
    console.page.get_by_label("Login name").last.fill("nobody-of-that-name")
    console.page.get_by_role("button", name="Send", exact=True).click()
    result = console.page.locator("#send-result")
    expect(result).to_contain_text("404 Not Found")
    expect(result).to_contain_text("USER_NOT_FOUND")
    assert device.received == []
    assert console.close() == ([], [])
