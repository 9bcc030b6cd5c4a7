"""What the console's tests share: messages, sending with and without the page, and a door to send through."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from playwright.sync_api import expect

from tests.browser import Console
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


def push(kii: Kii, message: dict[str, Any], user: str = "bob") -> None:
    """Send a push that must be taken."""
    assert kii.call("POST", f"/users/LOGIN_NAME:{user}/push/messages", json=message).status_code == 201


def sent(console: Console) -> str:
    """Press Send; return what the page says then."""
    console.page.get_by_role("button", name="Send", exact=True).click()
    result = console.page.locator("#send-result")
    expect(result).not_to_be_empty()
    return result.inner_text()


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
