"""The Kii REST client: the token, one exchange, what a failure means, and the sends.

Kii's other operations have modules of their own, as classes that take a KiiClient: `topics`, `subscriptions`,
`installations`, `objects`, `accounts` and `user_payloads`.
"""

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from kii_push.common.backoff import equal_jitter
from kii_push.errors import (
    KiiError,
    KiiUnavailable,
    KiiUnreachable,
    LoginFailed,
    NoAnswer,
    PushError,
    TooManyRequests,
    WrongToken,
    kii_error,
)
from kii_push.kii.credentials import Credentials, CredentialsSource
from kii_push.kii.deadline import total_deadline
from kii_push.kii.identifiers import APP, Scope, encode
from kii_push.kii.response import Response, content, id_or_none
from kii_push.kii.shared_token import Session, SharedToken
from kii_push.kii.tokens import TokenSource

# In seconds. Kii fans a push out before it answers, so reading waits longer than connecting.
TIMEOUT = httpx.Timeout(10, connect=3)
# In all for an exchange, however slowly the answer comes: a login and a send fit into an API function's 28 s.
EXCHANGE_SECONDS = 12
# With many more threads than this, one client's throughput collapses on its pool lock (docs/decisions.md).
MAX_CONNECTIONS = 16
# Pauses before the second and the third attempt of a GET, each shortened at random by up to a half.
BACKOFF_SECONDS = (0.2, 0.8)
# A GET is attempted again only within this time of the first attempt: an API function has 28 s in all.
RETRY_SECONDS = 8

