"""Access tokens: `/oauth2/token` and `/apps/{appID}/oauth2/token`, and all their grants.

See docs/kii-push-api.md §2.
"""

from typing import Any
from urllib.parse import parse_qs

from sandbox.kii import errors
from sandbox.kii.errors import KiiError, OAuthError
from sandbox.kii.principal import Principal
from sandbox.people import directory
from sandbox.people.directory import VENDOR_THING_ID, KiiApp
from sandbox.people.passwords import password_matches
from sandbox.people.seed import stable_id
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response

MAX_EXPIRES_AT_MS = 2**53  # beyond it, JSON numbers are not exact everywhere


def token(call: Call) -> Response:
    """Answer a token request. A failed login is returned, not raised: it must be counted."""
    fields = _fields(call)
    app = _app(call, fields)
    try:
        return Response(200, _grant(call, app, fields))
    except OAuthError as error:
        return Response(error.status, error.body)


def _fields(call: Call) -> dict[str, Any]:
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            form = parse_qs(call.raw_body.decode(), keep_blank_values=True, max_num_fields=50)
        except ValueError as error:
            raise errors.invalid_input({"body": "must be a form in UTF-8"}) from error
        return {name: values[0] for name, values in form.items()}
    return call.json_object()


def _app(call: Call, fields: dict[str, Any]) -> KiiApp:
    """Return the app that the path, the headers or the client ID name."""
    app_id = call.params.get("appID") or call.identified_app()
    if app_id is not None:
        return directory.app(call.store, app_id)
    client_id = fields.get("client_id")
    app = directory.app_of_client(call.store, client_id) if isinstance(client_id, str) else None
    if app is None:
        raise errors.unauthorized(None)
    return app


def _grant(call: Call, app: KiiApp, fields: dict[str, Any]) -> dict[str, Any]:
    expires = _expires(call, fields)
    # The app's own endpoint wants it said (§2.1).
    match fields.get("grant_type") or (None if "appID" in call.params else _infer_grant_type(fields)):
        case "client_credentials":
            return call.sandbox.tokens.mint(_client(app, fields), expires)
        case "password":
            return call.sandbox.tokens.mint(_login(call, app, fields), expires)
        case "refresh_token":
            return call.sandbox.tokens.refresh(app.app_id, _text(fields, "refresh_token"), expires)
        case "authorization_code":
            # Codes come from a social login in a browser, which is not played here: none is ever valid.
            _text(fields, "code")
            raise OAuthError("invalid_grant", "The authorization code is not valid")
        case None:
            raise OAuthError("invalid_request", "grant_type is missing")
        case _:
            raise OAuthError("unsupported_grant_type", "The grant type is not supported")


def _infer_grant_type(fields: dict[str, Any]) -> str | None:
    for field, grant in (
        ("username", "password"),
        ("code", "authorization_code"),
        ("client_id", "client_credentials"),
    ):
        if field in fields:
            return grant
    return None


def _client(app: KiiApp, fields: dict[str, Any]) -> Principal:
    client_id, secret = _text(fields, "client_id"), _text(fields, "client_secret")
    if client_id == app.app_id:  # the app's key is no longer checked (§1.2)
        return Principal("anonymous", app.app_id)
    if (client_id, secret) != (app.client_id, app.client_secret):
        raise OAuthError("invalid_client", "The client credentials are not valid")
    return Principal("admin", app.app_id, stable_id("admin", app.app_id))


def _login(call: Call, app: KiiApp, fields: dict[str, Any]) -> Principal:
    username, password = _text(fields, "username"), _text(fields, "password")
    policy, now = call.sandbox.policy, call.sandbox.clock.now_ms()
    row = call.store.one("SELECT * FROM logins WHERE app_id = ? AND username = ?", app.app_id, username)
    if row and row["locked_until"] > now:
        raise OAuthError("invalid_grant", "The login name is locked")
    principal = _principal_of_login(call, app.app_id, username, password)
    if principal is not None:
        call.store.run("DELETE FROM logins WHERE app_id = ? AND username = ?", app.app_id, username)
        return principal
    if policy.max_login_attempts:
        failures = (row["failures"] if row and not row["locked_until"] else 0) + 1
        locked = failures >= policy.max_login_attempts
        until = now + policy.login_lock_period_seconds * 1000 if locked else 0
        call.store.run(
            "INSERT OR REPLACE INTO logins VALUES (?, ?, ?, ?)", app.app_id, username, failures, until
        )
    raise OAuthError("invalid_grant", "The user name or the password is wrong")


def _principal_of_login(call: Call, app_id: str, username: str, password: str) -> Principal | None:
    for identifier in _identifiers(username):
        try:
            if identifier.startswith(VENDOR_THING_ID):
                row = directory.thing(call.store, app_id, identifier)
                principal = Principal("thing", app_id, row["thing_id"])
            else:
                row = directory.user(call.store, app_id, identifier)
                principal = Principal("user", app_id, row["user_id"])
        except KiiError:
            continue  # nobody by that address: the next form may be what was meant
        return principal if password_matches(password, row["password"]) else None
    return None


def _identifiers(username: str) -> list[str]:
    """Return the forms of §2.2 that a user name can stand for, as paths write them."""
    if username.startswith((VENDOR_THING_ID, *directory.ADDRESSES)):
        return [username]
    return [f"LOGIN_NAME:{username}", f"EMAIL:{username}", f"PHONE:{username}"]


def _expires(call: Call, fields: dict[str, Any]) -> int | None:
    value = fields.get("expiresAt", fields.get("expires_at"))
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_EXPIRES_AT_MS:
        raise errors.invalid_input({"expiresAt": "must be a Unix time in milliseconds"})
    if value <= call.sandbox.clock.now_ms():
        raise errors.invalid_input({"expiresAt": "must be in the future"})
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise OAuthError("invalid_request", f"{name} is missing or not a string")
    return value


ROUTES = [
    route("/oauth2/token", POST=token),
    route("/apps/{appID:segment}/oauth2/token", POST=token),
]
