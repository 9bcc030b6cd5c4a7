"""/installations, /installations/{installationID} and its mqtt-endpoint: people's and things' devices."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import http, new_installation, route, runtime
from kii_push.identifiers import Principal
from kii_push.installations import Installations
from kii_push.principals import resolve

kii = runtime.kii_client()
installations = Installations(kii)

# Seconds that a caller is spared from asking again while Kii prepares an endpoint.
WAIT = 5


@http.api_taking("userID", "thingID")
def handler(event: http.Event) -> http.Answer:
    """Do with installations what the method and the path say."""
    match event["httpMethod"], event["resource"]:
        case "POST", _:
            new = new_installation.read(http.json_body(event))
            owner = _by_id(new.owner)
            registered = installations.register(new.type, owner, new.token, development=new.development)
            return http.answer(HTTPStatus.CREATED, to_builtins(registered))
        case "DELETE", _:
            installations.delete(route.installation(event))
            return http.done()
        case _, "/installations":
            whose = route.owner(event)
            found = installations.list(whose and _by_id(whose))
            return http.answer(HTTPStatus.OK, {"installations": to_builtins(found)})
        case _, "/installations/{installationID}":
            return http.answer(HTTPStatus.OK, to_builtins(installations.get(route.installation(event))))
        case _:
            return _endpoint(route.installation(event))


def _by_id(owner: Principal) -> Principal:
    """Return the owner by ID: Kii takes no `LOGIN_NAME:` or other address in a body or a query."""
    return resolve(kii, owner) if ":" in owner.id else owner


def _endpoint(installation_id: str) -> http.Answer:
    endpoint = installations.mqtt_endpoint(installation_id, wait=WAIT)
    lifetime = {} if endpoint.ttl is None else {"X-MQTT-TTL": str(endpoint.ttl)}
    return http.answer(HTTPStatus.OK, to_builtins(endpoint), lifetime)
