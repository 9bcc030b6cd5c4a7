"""One call of Kii's REST API: what came in, what goes out, and the step from the one to the other."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, quote

import msgspec

from sandbox.kii import errors
from sandbox.kii.principal import Principal
from sandbox.kii.scope import Scope
from sandbox.people import directory
from sandbox.rest.response import Response
from sandbox.runtime import Sandbox
from sandbox.store import Effect, Store


@dataclass
class Call:
    """A request to an app. `params` are the path's, percent-decoded; header names are in lower case.

    What must happen once the request's writes are committed goes to `effects`; the response waits for it.
    """

    sandbox: Sandbox
    method: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    query_string: str
    raw_body: bytes
    effects: list[Effect] = field(default_factory=list)

    @property
    def store(self) -> Store:
        """The store, inside the request's transaction."""
        return self.sandbox.store

    @cached_property
    def app_id(self) -> str:
        """The path's app. Raises APP_NOT_FOUND."""
        return directory.app(self.store, self.params["appID"]).app_id

    @cached_property
    def principal(self) -> Principal:
        """The caller (docs/kii-push-api.md §9.4). Raises UNAUTHORIZED, WRONG_TOKEN, APP_NOT_FOUND."""
        return self._authenticate()

    @cached_property
    def scope(self) -> Scope:
        """The scope that the path names. Raises its owner's not-found error."""
        return directory.scope(self.store, self.principal, self.params["scope"])

    def query(self, name: str) -> str | None:
        """Return a query parameter, or None."""
        values = parse_qs(self.query_string, keep_blank_values=True).get(name) if self.query_string else None
        return values[0] if values else None

    def json(self) -> Any:
        """Return the body as JSON. Raises INVALID_JSON."""
        try:
            return msgspec.json.decode(self.raw_body)
        except (msgspec.MsgspecError, UnicodeError) as error:
            raise errors.invalid_json(str(error)) from error

    def json_object(self) -> dict[str, Any]:
        """Return the body as a JSON object. Raises INVALID_JSON, INVALID_INPUT_DATA."""
        body = self.json()
        if not isinstance(body, dict):
            raise errors.invalid_input({"body": "must be a JSON object"})
        return body

    def location(self, *path: str) -> str:
        """Return the URL of something below the app, for a `Location` header."""
        below = "/".join(quote(segment, safe="") for segment in ("apps", self.app_id, *path))
        return f"http://{self.headers.get('host', 'localhost')}/api/{below}"

    def identified_app(self) -> str | None:
        """Return the appID of a Basic `Authorization` or an `X-Kii-AppID` header; no key is looked at."""
        scheme, _, credentials = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(credentials, validate=True).decode().partition(":")[0]
            except (binascii.Error, UnicodeDecodeError):
                return None
        return self.headers.get("x-kii-appid")

    def _authenticate(self) -> Principal:
        app_id = self.app_id
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip():
            principal = self.sandbox.tokens.principal(app_id, token.strip())
            if principal.app_id != app_id:
                if self.sandbox.policy.foreign_token_status == 403:  # noqa: PLR2004
                    raise errors.wrong_token(app_id, token.strip())
                raise errors.unauthorized(principal)
            return principal
        if self.identified_app() != app_id:
            raise errors.unauthorized(None)
        return Principal("anonymous", app_id)


Handler = Callable[[Call], Response]


async def execute(handler: Handler, call: Call) -> Response:
    """Run the handler in one transaction, then its effects. Raises KiiError, having written nothing."""
    try:
        with call.store.transaction():
            response = handler(call)
    except RecursionError as error:  # nothing else is as deep as what a caller can send
        raise errors.invalid_json("it is nested too deeply") from error
    for effect in call.effects:
        await effect()
    return response
