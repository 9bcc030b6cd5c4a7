"""The control calls at `/_sandbox` and the console at `/`, outside of Kii's own paths.

GET    health      200 once the REST API and the broker are ready, with the MQTT ports; 503 before
GET    deliveries  what each device was sent, newest last; ?installationID= ?userID= ?thingID= ?after=SEQ,
                   ?last=N for the newest N
GET    requests    requests that reached Kii: method, path, status; ?after=SEQ
PUT    faults      a list of rules in place of all others (below); GET: what they have left
PUT    rate        {"perSecond": N, "window", "retryAfter"}: a contract rate (below); GET: the same
PUT    clock       {"offsetMs": N} ahead of this machine's, or {"now": N}, by which tokens and endpoints
                   expire; GET: both
DELETE state       back to the seed
GET    devices     every installation, its owner, and whether its MQTT client is connected
GET    events      server-sent events: `delivery`, `device` (look at `devices` again), `reset`
POST   send        {"path", "body", "method"}, forwarded to the bundle's HTTPS door and signed
PUT    bundle      {"url"} of that door; GET: the same

For callers on this machine only; errors are {"error": TEXT}.
"""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from sandbox.control import forwarding
from sandbox.control.local_only import LocalOnlyMiddleware
from sandbox.kii.installation import installation_fields
from sandbox.messages.delivery import log_entry
from sandbox.runtime import Sandbox
from sandbox.settings.faults import FaultRule
from sandbox.settings.rate import ContractRate

CONSOLE = Path(__file__).parents[1] / "console"

_DEVICES = """
    SELECT i.*, e.topic, coalesce(u.login_name, u.email, u.phone, t.vendor_thing_id) AS owner_name
    FROM installations i
    LEFT JOIN endpoints e USING (installation_id)
    LEFT JOIN users u ON u.app_id = i.app_id AND i.owner LIKE 'UserID:%' AND u.user_id = substr(i.owner, 8)
    LEFT JOIN things t ON t.app_id = i.app_id AND i.owner LIKE 'ThingID:%' AND t.thing_id = substr(i.owner, 9)
    ORDER BY i.created
"""


