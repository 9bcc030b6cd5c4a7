"""Installations, and the MQTT endpoints of those that have one (docs/kii-push-api.md §7)."""

import secrets
import sqlite3
import uuid
from typing import Any

from sandbox.kii import errors
from sandbox.kii.installation import id_fields, installation_fields
from sandbox.people import access, directory
from sandbox.rest.call import Call
from sandbox.rest.endpoint import route
from sandbox.rest.response import Response

DEVICE_TYPES = ("ANDROID", "IOS", "JPUSH", "MQTT")
REGISTRATION_ID = "installationRegistrationID"


def create(call: Call) -> Response:
    """Install a device, or hand it over to its new owner."""
    principal = call.principal
    if principal.kind == "anonymous":
        raise errors.unauthorized(principal)
    body = call.json_object()
    invalid = _invalid_fields(body)
    if invalid:
        raise errors.invalid_input(invalid)
    owner, development = _owner(call, body), body.get("development") in (True, "true")
    if body["deviceType"] == "MQTT":
        return _install_mqtt(call, owner, development=development)
    return _install(call, body["deviceType"], body[REGISTRATION_ID], owner, development=development)


def _invalid_fields(body: dict[str, Any]) -> dict[str, str]:
    invalid: dict[str, str] = {}
    device_type, registration_id = body.get("deviceType"), body.get(REGISTRATION_ID)
    if device_type not in DEVICE_TYPES:
        invalid["deviceType"] = f"must be one of {', '.join(DEVICE_TYPES)}"
    elif device_type == "MQTT":
        if registration_id is not None:
            invalid[REGISTRATION_ID] = "must be left out for MQTT: the server makes it"
    elif not isinstance(registration_id, str) or not registration_id:
        invalid[REGISTRATION_ID] = "must be a string that is not empty"
    # Kii takes the flag in quotes as well: its own C SDK sends it so (§7.1).
    if body.get("development") not in (None, True, False, "true", "false") or isinstance(
        body.get("development"), int | float
    ) != isinstance(body.get("development"), bool):
        invalid["development"] = "must be true or false"
    for name in ("userID", "thingID"):
        if not isinstance(body.get(name, ""), str):
            invalid[name] = "must be a string"
    return invalid


def _owner(call: Call, body: dict[str, Any]) -> str:
    """Return the new owner as an ACL subject: who the admin names, else the caller."""
    named = [name for name in ("userID", "thingID") if name in body]
    if not call.principal.is_admin:
        if named:
            raise errors.invalid_input(dict.fromkeys(named, "can be given with an admin token only"))
        return call.principal.subject
    if len(named) != 1:
        raise errors.invalid_input({"userID": "an admin token needs exactly one of userID and thingID"})
    if named == ["userID"]:
        return f"UserID:{directory.user(call.store, call.app_id, body['userID'])['user_id']}"
    return f"ThingID:{directory.thing(call.store, call.app_id, body['thingID'])['thing_id']}"


def _install(
    call: Call, device_type: str, registration_id: str, owner: str, *, development: bool
) -> Response:
    row = _by_registration(call, device_type, registration_id)
    if row is not None and call.sandbox.policy.reinstall == "conflict":
        message = "The device is already installed"
        raise errors.simple(409, "INSTALLATION_ALREADY_EXISTS", message, **id_fields(row))
    if row is not None:
        sql = "UPDATE installations SET owner = ?, development = ? WHERE app_id = ? AND installation_id = ?"
        call.store.run(sql, owner, development, call.app_id, row["installation_id"])
        return _creation_response(call, row["installation_id"], registration_id)
    installation_id = _insert(call, device_type, registration_id, owner, development=development)
    return _creation_response(call, installation_id, registration_id)


def _install_mqtt(call: Call, owner: str, *, development: bool) -> Response:
    sql = "SELECT * FROM installations WHERE app_id = ? AND owner = ? AND device_type = 'MQTT'"
    row = call.store.one(sql, call.app_id, owner)
    if row is not None:
        change = "UPDATE installations SET development = ? WHERE app_id = ? AND installation_id = ?"
        call.store.run(change, development, call.app_id, row["installation_id"])
        response = _creation_response(call, row["installation_id"], row["registration_id"])
        response.status = call.sandbox.policy.mqtt_reinstall_status
        return response
    registration_id = secrets.token_hex(16)
    installation_id = _insert(call, "MQTT", registration_id, owner, development=development)
    endpoint = call.sandbox.devices.issue(installation_id)
    call.effects.append(lambda: call.sandbox.devices.admit(endpoint))
    return _creation_response(call, installation_id, registration_id)


def _insert(call: Call, device_type: str, registration_id: str, owner: str, *, development: bool) -> str:
    installation_id = uuid.uuid4().hex
    call.store.run(
        "INSERT INTO installations VALUES (?, ?, ?, ?, ?, ?, ?)",
        call.app_id,
        installation_id,
        device_type,
        registration_id,
        owner,
        development,
        call.sandbox.clock.now_ms(),
    )
    return installation_id


def _creation_response(call: Call, installation_id: str, registration_id: str) -> Response:
    call.sandbox.event_bus.publish("device", {"installationID": installation_id})
    return Response(
        201,
        {"installationID": installation_id, REGISTRATION_ID: registration_id},
        "InstallationCreationResponse",
        {"Location": call.location("installations", installation_id)},
    )


