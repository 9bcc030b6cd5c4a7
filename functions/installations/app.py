"""/installations, /installations/{installationID} and its mqtt-endpoint: people's and things' devices."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import installation, params
from kii_push.kii import accounts
from kii_push.kii.installations import Installations

# How long to wait for Kii to prepare an endpoint before answering 503.
ENDPOINT_WAIT_SECONDS = 5

calls = runtime.call_counter()
kii = runtime.kii_client(calls)
installations = Installations(kii)


def register_installation(event: api.Event) -> api.Answer:
    """Answer 201 with the installation's IDs."""
    new = installation.read(api.json_body(event))
    owner = accounts.by_id(kii, new.owner)
    registered = installations.register(new.type, owner, new.token, development=new.development)
    return api.answer(HTTPStatus.CREATED, to_builtins(registered))


def list_installations(event: api.Event) -> api.Answer:
    """Answer 200 with all installations, or with those of the user or thing in the query."""
    owner = params.owner(event)
    found = installations.list(None if owner is None else accounts.by_id(kii, owner))
    return api.answer(HTTPStatus.OK, {"installations": to_builtins(found)})


def get_installation(event: api.Event) -> api.Answer:
    """Answer 200, or 404."""
    return api.answer(HTTPStatus.OK, to_builtins(installations.get(params.installation(event))))


def delete_installation(event: api.Event) -> api.Answer:
    """Answer 204, or 404."""
    installations.delete(params.installation(event))
    return api.no_content()


def get_mqtt_endpoint(event: api.Event) -> api.Answer:
    """Answer 200 with where the device connects to, 503 while Kii prepares it, or 404."""
    endpoint = installations.mqtt_endpoint(params.installation(event), wait=ENDPOINT_WAIT_SECONDS)
    lifetime = {} if endpoint.ttl is None else {"X-MQTT-TTL": str(endpoint.ttl)}
    return api.answer(HTTPStatus.OK, to_builtins(endpoint), lifetime)


OPERATIONS = {
    "POST /installations": api.Operation(register_installation),
    "GET /installations": api.Operation(list_installations, query=("userID", "thingID")),
    "GET /installations/{installationID}": api.Operation(get_installation),
    "DELETE /installations/{installationID}": api.Operation(delete_installation),
    "GET /installations/{installationID}/mqtt-endpoint": api.Operation(get_mqtt_endpoint),
}
handler = api.dispatch(OPERATIONS, calls)
