"""Users: registration and lookup (docs/kii-push-api.md §13)."""

import sqlite3
import uuid
from typing import Any

import msgspec

from sandbox.kii import errors
from sandbox.kii.principal import Principal
from sandbox.people import directory, registry
from sandbox.people.registry import NewUser
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response

ADDRESS_FIELDS = ("loginName", "emailAddress", "phoneNumber")
TEXT_FIELDS = (*ADDRESS_FIELDS, "displayName", "country", "locale")
MAX_USER_BYTES = 63 * 1024
MAX_ADDRESS_CHARS = 200


def register(call: Call) -> Response:
    """Register a user; with the `RegistrationAndAuthorizationRequest` type, log them in as well."""
    _ = call.principal  # an app that is identified is enough
    body = call.json_object()
    invalid = _invalid_fields(body)
    if invalid:
        raise errors.invalid_input(invalid)
    user_id = str(uuid.uuid4())
    data = {name: value for name, value in body.items() if name not in (*ADDRESS_FIELDS, "password")}
    user = NewUser(
        app_id=call.app_id,
        user_id=user_id,
        password=body["password"],
        login_name=body.get("loginName"),
        email=body.get("emailAddress"),
        phone=registry.normalize_phone(body.get("phoneNumber"), body.get("country")),
        data=data,
    )
    try:
        registry.add_user(call.store, user, call.sandbox.clock.now_ms())
    except sqlite3.IntegrityError as error:
        raise _already_exists(call, user) from error
    created: dict[str, Any] = {"userID": user_id}
    if "RegistrationAndAuthorizationRequest" in call.headers.get("content-type", ""):
        login = call.sandbox.tokens.mint(Principal("user", call.app_id, user_id), None)
        created |= {f"_{part[0]}": login[part[1]] for part in _LOGIN_FIELDS if part[1] in login}
    location = {"Location": call.location("users", user_id)}
    return Response(201, created, "RegistrationResponse", location)


_LOGIN_FIELDS = (("accessToken", "access_token"), ("refreshToken", "refresh_token"))


def get(call: Call) -> Response:
    """Return a user: all fields to the user and the admin, to others without the addresses."""
    principal = call.principal
    if principal.kind == "anonymous":
        raise errors.unauthorized(principal)
    identifier = call.params["userID"]
    if identifier == "me":
        identifier = directory.user_id(call.store, principal, identifier)
    row = directory.user(call.store, call.app_id, identifier)
    body = {"userID": row["user_id"], "loginName": row["login_name"]}
    if principal.is_admin or principal.subject == f"UserID:{row['user_id']}":
        body |= {"emailAddress": row["email"], "phoneNumber": row["phone"]}
    body |= msgspec.json.decode(row["data"])
    given = {name: value for name, value in body.items() if value is not None}
    return Response(200, given, "UserDataRetrievalResponse")


def _invalid_fields(body: dict[str, Any]) -> dict[str, str]:
    invalid = {name: "must be a string" for name in TEXT_FIELDS if not isinstance(body.get(name, ""), str)}
    for name in ADDRESS_FIELDS:
        if name not in invalid and name in body and not 0 < len(body[name]) <= MAX_ADDRESS_CHARS:
            invalid[name] = f"must have 1 to {MAX_ADDRESS_CHARS} characters"
    if not any(name in body for name in ADDRESS_FIELDS):
        invalid["loginName"] = "one of loginName, emailAddress and phoneNumber must be given"
    if not isinstance(body.get("password"), str) or not body["password"]:
        invalid["password"] = "must be a string that is not empty"  # noqa: S105 (a reason)
    for name in body:
        if name.startswith("_"):
            invalid[name] = "a field of one's own must not start with _"
    if len(msgspec.json.encode(body)) > MAX_USER_BYTES:
        invalid["body"] = f"must have at most {MAX_USER_BYTES} bytes"
    return invalid


def _already_exists(call: Call, user: NewUser) -> errors.KiiError:
    for prefix, value in (("LOGIN_NAME:", user.login_name), ("EMAIL:", user.email), ("PHONE:", user.phone)):
        column, field = directory.ADDRESSES[prefix]
        sql = f"SELECT 1 FROM users WHERE app_id = ? AND {column} = ?"  # noqa: S608 (our columns)
        wanted = value.lower() if value and column == "email" else value
        if value is not None and call.store.one(sql, call.app_id, wanted) is not None:
            message = f"The user with {field} {value} already exists"
            return errors.simple(409, "USER_ALREADY_EXISTS", message, field=field, value=value)
    raise AssertionError("an address of the user is taken")


ROUTES = [
    route("/apps/{appID:segment}/users", POST=register),
    route("/apps/{appID:segment}/users/{userID:segment}", GET=get),
]
