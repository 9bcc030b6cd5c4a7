"""The door of the REST API, for every call: routing on the undecoded path, CORS, faults, the request log.

Paths are routed before they are percent-decoded, so that a `%2F` inside an identifier does not split it.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route, Router
from starlette.types import Message, Receive, Scope, Send

from sandbox.kii import errors
from sandbox.kii.errors import KiiError
from sandbox.rest.call import Answer, Call, Handler, execute
from sandbox.runtime import Sandbox
from sandbox.settings.faults import Rule

MAX_BODY = 1_048_576  # bytes: above anything Kii takes
OVERRIDES = ("PUT", "PATCH", "DELETE")  # what a POST can say it is, by `X-HTTP-Method-Override`
DROP = "sandbox.drop"  # the ASGI extension by which the server offers to cut a connection

_log = logging.getLogger(__name__)

_EXPOSED = (
    "Content-Type, Authorization, Content-Length, X-Requested-With, ETag, X-Step-Count, "
    "Location, Retry-After, X-MQTT-TTL, X-HTTP-Status-Code"
)
_COMMON = (
    (b"accept-ranges", b"bytes"),
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", _EXPOSED.encode()),
    (b"age", b"0"),
    (b"cache-control", b"max-age=0, no-cache, no-store"),
    (b"server", b"kii-sandbox"),
)


class _Segment(Convertor[str]):
    """A path segment, percent-decoded."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """Return the decoded segment. Raises INVALID_INPUT_DATA."""
        if "%" not in value:
            return value
        try:
            return unquote_to_bytes(value).decode()
        except UnicodeDecodeError as error:
            raise errors.invalid_input({"path": "must be percent-encoded UTF-8"}) from error


class _Scope(Convertor[tuple[str, str] | None]):
    """A scope prefix of section 4.1, as (`groups`, `users` or `things`, identifier); None for the app."""

    regex = "(?:/(?:groups|users|things)/[^/]+)?"

    def convert(self, value: str) -> tuple[str, str] | None:
        if not value:
            return None
        kind, _, identifier = value[1:].partition("/")
        return kind, _Segment().convert(identifier)


class _Principals(_Segment):
    """`users` or `things`."""

    regex = "(?:users|things)"


register_url_convertor("segment", _Segment())
register_url_convertor("principals", _Principals())
register_url_convertor("scope", _Scope())


class Operation:
    """The ASGI endpoint of one path: a handler for each method."""

    def __init__(self, **handlers: Handler) -> None:
        self._handlers = dict(handlers)
        if "GET" in handlers:
            self._handlers.setdefault("HEAD", handlers["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the method's handler and send what it answers. Raises KiiError."""
        handler = self._handlers.get(scope["method"])
        if handler is None:
            allowed = ", ".join(sorted(self._handlers))
            message = f"{scope['method']} is not supported here"
            raise errors.simple(405, "METHOD_NOT_ALLOWED", message, headers={"Allow": allowed})
        call = Call(
            scope["state"]["sandbox"],
            scope["method"],
            scope["path_params"],
            scope["state"]["headers"],
            scope["query_string"].decode("latin-1"),
            await _body(receive),
        )
        answer = await execute(handler, call)
        await _respond(scope, send, answer)


def route(path: str, **handlers: Handler) -> Route:
    """Return the route of a path below `/api`, such as `route("/apps/{appID:segment}", GET=handler)`."""
    return Route(path, Operation(**handlers))


