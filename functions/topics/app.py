"""{scope}/topics, {scope}/topics/{topicID} and its acl: topics, and who may subscribe and send to them."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import params
from kii_push.errors import KiiError
from kii_push.kii.identifiers import Scope
from kii_push.kii.topics import Subject, Topics, parse_subject, parse_verb

topics = Topics(runtime.kii_client())


@api.api_taking("paginationKey")
def handler(event: api.Event) -> api.Answer:
    """Do with topics what the method and the path say."""
    scope = params.scope(event)
    if event["resource"].endswith("/topics"):
        page = topics.page(scope, params.query(event, "paginationKey"))
        return api.answer(HTTPStatus.OK, to_builtins(page))
    topic = params.topic(event)
    if "verb" in event["pathParameters"] or event["resource"].endswith("/acl"):
        return _acl(event, topic, scope)
    match event["httpMethod"]:
        case "PUT":
            topics.create(topic, scope)
        case "DELETE":
            topics.delete(topic, scope)
        case _ if not topics.exists(topic, scope):
            raise KiiError(HTTPStatus.NOT_FOUND, "TOPIC_NOT_FOUND")
    return api.done()


def _acl(event: api.Event, topic: str, scope: Scope) -> api.Answer:
    if "verb" not in event["pathParameters"]:
        acl = topics.acl(topic, scope)
        return api.answer(HTTPStatus.OK, {verb: _listed(subjects) for verb, subjects in acl.items()})
    verb = parse_verb(params.path(event, "verb"), "verb")
    if "subject" not in event["pathParameters"]:
        return api.answer(HTTPStatus.OK, _listed(topics.acl(topic, scope).get(verb, [])))
    subject = parse_subject(params.path(event, "subject"), "subject")
    match event["httpMethod"]:
        case "PUT":
            topics.grant(topic, verb, subject, scope)
        case "DELETE":
            topics.revoke(topic, verb, subject, scope)
        case _ if not topics.granted(topic, verb, subject, scope):
            raise KiiError(HTTPStatus.NOT_FOUND, "ACL_NOT_FOUND")
        case _:
            return api.answer(HTTPStatus.OK, _listed([subject])[0])
    return api.done()


def _listed(subjects: list[Subject]) -> list[dict[str, str]]:
    """Return subjects as Kii lists them: `UserID:u-1` is {"userID": "u-1"}."""
    return [{subject.type[0].lower() + subject.type[1:]: subject.id} for subject in subjects]
