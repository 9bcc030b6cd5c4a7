"""Kii as a server that many processes log in to. It counts the logins, and its tokens can be revoked."""

import itertools
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, override

if TYPE_CHECKING:
    from collections.abc import Callable


class LoginServer(ThreadingHTTPServer):
    """Takes any login, and every push with a token that is not revoked. `logins` counts by client secret."""

    daemon_threads = True
    # Hundreds of environments connect at once.
    request_queue_size = 1024

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.logins: Counter[str] = Counter()
        self.during_login: Callable[[str], object] = lambda _: None
        self.login_seconds = 0.3
        self._numbers = itertools.count()
        self._valid: set[str] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def kii_url(self) -> str:
        """Where Kii's API is."""
        return f"http://127.0.0.1:{self.server_port}/api"

    def revoke(self) -> None:
        """Reject all tokens from now on that were given out so far."""
        self._valid = set()

    def close(self) -> None:
        """Stop serving."""
        self.shutdown()
        self.server_close()

    def answer(self, path: str, token: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Return the status and body of an answer."""
        if path.endswith("/oauth2/token"):
            with self._lock:
                self.logins[body["client_secret"]] += 1
            self.during_login(body["client_secret"])
            time.sleep(self.login_seconds)
            number = f"token-{next(self._numbers)}"
            self._valid.add(number)
            return 200, {"access_token": number, "expires_in": 3600}
        if token.removeprefix("Bearer ") not in self._valid:
            return 403, {"errorCode": "WRONG_TOKEN"}
        return 201, {"pushMessageID": "m"}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoginServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, content = self.server.answer(self.path, self.headers.get("Authorization", ""), body)
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    @override
    def log_message(self, *_: object) -> None:
        """Say nothing."""
