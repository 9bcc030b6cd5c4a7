"""{scope}/topics, {scope}/topics/{topicID} and its acl: topics, and who may subscribe and send to them."""

from http import HTTPStatus

from msgspec import to_builtins

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import params
from kii_push.errors import KiiError
from kii_push.kii.topics import Subject, Topics, Verb, parse_subject, parse_verb

calls = runtime.call_counter()
topics = Topics(runtime.kii_client(calls))


def list_topics(event: api.Event) -> api.Answer:
    """Answer 200 with a page of the scope's topics."""
    page = topics.page(params.scope(event), params.query(event, "paginationKey"))
    return api.answer(HTTPStatus.OK, to_builtins(page))


def create_topic(event: api.Event) -> api.Answer:
    """Answer 204, or 409 if it exists."""
    topics.create(params.topic(event), params.scope(event))
    return api.no_content()


def get_topic(event: api.Event) -> api.Answer:
    """Answer 204 if it exists, else 404."""
    if not topics.exists(params.topic(event), params.scope(event)):
        raise KiiError(HTTPStatus.NOT_FOUND, "TOPIC_NOT_FOUND")
    return api.no_content()


def delete_topic(event: api.Event) -> api.Answer:
    """Answer 204, or 404."""
    topics.delete(params.topic(event), params.scope(event))
    return api.no_content()


def get_topic_acl(event: api.Event) -> api.Answer:
    """Answer 200 with the subjects of every verb."""
    acl = topics.acl(params.topic(event), params.scope(event))
    return api.answer(HTTPStatus.OK, {verb: _listed(subjects) for verb, subjects in acl.items()})


def get_topic_grants(event: api.Event) -> api.Answer:
    """Answer 200 with the subjects of one verb."""
    verb = _verb(event)
    acl = topics.acl(params.topic(event), params.scope(event))
    return api.answer(HTTPStatus.OK, _listed(acl.get(verb, [])))


def get_topic_grant(event: api.Event) -> api.Answer:
    """Answer 200 with the subject if it is granted the verb, else 404."""
    verb, subject = _verb(event), _subject(event)
    if not topics.granted(params.topic(event), verb, subject, params.scope(event)):
        raise KiiError(HTTPStatus.NOT_FOUND, "ACL_NOT_FOUND")
    return api.answer(HTTPStatus.OK, _listed([subject])[0])


def grant_topic(event: api.Event) -> api.Answer:
    """Answer 204, or 409 if the subject has it."""
    topics.grant(params.topic(event), _verb(event), _subject(event), params.scope(event))
    return api.no_content()


def revoke_topic(event: api.Event) -> api.Answer:
    """Answer 204, or 404."""
    topics.revoke(params.topic(event), _verb(event), _subject(event), params.scope(event))
    return api.no_content()


def _verb(event: api.Event) -> Verb:
    return parse_verb(params.path(event, "verb"), "verb")


def _subject(event: api.Event) -> Subject:
    return parse_subject(params.path(event, "subject"), "subject")


def _listed(subjects: list[Subject]) -> list[dict[str, str]]:
    """Return subjects as Kii lists them: `UserID:u-1` is {"userID": "u-1"}."""
    return [{subject.type[0].lower() + subject.type[1:]: subject.id} for subject in subjects]


OPERATIONS = {
    "GET /topics": api.Operation(list_topics, query=("paginationKey",)),
    "PUT /topics/{topicID}": api.Operation(create_topic),
    "GET /topics/{topicID}": api.Operation(get_topic),
    "HEAD /topics/{topicID}": api.Operation(get_topic),
    "DELETE /topics/{topicID}": api.Operation(delete_topic),
    "GET /topics/{topicID}/acl": api.Operation(get_topic_acl),
    "GET /topics/{topicID}/acl/{verb}": api.Operation(get_topic_grants),
    "GET /topics/{topicID}/acl/{verb}/{subject}": api.Operation(get_topic_grant),
    "PUT /topics/{topicID}/acl/{verb}/{subject}": api.Operation(grant_topic),
    "DELETE /topics/{topicID}/acl/{verb}/{subject}": api.Operation(revoke_topic),
}
handler = api.dispatch(OPERATIONS, calls)
