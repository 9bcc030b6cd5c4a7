"""/installations, /installations/{installationID} and its mqtt-endpoint: people's and things' devices."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import installation, params
from kii_push.kii.accounts import resolve
from kii_push.kii.identifiers import Principal
from kii_push.kii.installations import Installations

kii = runtime.kii_client()
installations = Installations(kii)

# Seconds that a caller is spared from asking again while Kii prepares an endpoint.
WAIT = 5


@api.api_taking("userID", "thingID")
def handler(event: api.Event) -> api.Answer:
    """Do with installations what the method and the path say."""
    match event["httpMethod"], event["resource"]:
        case "POST", _:
            new = installation.read(api.json_body(event))
            owner = _by_id(new.owner)
            registered = installations.register(new.type, owner, new.token, development=new.development)
            return api.answer(HTTPStatus.CREATED, to_builtins(registered))
        case "DELETE", _:
            installations.delete(params.installation(event))
            return api.done()
        case _, "/installations":
            whose = params.owner(event)
            found = installations.list(whose and _by_id(whose))
            return api.answer(HTTPStatus.OK, {"installations": to_builtins(found)})
        case _, "/installations/{installationID}":
            return api.answer(HTTPStatus.OK, to_builtins(installations.get(params.installation(event))))
        case _:
            return _endpoint(params.installation(event))


def _by_id(owner: Principal) -> Principal:
    """Return the owner by ID: Kii takes no `LOGIN_NAME:` or other address in a body or a query."""
    return resolve(kii, owner) if ":" in owner.id else owner


def _endpoint(installation_id: str) -> api.Answer:
    endpoint = installations.mqtt_endpoint(installation_id, wait=WAIT)
    lifetime = {} if endpoint.ttl is None else {"X-MQTT-TTL": str(endpoint.ttl)}
    return api.answer(HTTPStatus.OK, to_builtins(endpoint), lifetime)
