"""Verbs and subjects of a topic's ACL as a path names them."""

from typing import Any

import pytest

from kii_push.errors import InvalidRequest
from kii_push.kii.topics import Subject, parse_subject, parse_verb


@pytest.mark.parametrize("verb", ["SUBSCRIBE_TO_TOPIC", "SEND_MESSAGE_TO_TOPIC"])
def test_kiis_two_verbs_pass(verb: str) -> None:
    assert parse_verb(verb, "verb") == verb


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("UserID:u-1", Subject("UserID", "u-1")),
        ("UserID:ANY_AUTHENTICATED_USER", Subject("UserID", "ANY_AUTHENTICATED_USER")),
        ("GroupID:team", Subject("GroupID", "team")),
        ("ThingID:th.1-2", Subject("ThingID", "th.1-2")),
    ],
)
def test_a_subject_is_a_user_a_group_or_a_thing(text: str, subject: Subject) -> None:
    assert parse_subject(text, "subject") == subject
    assert str(subject) == text


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_verb, "CREATE_NEW_TOPIC"),
        (parse_verb, "subscribe_to_topic"),
        (parse_verb, ""),
        (parse_subject, "u-1"),
        (parse_subject, "userID:u-1"),
        (parse_subject, "UserID:"),
        (parse_subject, "UserID:me"),
        (parse_subject, "GroupID:.."),
        (parse_subject, "ThingID:a/b"),
    ],
)
def test_what_kii_does_not_know_is_refused_by_the_fields_name(parse: Any, text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(text, "here")

    assert refused.value.violations[0].field == "here"
