"""The app of the conformance vectors in a running sandbox, and the control calls.

See docs/kii-push-api.md §14.
"""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import boto3
from botocore.stub import Stubber

from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource
from local import loopback

APP = "demoapp1"
CLIENT = {"client_id": "demo-client", "client_secret": "demo-secret"}
PASSWORD = "password"
SEED = Path(__file__).with_name("demoapp1.json")


class Demo:
    """The app, its topic `alerts` there already. What a test opens is closed with it."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.opened = ExitStack()
        self.http = self.opened.enter_context(loopback.client(base_url=origin, timeout=10))
        self._offset = 0

    def __enter__(self) -> Self:
        self.control("DELETE", "/state")
        token = self.http.post("/api/oauth2/token", json=CLIENT, headers={"X-Kii-AppID": APP}).json()
        admin = {"Authorization": f"Bearer {token['access_token']}"}
        self.http.put(f"/api/apps/{APP}/topics/alerts", headers=admin).raise_for_status()
        return self

    def __exit__(self, *_: object) -> None:
        self.opened.close()

    def control(self, method: str, path: str, body: object = None) -> Any:
        """Make a control call and return its answer, if that is JSON."""
        answer = self.http.request(method, f"/_sandbox{path}", json=body).raise_for_status()
        return answer.json() if answer.content else None

    def requests(self) -> list[str]:
        """Return the requests that reached Kii as `METHOD path`, logins apart."""
        found = self.control("GET", "/requests")["requests"]
        return [
            f"{each['method']} {each['path']}" for each in found if not each["path"].endswith("/oauth2/token")
        ]

    def clock(self) -> float:
        """Return the seconds by which the sandbox's clock was put forward."""
        return self._offset / 1000

    def later(self, seconds: float) -> None:
        """Put the sandbox's clock forward."""
        self._offset += int(seconds * 1000)
        self.control("PUT", "/clock", {"offsetMs": self._offset})

    def client(self, **secret: str) -> KiiClient:
        """Return the layer's client for the app; the sandbox's time passes while it sleeps."""
        content = {
            "appID": APP,
            "clientID": CLIENT["client_id"],
            "clientSecret": CLIENT["client_secret"],
            "baseURL": f"{self.origin}/api",
        }
        secrets = boto3.client(
            "secretsmanager", region_name="x", aws_access_key_id="x", aws_secret_access_key="x"
        )
        stubber = Stubber(secrets)
        for _ in range(3):
            answer = {"SecretString": json.dumps(content | secret)}
            stubber.add_response("get_secret_value", answer, {"SecretId": "kii"})
        stubber.activate()
        http = self.opened.enter_context(http_client())
        return KiiClient(CredentialsSource("kii", secrets), http, sleep=self.later)