class Gateway:
    """The ASGI application at `/api`."""

    def __init__(self, sandbox: Sandbox, routes: list[BaseRoute]) -> None:
        self._sandbox = sandbox
        self._router = Router(routes, redirect_slashes=False, default=_unknown_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as the fault rules will have it."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        method = scope["method"]
        override = headers.get("x-http-method-override", "").upper()
        if method == "POST" and override in OVERRIDES:
            method = override
        entry = self._sandbox.requests.add(self._sandbox.clock.now_ms(), method, scope["path"])

        async def recording(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await send(message)

        # A preflight is the browser's own: a fault is for the request that it is about.
        rule = None if method == "OPTIONS" else self._sandbox.faults.strike(method, scope["path"])
        scope = {
            **scope,
            "method": method,
            # Kii's JavaScript SDK doubles the slash before the scope of a bucket, and Kii takes it.
            "path": scope["raw_path"].decode("latin-1").removeprefix("/api").replace("//", "/"),
            "state": {"sandbox": self._sandbox, "headers": headers},
        }
        if rule is None:
            await self._answer(scope, receive, recording)
        else:
            await self._faulty(rule, scope, receive, recording)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _preflight(scope, send)
            return
        try:
            await self._router(scope, receive, send)
        except KiiError as error:
            await _respond(scope, send, Answer(error.status, error.body, error.type_name, error.headers))
        except ClientDisconnect:
            return  # in mid-request: nothing has been done, and nobody is there to be told
        except Exception:  # noqa: BLE001 (logged; the caller is owed an answer in Kii's shape)
            _log.exception("%s %s failed", scope["method"], scope["path"])
            failure = errors.simple(500, "UNDEFINED_ERROR", "The sandbox failed; its log says how")
            await _respond(scope, send, Answer(500, failure.body, failure.type_name))

    async def _faulty(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        acts_first = rule.after or rule.drop == "after"
        if not acts_first:
            await asyncio.sleep(rule.delay_ms / 1000)
        if rule.drop == "before":
            await _drop(scope, receive)
            return
        if rule.status is not None and not acts_first:
            await _respond_fault(rule, send)
            return
        if not acts_first:
            await self._answer(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._answer(scope, receive, hold)
        await asyncio.sleep(rule.delay_ms / 1000)
        if rule.drop == "after":
            await _drop(scope, receive)
        elif rule.status is not None:
            await _respond_fault(rule, send)
        else:
            for message in held:
                await send(message)


async def _unknown_path(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise errors.simple(404, "RESOURCE_NOT_FOUND", f"There is no resource at {scope['path']}")


async def _body(receive: Receive) -> bytes:
    """Return the request's body. Raises INVALID_INPUT_DATA over MAX_BODY, ClientDisconnect on half a body."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY:
            raise errors.invalid_input({"body": f"must have at most {MAX_BODY} bytes"})
        more = message.get("more_body", False)
    return b"".join(parts)


async def _respond(scope: Scope, send: Send, answer: Answer) -> None:
    minimal = scope["state"]["headers"].get("kii-m") == "0"
    content = b""
    headers: list[tuple[bytes, bytes]] = []
    if isinstance(answer.body, bytes):
        content = answer.body
    elif answer.body is not None:
        content = msgspec.json.encode(answer.body)
        name = f"vnd.kii.{answer.type_name}+json" if answer.type_name else "json"
        headers.append((b"content-type", f"application/{name};charset=UTF-8".encode()))
    if answer.status != 204:  # noqa: PLR2004
        headers.append((b"content-length", str(len(content)).encode()))
    headers += _encoded(
        {name: text for name, text in answer.headers.items() if not minimal or name != "Location"}
    )
    if not minimal:
        headers += _COMMON
        headers.append((b"x-http-status-code", str(answer.status).encode()))
    if scope["method"] == "HEAD":
        content = b""
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def _respond_fault(rule: Rule, send: Send) -> None:
    status = rule.status or 500
    headers = dict(rule.headers)
    if isinstance(rule.body, str):
        content, kind = rule.body.encode(), "text/plain;charset=UTF-8"
    elif rule.body is None:
        content, kind = b"", ""
    else:
        content, kind = msgspec.json.encode(rule.body), "application/json;charset=UTF-8"
    given = {name.lower() for name in headers}
    if kind and "content-type" not in given:
        headers["Content-Type"] = kind
    if "content-length" not in given and status != 204:  # noqa: PLR2004
        headers["Content-Length"] = str(len(content))
    headers["Access-Control-Allow-Origin"] = "*"
    await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": content})


async def _preflight(scope: Scope, send: Send) -> None:
    wanted = scope["state"]["headers"].get("access-control-request-headers", "")
    headers = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": wanted or "*",
        "Access-Control-Max-Age": "86400",
        "Content-Length": "0",
    }
    await send({"type": "http.response.start", "status": 200, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": b""})


async def _drop(scope: Scope, receive: Receive) -> None:
    """Cut the connection; return once the server has noticed, so that it adds no answer of its own."""
    scope["extensions"][DROP]["cut"]()
    while (await receive())["type"] != "http.disconnect":
        pass


def _encoded(headers: Mapping[str, Any]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), str(text).encode("latin-1")) for name, text in headers.items()]
