"""Who may use the control calls and the console: this machine, and no other site's pages in its browser."""

import ipaddress

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)


class LocalOnlyMiddleware:
    """Refuses other machines and other sites' pages; adds the headers that our own pages need.

    The `Host` check keeps out sites that have their own name point at this machine.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope)
        if request.client is None or not _is_loopback(request.client.host):
            refusal: ASGIApp = _refusal("this is for callers on the sandbox's own machine only")
            await refusal(scope, receive, send)
        elif not _is_loopback(request.url.hostname or "") or _is_foreign(request):
            refusal = _refusal("this is for the sandbox's own pages only")
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, _adding_headers(send))


def _is_foreign(request: Request) -> bool:
    host = request.headers.get("host", "")
    return request.headers.get("origin") not in (None, f"http://{host}", f"https://{host}")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(reason: str) -> Response:
    return Response(msgspec.json.encode({"error": reason}), 403, media_type="application/json")


def _adding_headers(send: Send) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_HEADERS]
        await send(message)

    return adding