class ClockChange(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """Body of `PUT /_sandbox/clock`: ahead of the machine's by so much, or this time now; milliseconds."""

    offset_ms: Annotated[int, msgspec.Meta(ge=-(10**14), le=10**14)] | None = None
    now: Annotated[int, msgspec.Meta(ge=0, le=10**14)] | None = None


class BundleUrl(msgspec.Struct, forbid_unknown_fields=True):
    """Body of `PUT /_sandbox/bundle`: base URL of the bundle's HTTPS door."""

    url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s?#]+$")]


# What a body must be, for whoever sent another.
_FORMS: dict[object, str] = {
    ContractRate: '{"perSecond": N, "window": "fixed", "sliding" or "bucket", "retryAfter": SECONDS}, N a'
    " whole number, 0 for no limit, the others optional",
    list[
        FaultRule
    ]: 'a list of {"match": {"method", "path"}, "times", "probability", "delayMs", "dripMs", "status",'
    ' "body", "headers", "drop": "before" or "after", "after"}, all optional; `python -m sandbox --help`'
    " explains them",
    ClockChange: '{"offsetMs": N} or {"now": N}, whole numbers of milliseconds',
    BundleUrl: '{"url": "https://..."}',
    forwarding.ForwardRequest: '{"path": "/...", "body": JSON, "method": "GET", "POST", "PUT", "PATCH" or'
    ' "DELETE"}, the last two optional',
}


def application(sandbox: Sandbox) -> ASGIApp:
    """Return the ASGI application for everything but the REST API."""
    calls = _ControlCalls(sandbox)
    routes = [
        Route("/", _page),
        Mount("/_console", StaticFiles(directory=CONSOLE, check_dir=False)),
        Route("/_sandbox/health", calls.health),
        Route("/_sandbox/deliveries", calls.deliveries),
        Route("/_sandbox/requests", calls.requests),
        Route("/_sandbox/devices", calls.devices),
        Route("/_sandbox/events", calls.events),
        Route("/_sandbox/faults", calls.get_faults),
        Route("/_sandbox/faults", calls.put_faults, methods=["PUT"]),
        Route("/_sandbox/rate", calls.get_rate),
        Route("/_sandbox/rate", calls.put_rate, methods=["PUT"]),
        Route("/_sandbox/clock", calls.get_clock),
        Route("/_sandbox/clock", calls.put_clock, methods=["PUT"]),
        Route("/_sandbox/state", calls.reset, methods=["DELETE"]),
        Route("/_sandbox/bundle", calls.get_bundle),
        Route("/_sandbox/bundle", calls.put_bundle, methods=["PUT"]),
        Route("/_sandbox/send", calls.send, methods=["POST"]),
    ]
    handlers: Any = {
        HTTPException: _http_error,
        forwarding.BundleError: _bundle_error,
    }
    return LocalOnlyMiddleware(Starlette(routes=routes, exception_handlers=handlers))


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def _page(_request: Request) -> Response:
    return FileResponse(CONSOLE / "index.html")


async def _http_error(_request: Request, error: HTTPException) -> Response:
    response = _json({"error": error.detail}, error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _bundle_error(_request: Request, error: Exception) -> Response:
    status = error.status if isinstance(error, forwarding.BundleError) else 500
    return _json({"error": str(error)}, status)


class _ControlCalls:
    """One method for each control call."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def health(self, _request: Request) -> Response:
        """Answer 200 once the REST API and the broker are ready."""
        if not self._sandbox.ready:
            return _json({"status": "starting"}, 503)
        ports = self._sandbox.broker.ports
        return _json(
            {
                "status": "ready",
                "mqtt": {"tcp": ports.tcp, "ssl": ports.ssl, "ws": ports.ws, "wss": ports.wss},
            }
        )

    async def deliveries(self, request: Request) -> Response:
        """Return what each device was sent, newest last; given filters apply, `last` so many."""
        query = request.query_params
        conditions = ["seq > ?"]
        values: list[str | int] = [_number(request, "after", 0)]
        for name, column, form in (
            ("installationID", "installation_id", "{}"),
            ("userID", "owner", "UserID:{}"),
            ("thingID", "owner", "ThingID:{}"),
        ):
            if name in query:
                conditions.append(f"{column} = ?")
                values.append(form.format(query[name]))
        values.append(_number(request, "last", -1))  # SQLite: a negative limit is none
        sql = f"SELECT * FROM deliveries WHERE {' AND '.join(conditions)} ORDER BY seq DESC LIMIT ?"  # noqa: S608 (our columns)
        return _json(
            {"deliveries": [log_entry(row) for row in reversed(self._sandbox.store.all(sql, *values))]}
        )

    async def requests(self, request: Request) -> Response:
        """Return the requests that reached the REST API; status is null for one that got no answer."""
        after = _number(request, "after", 0)
        return _json({"requests": [each for each in self._sandbox.requests.entries if each["seq"] > after]})

    async def devices(self, _request: Request) -> Response:
        """Return every installation, with its owner and, for MQTT, whether it is connected."""
        online = await self._sandbox.broker.online()
        rows = self._sandbox.store.all(_DEVICES)
        devices = [
            {
                "appID": row["app_id"],
                **installation_fields(row),
                "ownerName": row["owner_name"],
                "online": row["topic"] in online if row["topic"] else None,
            }
            for row in rows
        ]
        return _json({"devices": devices})

    async def events(self, _request: Request) -> Response:
        """Stream server-sent events: `delivery`, `device` (look at /devices again) and `reset`."""

        async def stream() -> AsyncIterator[bytes]:
            yield b": listening\n\n"
            async for name, event in self._sandbox.event_bus.listen():
                yield f"event: {name}\ndata: ".encode() + msgspec.json.encode(event) + b"\n\n"

        return StreamingResponse(stream(), media_type="text/event-stream")

    async def get_faults(self, _request: Request) -> Response:
        """Return the rules in force, with the times they have left."""
        return _json(self._sandbox.faults.rules)

    async def put_faults(self, request: Request) -> Response:
        """Put a list of rules in force in place of all others."""
        self._sandbox.faults.set(await _decode(request, list[FaultRule]))
        return Response(status_code=204)

    async def get_rate(self, _request: Request) -> Response:
        """Return the contract rate; `perSecond` is 0 when there is none."""
        return _json(self._sandbox.rate.rate)

    async def put_rate(self, request: Request) -> Response:
        """Put a contract rate in force, or take it away; the counts start anew."""
        self._sandbox.rate.set(await _decode(request, ContractRate))
        return Response(status_code=204)

    async def get_clock(self, _request: Request) -> Response:
        """Return the sandbox's time and how far it is ahead of the machine's, in milliseconds."""
        clock = self._sandbox.clock
        return _json({"now": clock.now_ms(), "offsetMs": clock.offset_ms})

    async def put_clock(self, request: Request) -> Response:
        """Move the time by which tokens and endpoints expire."""
        change = await _decode(request, ClockChange)
        clock = self._sandbox.clock
        if change.offset_ms is not None:
            clock.offset_ms = change.offset_ms
        if change.now is not None:
            clock.set_now(change.now)
        self._sandbox.move_clock(clock.offset_ms)
        await self._sandbox.devices.drop_expired()
        return await self.get_clock(request)

    async def reset(self, _request: Request) -> Response:
        """Go back to the seed."""
        await self._sandbox.reset()
        return Response(status_code=204)

    async def get_bundle(self, _request: Request) -> Response:
        """Return the base URL that `/_sandbox/send` sends to."""
        return _json({"url": self._sandbox.bundle_url})

    async def put_bundle(self, request: Request) -> Response:
        """Set the base URL that `/_sandbox/send` sends to."""
        url = (await _decode(request, BundleUrl)).url
        self._sandbox.bundle_url = url.rstrip("/")
        return Response(status_code=204)

    async def send(self, request: Request) -> Response:
        """Forward a request, signed, to the bundle's HTTPS door; answer what it answers."""
        wanted = await _decode(request, forwarding.ForwardRequest)
        status, body = await forwarding.forward(self._sandbox.bundle_url, wanted)
        return Response(body, status, media_type="application/json")


async def _decode[T](request: Request, shape: type[T]) -> T:
    """Return the body as `shape`. Raises HTTPException, as 400, which says what the body must be."""
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise HTTPException(400, f"the body is not valid: {error}; it must be {_FORMS[shape]}") from error


def _number(request: Request, name: str, absent: int) -> int:
    """Return a parameter of the query. Raises HTTPException, as 400, when it is no number of SQLite's."""
    text = request.query_params.get(name)
    if text is None:
        return absent
    if not (text.isascii() and text.isdigit() and len(text) < 19):  # noqa: PLR2004 (digits of 2**63)
        raise HTTPException(400, f"{name} must be a number, 0 or more")
    return int(text)
