"""Headless Chromium from Debian, and the sandbox's console as tests see it: by role, name and text."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Request, expect, sync_playwright

_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_ANSWER_MS = 15_000

expect.set_options(timeout=_ANSWER_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser; `local/need.sh chromium chromium` installs it where it is missing."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        yield browser
        browser.close()


class Console:
    """The console in a fresh browser window. `close` tells whether the page kept to its own origin."""

    def __init__(self, browser: Browser, origin: str, **context: Any) -> None:
        """Open it; `context` is what `Browser.new_context` takes."""
        self._context = browser.new_context(**context)
        self._context.set_default_timeout(_ANSWER_MS)
        self._origin = origin
        self._foreign: list[str] = []
        self._broken: list[str] = []
        self.page: Page = self._context.new_page()
        self.page.on("request", self._on_request)
        self.page.on("pageerror", lambda error: self._broken.append(str(error)))
        self.page.goto(origin)
        self.live()

    def close(self) -> tuple[list[str], list[str]]:
        """Close the window; return the addresses asked for elsewhere, and what its scripts threw."""
        self._context.close()
        return self._foreign, self._broken

    def live(self) -> None:
        """Wait until the page follows the sandbox."""
        expect(self.page.get_by_text("Live", exact=True)).to_be_visible()

    def card(self, owner: str, device_type: str) -> Locator:
        """Return the card of a device."""
        return self.page.get_by_role("article", name=f"{owner} {device_type}", exact=True)

    def pushes(self, owner: str, device_type: str) -> Locator:
        """Return the pushes on a card, newest first."""
        return self.card(owner, device_type).locator(".push")

    def tab_to(self, name: str, *, at_most: int = 80) -> Locator:
        """Press Tab until the control whose name starts so has the focus; return it."""
        focused = self.page.locator(":focus")
        for _ in range(at_most):
            self.page.keyboard.press("Tab")
            if focused.count() and _name(focused).startswith(name):
                return focused
        raise AssertionError(f"{name} cannot be reached with the Tab key")

    def overflow(self) -> int:
        """Return how many pixels the page is wider than its window."""
        wider: int = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        return wider

    def _on_request(self, request: Request) -> None:
        if not request.url.startswith((f"{self._origin}/", "data:")):
            self._foreign.append(request.url)


def _name(control: Locator) -> str:
    """Return a control's accessible name; Playwright has none for a summary, whose name is its text."""
    if control.evaluate("node => node.tagName") == "SUMMARY":
        return control.inner_text()
    return control.aria_snapshot().splitlines()[0].partition('"')[2].rpartition('"')[0]
