"""Who may use the emulator: programs that hold an access key made for it, and no web page.

A page of any site can send requests to this machine, by the browser of whoever looks at it. MiniStack would
answer them, and run the functions that they make.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qs, quote
from uuid import uuid4

import ministack.app
from ministack.core import iam_evaluator, sigv4
from ministack.core.iam_evaluator import AuthError, CredentialResolutionError, ResolvedCredential
from ministack.core.responses import _account_from_sts_session, get_account_id
from ministack.core.router import detect_service
from ministack.core.sigv4 import HeaderSignature
from ministack.services import apigateway_v1

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = "/_ministack/health"
# `*.localhost` is how S3 and API Gateway name buckets and APIs; no name server is asked for it.
_HOST = re.compile(r"(?:127\.0\.0\.1|(?:[a-z0-9-]+\.)*localhost)(?::\d+)?", re.IGNORECASE)
_QUERY_CREDENTIALS = {"x-amz-credential", "x-amz-signature", "x-amz-algorithm", "awsaccesskeyid", "signature"}

caller: ContextVar[ResolvedCredential | None] = ContextVar("caller", default=None)
"""Who signed the request that is being answered; None where the emulator itself acts."""


class Guard:
    """An ASGI application in front of MiniStack's."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on to MiniStack, or refuse it."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            # Nothing here is served by WebSocket.
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        if _from_a_page(headers):
            message = "The local stack answers programs on this machine, and no web page.\n"
            await _answer(send, 403, {"Content-Type": "text/plain"}, message.encode())
            return
        if scope["method"] == "GET" and scope["path"] == HEALTH:
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            return
        checked = _authenticate(scope, headers, body)
        if isinstance(checked, AuthError):
            await _answer(send, *_refusal(scope, headers, checked))
            return
        caller.set(checked)
        await self._app(_as_https(scope), _replay(body, receive), send)


def _from_a_page(headers: dict[str, str]) -> bool:
    """Tell whether a browser sent this for a page of another origin, or to a name made to lead here."""
    host = headers.get("host", "")
    return (
        not _HOST.fullmatch(host)
        or headers.get("origin") not in (None, f"http://{host}")
        or headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    )


def _authenticate(
    scope: Scope, headers: dict[str, str], body: bytes
) -> ResolvedCredential | AuthError | None:
    """Return whose signature the request has, or what is wrong with it.

    An unsigned call of an API goes on without: API Gateway refuses it in its own way. Not one that only its
    host makes one: MiniStack looks at some paths before it looks at the host.
    """
    times = Counter(name.lower() for name, _ in scope["headers"])
    if _QUERY_CREDENTIALS & {name.lower() for name in _query(scope)}:
        return AuthError("IncompleteSignature", "Sign in the Authorization header, not in the query string.")
    if not times[b"authorization"] and scope["path"].startswith("/restapis/") and _api_call(scope, headers):
        return None
    if times[b"authorization"] != 1 or times[b"x-amz-security-token"] > 1:
        return AuthError("MissingAuthenticationToken", "Sign the request, once, with the local stack's key.")
    signature = _signature(headers)
    credential = _credential(signature, headers) if isinstance(signature, HeaderSignature) else signature
    if isinstance(credential, AuthError):
        return credential
    path = scope.get("raw_path") or quote(scope["path"]).encode()
    failure = sigv4.request_time_failure(signature) or sigv4.header_signature_failure(
        signature,
        credential.secret_access_key,
        scope["method"],
        path.decode("latin-1"),
        _query(scope),
        headers,
        body,
    )
    return AuthError(*failure) if failure else credential


def _signature(headers: dict[str, str]) -> HeaderSignature | AuthError:
    if headers["authorization"].startswith("AWS4-HMAC-SHA256 "):
        parsed = sigv4.parse_header_signature(headers)
    else:
        unknown = ("IncompleteSignature", "Sign the request with AWS4-HMAC-SHA256.")
        parsed = sigv4.foreign_authorization_failure(headers) or unknown
    return AuthError(*parsed) if isinstance(parsed, tuple) else parsed


def _credential(signature: HeaderSignature, headers: dict[str, str]) -> ResolvedCredential | AuthError:
    """Return the key that is named: the root key, a user's or a session's."""
    key = signature.access_key_id
    account = _account_from_sts_session(key) or iam_evaluator.find_iam_access_key_account(key)
    found = iam_evaluator.resolve_credential(
        key, account or get_account_id(), headers.get("x-amz-security-token", "")
    )
    return AuthError(found.code, found.message) if isinstance(found, CredentialResolutionError) else found


def _refusal(scope: Scope, headers: dict[str, str], error: AuthError) -> tuple[int, dict[str, str], bytes]:
    """Return the answer that AWS's own service would give."""
    query = _query(scope)
    if called := _api_call(scope, headers):
        api_id, stage, path = called
        stage, _ = ministack.app._resolve_stage_and_path(api_id, stage, path)
        refused = apigateway_v1.authentication_error_response(api_id, stage, error, headers, query)
        return refused or (403, {"Content-Type": "application/json"}, _message(error))
    service = detect_service(scope["method"], scope["path"], headers, query)
    request_id = str(uuid4())
    status, answer, body = ministack.app._credential_failure(service, "", request_id, error, headers)
    return status, answer, body


def _message(error: AuthError) -> bytes:
    return json.dumps({"message": error.message}).encode()


def _api_call(scope: Scope, headers: dict[str, str]) -> tuple[str, str, str] | None:
    """Return the API, stage and path of a call through API Gateway, None for anything else."""
    host, path = headers["host"], scope["path"]
    called: tuple[str, str, str] | None = ministack.app._parse_execute_api_url(host, path)
    return called


def _headers(scope: Scope) -> dict[str, str]:
    """Return the headers as a signature covers them: what comes repeatedly is one list."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name, text = raw.decode("latin-1").lower(), sigv4.decode_header_value(value)
        headers[name] = f"{headers[name]},{text}" if name in headers else text
    return headers


def _query(scope: Scope) -> dict[str, list[str]]:
    return parse_qs(scope["query_string"].decode("utf-8", "replace"), keep_blank_values=True)


def _as_https(scope: Scope) -> Scope:
    """Mark the request as come by TLS, as all do on AWS: policies may ask for it."""
    others = [(name, value) for name, value in scope["headers"] if name.lower() != b"x-forwarded-proto"]
    return {**scope, "headers": [*others, (b"x-forwarded-proto", b"https")]}


async def _body(receive: Receive) -> bytes | None:
    """Return all of the request's body, None when the client has gone."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return what hands out the body once more, and then what comes after it."""
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replaying() -> Message:
        return left.pop() if left else await receive()

    return replaying


async def _answer(send: Send, status: int, headers: dict[str, str], body: bytes) -> None:
    listed = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": listed})
    await send({"type": "http.response.body", "body": body})
