"""{scope}/topics, {scope}/topics/{topicID} and its acl: topics, and who may subscribe and send to them."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import http, route, runtime
from kii_push.errors import KiiError
from kii_push.identifiers import Scope
from kii_push.topics import Subject, Topics, parse_subject, parse_verb

topics = Topics(runtime.kii_client())


@http.api_taking("paginationKey")
def handler(event: http.Event) -> http.Answer:
    """Do with topics what the method and the path say."""
    scope = route.scope(event)
    if event["resource"].endswith("/topics"):
        page = topics.page(scope, route.query(event, "paginationKey"))
        return http.answer(HTTPStatus.OK, to_builtins(page))
    topic = route.topic(event)
    if "verb" in event["pathParameters"] or event["resource"].endswith("/acl"):
        return _acl(event, topic, scope)
    match event["httpMethod"]:
        case "PUT":
            topics.create(topic, scope)
        case "DELETE":
            topics.delete(topic, scope)
        case _ if not topics.exists(topic, scope):
            raise KiiError(HTTPStatus.NOT_FOUND, "TOPIC_NOT_FOUND")
    return http.done()


def _acl(event: http.Event, topic: str, scope: Scope) -> http.Answer:
    if "verb" not in event["pathParameters"]:
        acl = topics.acl(topic, scope)
        return http.answer(HTTPStatus.OK, {verb: _listed(subjects) for verb, subjects in acl.items()})
    verb = parse_verb(route.path(event, "verb"), "verb")
    if "subject" not in event["pathParameters"]:
        return http.answer(HTTPStatus.OK, _listed(topics.acl(topic, scope).get(verb, [])))
    subject = parse_subject(route.path(event, "subject"), "subject")
    match event["httpMethod"]:
        case "PUT":
            topics.grant(topic, verb, subject, scope)
        case "DELETE":
            topics.revoke(topic, verb, subject, scope)
        case _ if not topics.granted(topic, verb, subject, scope):
            raise KiiError(HTTPStatus.NOT_FOUND, "ACL_NOT_FOUND")
        case _:
            return http.answer(HTTPStatus.OK, _listed([subject])[0])
    return http.done()


def _listed(subjects: list[Subject]) -> list[dict[str, str]]:
    """Return subjects as Kii lists them: `UserID:u-1` is {"userID": "u-1"}."""
    return [{subject.type[0].lower() + subject.type[1:]: subject.id} for subject in subjects]
