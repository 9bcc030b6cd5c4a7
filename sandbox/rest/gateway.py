"""The entrance to the REST API: routing by the path before it is decoded, CORS, faults, the request log."""

import asyncio
import logging

import msgspec
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Router
from starlette.types import Message, Receive, Scope, Send

from sandbox.kii import errors
from sandbox.kii.errors import KiiError
from sandbox.rest.connection import dripping, drop
from sandbox.rest.response import Response, encode_headers, respond
from sandbox.runtime import Sandbox
from sandbox.settings.faults import FaultRule

OVERRIDE_METHODS = ("PUT", "PATCH", "DELETE")  # what a POST can say it is, by `X-HTTP-Method-Override`

_log = logging.getLogger(__name__)


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
        if method == "POST" and override in OVERRIDE_METHODS:
            method = override
        entry = self._sandbox.requests.add(self._sandbox.clock.now_ms(), method, scope["path"])
        # A preflight is the browser's own: a fault is for the request that it is about.
        rule = None if method == "OPTIONS" else self._sandbox.faults.take_rule(method, scope["path"])
        answer = dripping(scope, receive, rule.drip_ms) if rule is not None and rule.drip_ms else send

        async def recording(message: Message) -> None:
            if message["type"] == "http.response.start":
                entry["status"] = message["status"]
            await answer(message)

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
            await self._apply_fault(rule, scope, receive, recording)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _preflight(scope, send)
            return
        try:
            await self._router(scope, receive, send)
        except KiiError as error:
            await respond(scope, send, Response(error.status, error.body, error.type_name, error.headers))
        except ClientDisconnect:
            return  # in mid-request: nothing has been done, and nobody is there to be told
        except Exception:  # noqa: BLE001 (logged; the caller is owed an answer in Kii's shape)
            _log.exception("%s %s failed", scope["method"], scope["path"])
            failure = errors.simple(500, "UNDEFINED_ERROR", "The sandbox failed; its log says how")
            await respond(scope, send, Response(500, failure.body, failure.type_name))

    async def _apply_fault(self, rule: FaultRule, scope: Scope, receive: Receive, send: Send) -> None:
        acts_first = rule.after or rule.drop == "after"
        if not acts_first:
            await asyncio.sleep(rule.delay_ms / 1000)
        if rule.drop == "before":
            await drop(scope, receive, rule.drip_ms)
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
            await drop(scope, receive, rule.drip_ms)
        elif rule.status is not None:
            await _respond_fault(rule, send)
        else:
            for message in held:
                await send(message)


async def _unknown_path(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise errors.simple(404, "RESOURCE_NOT_FOUND", f"There is no resource at {scope['path']}")


async def _respond_fault(rule: FaultRule, send: Send) -> None:
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
    await send({"type": "http.response.start", "status": status, "headers": encode_headers(headers)})
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
    await send({"type": "http.response.start", "status": 200, "headers": encode_headers(headers)})
    await send({"type": "http.response.body", "body": b""})