def _by_registration(call: Call, device_type: str, registration_id: str) -> sqlite3.Row | None:
    return call.store.one(
        "SELECT * FROM installations WHERE app_id = ? AND device_type = ? AND registration_id = ?",
        call.app_id,
        device_type,
        registration_id,
    )


def _require_installation(call: Call) -> sqlite3.Row:
    """Return the path's installation, for its owner and the admin. Raises INSTALLATION_NOT_FOUND."""
    principal, identifier = call.principal, call.params["installationID"]
    device_type, colon, registration_id = identifier.partition(":")
    if colon:
        row = _by_registration(call, device_type, registration_id)
        if row is None:
            raise errors.installation_not_found(
                call.app_id, device_type=device_type, registration_id=registration_id
            )
    else:
        sql = "SELECT * FROM installations WHERE app_id = ? AND installation_id = ?"
        row = call.store.one(sql, call.app_id, identifier)
        if row is None:
            raise errors.installation_not_found(call.app_id, identifier)
    access.demand_self(principal, row["owner"])
    return row


def get(call: Call) -> Response:
    """Return one installation."""
    return Response(200, installation_fields(_require_installation(call)), "InstallationRetrievalResponse")


def delete(call: Call) -> Response:
    """Remove an installation; an MQTT one's connection ends."""
    row = _require_installation(call)
    installation_id = row["installation_id"]
    endpoint = call.sandbox.devices.endpoint(installation_id)
    call.store.run(
        "DELETE FROM installations WHERE app_id = ? AND installation_id = ?", call.app_id, installation_id
    )
    call.store.run("DELETE FROM endpoints WHERE installation_id = ?", installation_id)
    if endpoint is not None:
        username = endpoint["username"]
        call.effects.append(lambda: call.sandbox.devices.drop(username))
    call.sandbox.event_bus.publish("device", {"installationID": installation_id})
    return Response(call.sandbox.policy.installation_delete_status)


def list_installations(call: Call) -> Response:
    """List installations: all or one owner's for the admin, their own for everyone else."""
    owner = _wanted_owner(call)
    if owner is None:
        rows = call.store.all("SELECT * FROM installations WHERE app_id = ? ORDER BY created", call.app_id)
    else:
        sql = "SELECT * FROM installations WHERE app_id = ? AND owner = ? ORDER BY created"
        rows = call.store.all(sql, call.app_id, owner)
    return Response(
        200, {"installations": [installation_fields(row) for row in rows]}, "InstallationsRetrievalResponse"
    )


def _wanted_owner(call: Call) -> str | None:
    principal = call.principal
    user, thing = call.query("userID"), call.query("thingID")
    if user is not None and thing is not None:
        raise errors.invalid_input({"thingID": "cannot be combined with userID"})
    if user is not None:
        owner = f"UserID:{directory.user_id(call.store, principal, user)}"
    elif thing is not None:
        owner = f"ThingID:{directory.thing(call.store, call.app_id, thing)['thing_id']}"
    elif principal.is_admin:
        return None
    else:
        owner = principal.subject
    access.demand_self(principal, owner)
    if principal.kind == "anonymous":
        raise errors.unauthorized(principal)
    return owner


def mqtt_endpoint(call: Call) -> Response:
    """Return an installation's MQTT endpoint once the broker knows it; issue a fresh one after its TTL."""
    row, devices = _require_installation(call), call.sandbox.devices
    endpoint = devices.endpoint(row["installation_id"])
    if endpoint is None:
        raise errors.endpoint_not_found(call.app_id, row["installation_id"])
    if devices.has_expired(endpoint):
        expired, endpoint = endpoint["username"], devices.issue(row["installation_id"])
        call.effects.append(lambda: devices.drop(expired))
    wait_ms = devices.ready_in_ms(endpoint)
    if wait_ms:
        fresh = endpoint
        call.effects.append(lambda: devices.admit(fresh))
        error = errors.endpoint_not_ready(call.app_id, row["installation_id"], max(1, -(-wait_ms // 1000)))
        return Response(
            error.status, error.body, error.type_name, error.headers
        )  # not raised: it was written
    return _endpoint_response(call, endpoint)


def _endpoint_response(call: Call, endpoint: sqlite3.Row) -> Response:
    ports, ttl = call.sandbox.broker.ports, call.sandbox.policy.mqtt_endpoint_ttl_seconds
    body = {
        "installationID": endpoint["installation_id"],
        "username": endpoint["username"],
        "password": endpoint["password"],
        "mqttTopic": endpoint["topic"],
        "host": "127.0.0.1",
        "portTCP": ports.tcp,
        "portSSL": ports.ssl or 0,  # 0: not offered, as the sandbox was given no certificate
        "portWS": ports.ws or 0,
        "portWSS": ports.wss or 0,
        "X-MQTT-TTL": ttl,
    }
    return Response(200, body, "MQTTEndpointResponse", {"X-MQTT-TTL": str(ttl)})


_ONE = "/apps/{appID:segment}/installations/{installationID:segment}"

ROUTES = [
    route("/apps/{appID:segment}/installations", GET=list_installations, POST=create),
    route(_ONE, GET=get, DELETE=delete),
    route(f"{_ONE}/mqtt-endpoint", GET=mqtt_endpoint),
]
