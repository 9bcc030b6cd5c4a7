"""Topics in app, group, user and thing scope, and who may use them (docs/kii-push-api.md §4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from msgspec import Struct, field

from kii_push.errors import InvalidRequest, UnreadableAnswer, Violation
from kii_push.kii import identifiers
from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import APP, Scope, encode

Verb = Literal["SUBSCRIBE_TO_TOPIC", "SEND_MESSAGE_TO_TOPIC"]

_SUBJECTS = {"userID": "UserID", "groupID": "GroupID", "thingID": "ThingID"}
_CHECKS = {"UserID": identifiers.user, "GroupID": identifiers.group, "ThingID": identifiers.thing}


class TopicEntry(Struct, frozen=True):
    """A topic in a list."""

    id: str = field(name="topicID")


class TopicPage(Struct, frozen=True, omit_defaults=True):
    """Some of a scope's topics; `pagination_key`, an opaque text, asks for the ones after them."""

    topics: list[TopicEntry]
    pagination_key: str | None = field(name="paginationKey", default=None)


@dataclass(frozen=True)
class Subject:
    """Who is granted something: `type` is `UserID`, `GroupID` or `ThingID`.

    The ID of a user may be `ANY_AUTHENTICATED_USER`.
    """

    type: str
    id: str

    def __str__(self) -> str:
        """Return the form it has in a path, such as `UserID:u-1`."""
        return f"{self.type}:{self.id}"


def parse_verb(value: str, field: str) -> Verb:
    """Return a verb that Kii knows. Raises InvalidRequest naming `field`, as the next one does."""
    if value not in get_args(Verb):
        raise InvalidRequest(Violation(field, f"must be one of {', '.join(get_args(Verb))}"))
    return cast("Verb", value)


def parse_subject(value: str, field: str) -> Subject:
    """Return the subject that a path names, such as `UserID:u-1`."""
    type_, _, id_ = value.partition(":")
    if type_ not in _CHECKS:
        raise InvalidRequest(Violation(field, "must begin with UserID:, GroupID: or ThingID:"))
    return Subject(type_, _CHECKS[type_](id_, field))


class Topics:
    """Kii's operations on topics, as the app's admin."""

    def __init__(self, kii: KiiClient) -> None:
        self._kii = kii

    def create(self, topic: str, scope: Scope = APP) -> None:
        """Create a topic. Raises KiiError: 409 `TOPIC_ALREADY_EXISTS`, 404 for a missing scope owner."""
        self._kii.call("PUT", _path(topic, scope))

    def exists(self, topic: str, scope: Scope = APP) -> bool:
        """Say whether the topic exists. Raises KiiError 404 for a missing scope owner.

        By GET: a HEAD's answer has no `errorCode`, which tells a missing topic from a missing user and a
        rejected token from a refusal.
        """
        return self._kii.exists(_path(topic, scope), missing="TOPIC_NOT_FOUND")

    def delete(self, topic: str, scope: Scope = APP) -> None:
        """Delete a topic. Raises KiiError: 404 `TOPIC_NOT_FOUND`, or for a missing scope owner."""
        self._kii.call("DELETE", _path(topic, scope))

    def acl(self, topic: str, scope: Scope = APP) -> dict[str, list[Subject]]:
        """Return who is granted which verb. Raises KiiError: 404 `TOPIC_NOT_FOUND`. See §4.4."""
        entries = self._kii.call("GET", f"{_path(topic, scope)}/acl").decode(dict[str, list[dict[str, Any]]])
        return {verb: [_subject(entry) for entry in subjects] for verb, subjects in entries.items()}

    def granted(self, topic: str, verb: Verb, subject: Subject, scope: Scope = APP) -> bool:
        """Say whether the subject itself is granted the verb. Raises KiiError: 404 `TOPIC_NOT_FOUND`."""
        return self._kii.exists(_entry(topic, verb, subject, scope), missing="ACL_NOT_FOUND")

    def grant(self, topic: str, verb: Verb, subject: Subject, scope: Scope = APP) -> None:
        """Grant the verb. Raises KiiError: 409 `ACL_ALREADY_EXISTS`, 404 `TOPIC_NOT_FOUND`, 400."""
        self._kii.call("PUT", _entry(topic, verb, subject, scope))

    def revoke(self, topic: str, verb: Verb, subject: Subject, scope: Scope = APP) -> None:
        """Revoke the verb. Raises KiiError: 404 `ACL_NOT_FOUND` or `TOPIC_NOT_FOUND`."""
        self._kii.call("DELETE", _entry(topic, verb, subject, scope))

    def list(self, scope: Scope = APP) -> Iterator[str]:
        """Yield the IDs of a scope's topics, asking Kii for the next page when one is used up.

        Raises KiiError 404 for a missing scope owner, UnreadableAnswer also for pages that go round.
        """
        key = None
        seen = set()
        while True:
            page = self.page(scope, key)
            yield from (topic.id for topic in page.topics)
            key = page.pagination_key
            if key is None:
                return
            if key in seen:
                raise UnreadableAnswer("Kii's list of topics comes back to a page it gave before")
            seen.add(key)

    def page(self, scope: Scope = APP, pagination_key: str | None = None) -> TopicPage:
        """Return the page that `pagination_key` asks for, the first one without. Raises as `list`."""
        answer = self._kii.call("GET", f"{scope.path}/topics", query={"paginationKey": pagination_key})
        return answer.decode(TopicPage)


def _path(topic: str, scope: Scope) -> str:
    return f"{scope.path}/topics/{encode(topic)}"


def _entry(topic: str, verb: Verb, subject: Subject, scope: Scope) -> str:
    return f"{_path(topic, scope)}/acl/{encode(verb)}/{encode(str(subject))}"


def _subject(entry: dict[str, Any]) -> Subject:
    """Return the subject of an ACL entry such as `{"userID": "u-1"}`."""
    for key, type_ in _SUBJECTS.items():
        id_ = entry.get(key)
        if isinstance(id_, str):
            return Subject(type_, id_)
    raise UnreadableAnswer("Kii's ACL grants something to neither a user nor a group nor a thing")