# The request cannot have been accepted: it did not get onto a connection (DNS, connect, TLS, pool), or was
# malformed before it left. UnicodeError is the resolver's word for a host name that cannot be one.
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    UnicodeError,
)
_PASSING = {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
_MESSAGE_TYPE = "application/vnd.kii.SendPushMessageRequest+json"
# RFC 6750 2.1, without which the token would not fit into a header.
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
# A token that says it lives shorter is kept as any other: if it is true, Kii rejects it.
_SHORTEST_LIFE_SECONDS = 60


class KiiClient:
    """Calls Kii as the app's admin. Safe to share between threads, up to MAX_CONNECTIONS of them.

    Every method, here and in the modules named above, raises the exceptions of `kii_push.errors`: a KiiError
    for an answer that is not a success, KiiUnreachable, NoAnswer, LoginFailed and SecretError. A rejected
    token is replaced once and the call made again. With `shared` it is one token for all environments.
    `clock` tells, and `sleep` takes, seconds.
    """

    def __init__(
        self,
        credentials: CredentialsSource,
        http: httpx.Client,
        shared: SharedToken | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = credentials
        self._http = http
        self._tokens = TokenSource(credentials, self.mint_token, shared, clock)
        self._clock = clock
        self._sleep = sleep

    @property
    def app_id(self) -> str:
        """The app's ID, from the secret."""
        return self._credentials.get().app_id

    def send_to_user(self, user: str, message: Mapping[str, Any]) -> str | None:
        """Direct Push to a user by ID, `LOGIN_NAME:`, `EMAIL:` or `PHONE:`; return the `pushMessageID`.

        None if Kii accepted the message and the answer cannot be read. See docs/kii-push-api.md §3.
        """
        return self._send(f"/users/{encode(user)}/push/messages", message)

    def send_to_topic(self, topic: str, message: Mapping[str, Any], scope: Scope = APP) -> str | None:
        """Push to User: send to the topic's subscribers; return as `send_to_user`. See §4.2."""
        return self._send(f"{scope.path}/topics/{encode(topic)}/push/messages", message)

    def mint_token(self, credentials: Credentials, lifetime: int) -> tuple[str, int]:
        """Log in as the app's admin for `lifetime` seconds; return the token and the seconds it lives.

        See §2. `expiresAt` goes out in milliseconds; `expires_in` comes back in seconds, sometimes as a
        number far beyond any calendar, and is believed only from a minute to `lifetime`.
        """
        try:
            answer = self._exchange(
                "POST",
                f"{credentials.base_url}/oauth2/token",
                headers={"X-Kii-AppID": encode(credentials.app_id), "X-Kii-AppKey": "-"},
                json={
                    "client_id": credentials.client_id,
                    "client_secret": credentials.client_secret,
                    "expiresAt": int((time.time() + lifetime) * 1000),
                },
            )
        except (KiiUnreachable, TooManyRequests, KiiUnavailable):
            raise
        except (KiiError, NoAnswer) as error:
            raise LoginFailed(f"no admin token for app {credentials.app_id}: {error.detail}") from None
        body = answer.json()
        token, seconds = body.get("access_token"), body.get("expires_in")
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            raise LoginFailed(
                f"no admin token for app {credentials.app_id}: Kii's answer has no access_token"
            )
        if not isinstance(seconds, int) or not _SHORTEST_LIFE_SECONDS <= seconds <= lifetime:
            seconds = lifetime
        return token, seconds

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
    ) -> Response:
        """Call Kii below `/apps/{appID}` with the admin token; `query` without what is None.

        A GET that fails in passing is attempted up to two times more. No other method is: Kii takes no key
        that would tell a repeated push from a second one (§9.5).
        """
        given = {name: value for name, value in (query or {}).items() if value is not None}
        if given:
            path = f"{path}?{urlencode(given, quote_via=quote, safe='')}"

        def ask(session: Session) -> Response:
            return self._exchange(method, _url(session, path), headers=_bearer(session, headers), json=json)

        session = self._tokens.get()
        try:
            return ask(session)
        except WrongToken:
            rejected_at = self._clock()
            session = self._tokens.replace(session)
        try:
            return ask(session)
        except WrongToken:
            # One that another environment had minted before may have been revoked together with ours.
            if session.token.minted_at >= rejected_at:
                raise
            session = self._tokens.replace(session)
        return ask(session)

    def exists(self, path: str, *, missing: str | tuple[str, ...]) -> bool:
        """Say whether a GET of `path` succeeds: any 2xx will do, since Kii's sources name different ones.

        False is a 404 with the error code `missing` (or one of them), or without a code. Any other KiiError
        is raised.
        """
        codes = {missing} if isinstance(missing, str) else set(missing)
        try:
            self.call("GET", path)
        except KiiError as error:
            if error.status == HTTPStatus.NOT_FOUND and (
                error.error_code is None or error.error_code in codes
            ):
                return False
            raise
        return True

    def _send(self, path: str, message: Mapping[str, Any]) -> str | None:
        answer = self.call("POST", path, headers={"Content-Type": _MESSAGE_TYPE}, json=message)
        return id_or_none(answer.json().get("pushMessageID"))

    def _exchange(self, method: str, url: str, *, headers: Mapping[str, str], json: Any = None) -> Response:
        latest = self._clock() + RETRY_SECONDS
        for pause in BACKOFF_SECONDS if method == "GET" else ():
            try:
                return self._once(method, url, headers, json)
            except PushError as error:
                wait = max(equal_jitter(pause), _asked_wait(error))
                if not _in_passing(error) or self._clock() + wait > latest:
                    raise
            self._sleep(wait)
        return self._once(method, url, headers, json)

    def _once(self, method: str, url: str, headers: Mapping[str, str], json: Any) -> Response:
        try:
            request = self._http.build_request(method, url, headers=headers, json=json)
        except httpx.InvalidURL:
            raise KiiUnreachable("Kii cannot be reached (InvalidURL)") from None
        try:
            with (
                total_deadline(EXCHANGE_SECONDS),
                contextlib.closing(self._http.send(request, stream=True)) as response,
            ):
                answer = Response(response.status_code, response.headers, content(response))
        except _NEVER_SENT as error:
            raise KiiUnreachable(f"Kii cannot be reached ({type(error).__name__})") from None
        except (httpx.RequestError, httpx.InvalidURL) as error:
            # httpx reads a redirect's target, which may be no URL, though it does not go there.
            raise NoAnswer(f"Kii gave no whole answer ({type(error).__name__})") from None
        if response.is_success:
            return answer
        raise kii_error(answer.status, answer.error_code, answer.retry_after)


def http_client(
    transport: httpx.BaseTransport | None = None, on_request: Callable[[httpx.Request], None] | None = None
) -> httpx.Client:
    """Return the client to make once per environment.

    `transport` is the seam for tests; `on_request` is called with every request that goes out.
    """
    # Idle connections are dropped after httpx's default of 5 s: after a freeze they may be dead.
    limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
    client = httpx.Client(
        timeout=TIMEOUT,
        limits=limits,
        transport=transport,
        headers={"Accept-Encoding": "identity"},
        event_hooks={"request": [on_request] if on_request else []},
    )
    from kii_push.kii import bounded_connections  # noqa: PLC0415 (httpcore: for what calls Kii only)

    return bounded_connections.bound(client)


def _url(session: Session, path: str) -> str:
    credentials = session.credentials
    return f"{credentials.base_url}/apps/{encode(credentials.app_id)}{path}"


def _bearer(session: Session, headers: Mapping[str, str] | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.token.value}", **(headers or {})}


def _in_passing(error: PushError) -> bool:
    """Say whether the next try may well succeed: 503, 504 or no connection (§9.5)."""
    if isinstance(error, KiiError):
        # The caller decides how long to wait for an endpoint that is not ready.
        return error.error_code != "MQTT_ENDPOINT_NOT_READY" and error.status in _PASSING
    return isinstance(error, KiiUnreachable | NoAnswer)


def _asked_wait(error: PushError) -> int:
    return (error.asked_wait or 0) if isinstance(error, KiiError) else 0
