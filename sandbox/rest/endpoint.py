"""An operation's place in the API: its path, how the path is decoded, and a handler for each method.

Paths are routed before they are percent-decoded, so that a `%2F` inside an identifier does not split it.
"""

from urllib.parse import unquote_to_bytes

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import ClientDisconnect
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.kii import errors
from sandbox.rest.call import Call, Handler, execute
from sandbox.rest.response import respond

MAX_BODY_BYTES = 1_048_576  # above anything Kii takes


class _SegmentConvertor(Convertor[str]):
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


class _ScopeConvertor(Convertor[tuple[str, str] | None]):
    """A scope prefix of §4.1, as (`groups`, `users` or `things`, identifier); None for the app.

    Sections (§) are those of docs/kii-push-api.md.
    """

    regex = "(?:/(?:groups|users|things)/[^/]+)?"

    def convert(self, value: str) -> tuple[str, str] | None:
        if not value:
            return None
        kind, _, identifier = value[1:].partition("/")
        return kind, _SegmentConvertor().convert(identifier)


class _PrincipalsConvertor(_SegmentConvertor):
    """`users` or `things`."""

    regex = "(?:users|things)"


register_url_convertor("segment", _SegmentConvertor())
register_url_convertor("principals", _PrincipalsConvertor())
register_url_convertor("scope", _ScopeConvertor())


class Endpoint:
    """The ASGI endpoint of one path: a handler for each method."""

    def __init__(self, **handlers: Handler) -> None:
        self._handlers = dict(handlers)
        if "GET" in handlers:
            self._handlers.setdefault("HEAD", handlers["GET"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the method's handler and send its response. Raises KiiError."""
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
        response = await execute(handler, call)
        await respond(scope, send, response)


def route(path: str, **handlers: Handler) -> Route:
    """Return the route of a path below `/api`, such as `route("/apps/{appID:segment}", GET=handler)`."""
    return Route(path, Endpoint(**handlers))


async def _body(receive: Receive) -> bytes:
    """Return the request's body. Raises INVALID_INPUT_DATA over the limit, ClientDisconnect at half of it."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise errors.invalid_input({"body": f"must have at most {MAX_BODY_BYTES} bytes"})
        more = message.get("more_body", False)
    return b"".join(parts)
