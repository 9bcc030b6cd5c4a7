"""Things: registration and lookup (docs/kii-push-api.md §13)."""

import re
import secrets
import sqlite3
from typing import Any

import msgspec

from sandbox.kii import errors
from sandbox.kii.principal import Principal
from sandbox.kii.scope import Scope
from sandbox.people import access, directory, registry
from sandbox.people.registry import NewThing
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response

VENDOR_ID = re.compile(r"[A-Za-z0-9_.-]{1,200}")


def register(call: Call) -> Response:
    """Register a thing; with the `ThingRegistrationAndAuthorizationRequest` type, log it in as well."""
    _ = call.principal  # an app that is identified is enough
    body = call.json_object()
    invalid = _invalid_fields(body)
    if invalid:
        raise errors.invalid_input(invalid)
    vendor_id, now = body["_vendorThingID"], call.sandbox.clock.now_ms()
    thing_id = (
        f"th.{secrets.token_hex(6)}-{secrets.token_hex(2)}-{secrets.token_hex(2)}-{secrets.token_hex(4)}"
    )
    data = {name: value for name, value in body.items() if name not in ("_vendorThingID", "_password")}
    thing = NewThing(
        app_id=call.app_id,
        thing_id=thing_id,
        vendor_thing_id=vendor_id,
        password=body["_password"],
        data=data,
    )
    try:
        registry.add_thing(call.store, thing, now)
    except sqlite3.IntegrityError as error:
        message = f"The thing with vendorThingID {vendor_id} already exists"
        raise errors.simple(
            409, "THING_ALREADY_EXISTS", message, field="vendorThingID", value=vendor_id
        ) from error
    created: dict[str, Any] = {"_thingID": thing_id, "_vendorThingID": vendor_id, "_created": now, **data}
    if "ThingRegistrationAndAuthorizationRequest" in call.headers.get("content-type", ""):
        login = call.sandbox.tokens.mint(Principal("thing", call.app_id, thing_id), None)
        created["_accessToken"] = login["access_token"]
    location = {"Location": call.location("things", thing_id)}
    return Response(201, created, "ThingRegistrationResponse", location)


def get(call: Call) -> Response:
    """Return a thing to itself, its owners and the admin."""
    principal = call.principal
    row = directory.thing(call.store, call.app_id, call.params["thingID"])
    scope = Scope(type="APP_AND_THING", app_id=call.app_id, thing_id=row["thing_id"])
    access.demand_control(call.store, principal, scope)
    body = {
        "_thingID": row["thing_id"],
        "_vendorThingID": row["vendor_thing_id"],
        "_created": row["created"],
        **msgspec.json.decode(row["data"]),
    }
    return Response(200, body, "ThingRetrievalResponse")


def _invalid_fields(body: dict[str, Any]) -> dict[str, str]:
    invalid = {}
    vendor_id = body.get("_vendorThingID")
    if not isinstance(vendor_id, str) or not VENDOR_ID.fullmatch(vendor_id):
        invalid["_vendorThingID"] = "must be 1 to 200 of A-Z, a-z, 0-9, -, _ and ."
    if not isinstance(body.get("_password"), str) or not body["_password"]:
        invalid["_password"] = "must be a string that is not empty"  # noqa: S105 (a reason)
    if not isinstance(body.get("_thingType", ""), str):
        invalid["_thingType"] = "must be a string"
    return invalid


ROUTES = [
    route("/apps/{appID:segment}/things", POST=register),
    route("/apps/{appID:segment}/things/{thingID:segment}", GET=get),
]
