"""The Kii REST client: one method per Kii operation over one httpx client."""

import time
from collections.abc import Mapping
from typing import Any

import httpx

from kii_push.errors import (
    KiiError,
    KiiUnavailable,
    KiiUnreachable,
    LoginFailed,
    NoAnswer,
    TooManyRequests,
    WrongToken,
    kii_error,
)
from kii_push.identifiers import APP, Scope, encode
from kii_push.secrets import Credentials, CredentialsSource
from kii_push.tokens import TokenSource

# Seconds. Kii fans a push out before it answers, so reading waits longer than connecting.
TIMEOUT = httpx.Timeout(10, connect=3)
# More threads on one client than about this many collapse on its pool lock (docs/decisions.md).
MAX_CONNECTIONS = 16

# The request cannot have been accepted: it did not get onto a connection (DNS, connect, TLS, pool), or was
# malformed before it left.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_MESSAGE_TYPE = "application/vnd.kii.SendPushMessageRequest+json"


class KiiClient:
    """Calls Kii as the app's admin. Safe to share between threads, up to MAX_CONNECTIONS of them.

    Every method raises the exceptions of `kii_push.errors`: a KiiError for an answer that is not a success,
    KiiUnreachable, NoAnswer, LoginFailed and SecretError. A rejected token is replaced once and the call made
    again.
    """

    def __init__(self, credentials: CredentialsSource, http: httpx.Client) -> None:
        self._credentials = credentials
        self._http = http
        self._tokens = TokenSource(credentials, self.mint_token)

    @property
    def app_id(self) -> str:
        """The app's ID, from the secret."""
        return self._credentials.get().app_id

    def send_to_user(self, user: str, message: Mapping[str, Any]) -> str | None:
        """Direct Push to a user by ID, `LOGIN_NAME:`, `EMAIL:` or `PHONE:`; return the `pushMessageID`.

        None if Kii accepted the message and the answer cannot be read. Fact sheet 3.
        """
        return self._send(f"/users/{encode(user)}/push/messages", message)

    def send_to_topic(self, topic: str, message: Mapping[str, Any], scope: Scope = APP) -> str | None:
        """Push to User: send to the topic's subscribers; return as `send_to_user`. Fact sheet 4.2."""
        return self._send(f"{scope.path}/topics/{encode(topic)}/push/messages", message)

    def mint_token(self, credentials: Credentials, lifetime: int) -> tuple[str, int]:
        """Log in as the app's admin for `lifetime` seconds; return the token and the seconds it lives.

        Fact sheet 2. `expiresAt` goes out in milliseconds; `expires_in` comes back in seconds, sometimes as a
        number far beyond any calendar, and is not believed beyond `lifetime`.
        """
        try:
            answer = self._exchange(
                "POST",
                f"{credentials.base_url}/oauth2/token",
                headers={"X-Kii-AppID": credentials.app_id, "X-Kii-AppKey": "-"},
                json={
                    "client_id": credentials.client_id,
                    "client_secret": credentials.client_secret,
                    "expiresAt": int((time.time() + lifetime) * 1000),
                },
            )
        except (KiiUnreachable, TooManyRequests, KiiUnavailable):
            raise
        except (KiiError, NoAnswer) as error:
            raise LoginFailed(f"no admin token for app {credentials.app_id}: {error.reason}") from None
        body = _json(answer)
        token, seconds = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not token:
            raise LoginFailed(
                f"no admin token for app {credentials.app_id}: Kii's answer has no access_token"
            )
        return token, min(seconds, lifetime) if isinstance(seconds, int) else lifetime

    def _send(self, path: str, message: Mapping[str, Any]) -> str | None:
        answer = self._call("POST", path, headers={"Content-Type": _MESSAGE_TYPE}, json=message)
        found = _json(answer).get("pushMessageID")
        return found if isinstance(found, str) else None

    def _call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, json: Any = None
    ) -> httpx.Response:
        """Call Kii below `/apps/{appID}` with the admin token."""
        token = self._tokens.get()
        try:
            return self._exchange(method, self._url(path), headers=_bearer(token, headers), json=json)
        except WrongToken:
            token = self._tokens.replace(token)
        return self._exchange(method, self._url(path), headers=_bearer(token, headers), json=json)

    def _url(self, path: str) -> str:
        credentials = self._credentials.get()
        return f"{credentials.base_url}/apps/{encode(credentials.app_id)}{path}"

    def _exchange(self, method: str, url: str, *, headers: Mapping[str, str], json: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, url, headers=headers, json=json)
        except _NEVER_SENT as error:
            raise KiiUnreachable(f"Kii cannot be reached ({type(error).__name__})") from None
        except httpx.RequestError as error:
            raise NoAnswer(f"Kii gave no whole answer ({type(error).__name__})") from None
        if answer.is_success:
            return answer
        error_code = _json(answer).get("errorCode")
        raise kii_error(
            answer.status_code,
            error_code if isinstance(error_code, str) else None,
            _seconds(answer.headers.get("Retry-After")),
        )


def http_client(transport: httpx.BaseTransport | None = None) -> httpx.Client:
    """Return the client to make once per environment; `transport` is the seam for tests."""
    # Idle connections are dropped after httpx's default of 5 s: after a freeze they may be dead.
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
    return httpx.Client(timeout=TIMEOUT, limits=limits, transport=transport)


def _bearer(token: str, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **(headers or {})}


def _json(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of an answer, or an empty one: Kii's 429 has none, a proxy's 502 is HTML."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _seconds(retry_after: str | None) -> int | None:
    return int(retry_after) if retry_after and retry_after.isdecimal() else None
