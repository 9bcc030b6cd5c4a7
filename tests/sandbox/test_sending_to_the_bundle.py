"""`/_sandbox/send`: what the console sends goes to the bundle's HTTPS door, signed, and nowhere else."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.sandbox.kii import Kii, sandbox


class Door(BaseHTTPRequestHandler):
    """The bundle's HTTPS door, as far as the console goes: it answers what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = {
            "path": self.path,
            "body": json.loads(body or b"null"),
            "authorization": self.headers["Authorization"],
        }
        content = json.dumps(answer).encode()
        self.send_response(202)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def door() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/stage"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def signing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kii]:
    """A sandbox with AWS credentials in its environment."""
    env = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with sandbox(tmp_path_factory.mktemp("signing"), env=env) as origin, Kii(origin) as kii:
        yield kii


def test_sending_through_no_bundle(kii: Kii) -> None:
    answer = kii.http.post("/_sandbox/send", json={"path": "/x"})

    assert answer.status_code == 409
    assert "--bundle-url" in answer.json()["error"]


def test_sending_through_the_bundle(signing: Kii, door: str) -> None:
    request = {"path": "/users/LOGIN_NAME%3Abob/push/messages", "body": {"data": {"a": "b"}}}
    signing.control("PUT", "/bundle", json={"url": f"{door}/"})
    assert signing.control("GET", "/bundle").json() == {"url": door}
    answer = signing.http.post("/_sandbox/send", json=request)

    assert answer.status_code == 202
    assert answer.json()["path"] == f"/stage{request['path']}"
    assert answer.json()["body"] == request["body"]
    assert answer.json()["authorization"].startswith("AWS4-HMAC-SHA256 Credential=test/")
    assert "/us-east-1/execute-api/aws4_request" in answer.json()["authorization"]


@pytest.mark.parametrize("path", ["users", "//evil.example/x", "/../x", "@evil.example/x", "/a/../../x"])
def test_sending_nowhere_else(signing: Kii, door: str, path: str) -> None:
    signing.control("PUT", "/bundle", json={"url": door})

    answer = signing.http.post("/_sandbox/send", json={"path": path})

    if answer.status_code == 202:
        assert answer.json()["path"].startswith("/stage/")
    else:
        assert answer.status_code == 400


def test_a_bundle_that_does_not_answer(signing: Kii) -> None:
    signing.control("PUT", "/bundle", json={"url": "http://127.0.0.1:9"})

    assert signing.http.post("/_sandbox/send", json={"path": "/x"}).status_code == 502
    for bad in ('{"url":"ftp://x"}', '{"url":"http://x/?a"}', "{}", "[]"):
        assert signing.http.put("/_sandbox/bundle", content=bad).status_code == 400


def test_sending_without_credentials(tmp_path: Path, door: str) -> None:
    with sandbox(tmp_path, "--bundle-url", f"{door}/") as origin, Kii(origin) as kii:
        assert kii.control("GET", "/bundle").json() == {"url": door}
        answer = kii.http.post("/_sandbox/send", json={"path": "/x"})

    assert answer.status_code == 409
    assert "credentials" in answer.json()["error"]
