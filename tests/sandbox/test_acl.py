"""Access control lists, of topics and of everything else that has one (docs/kii-push-api.md §4.4)."""

from typing import Any

import pytest

from tests.sandbox.kii import OK, Kii, assert_error

SEND = "SEND_MESSAGE_TO_TOPIC"
SUBSCRIBE = "SUBSCRIBE_TO_TOPIC"


@pytest.fixture
def topic(kii: Kii) -> str:
    kii.call("PUT", "/topics/alerts")
    return "/topics/alerts"


def test_a_new_topics_acl(kii: Kii, topic: str) -> None:
    answer = kii.call("GET", f"{topic}/acl")

    assert answer.headers["Content-Type"] == "application/vnd.kii.ACLRetrievalResponse+json;charset=UTF-8"
    assert answer.json() == {SUBSCRIBE: [{"userID": "ANY_AUTHENTICATED_USER"}], SEND: []}


@pytest.mark.parametrize(
    ("scope", "creator", "subjects"),
    [
        ("/groups/team", "bob", [{"groupID": "team"}, {"userID": "bob"}]),
        ("/groups/team", "admin", [{"groupID": "team"}]),
        ("/users/LOGIN_NAME:bob", "bob", [{"userID": "bob"}]),
        ("/things/VENDOR_THING_ID:lamp", "lamp", [{"thingID": "lamp"}, {"userID": "alice"}]),
    ],
)
def test_who_is_on_a_new_topics_acl(
    kii: Kii, scope: str, creator: str, subjects: list[dict[str, str]]
) -> None:
    kii.call("PUT", f"{scope}/topics/t", creator)
    expected = [
        {kind: name if kind == "groupID" else kii.id(name) for kind, name in subject.items()}
        for subject in subjects
    ]

    acl = kii.call("GET", f"{scope}/topics/t/acl").json()

    assert acl == {SUBSCRIBE: expected, SEND: expected}


def test_an_entrys_life(kii: Kii, topic: str) -> None:
    alice = kii.id("alice")
    entry = f"{topic}/acl/{SEND}/UserID:{alice}"
    assert_error(kii.call("GET", entry), 404, "ACL_NOT_FOUND")
    assert_error(kii.call("DELETE", entry), 404, "ACL_NOT_FOUND")
    assert kii.call("POST", f"{topic}/push/messages", "alice", json=OK).status_code == 401

    assert kii.call("PUT", entry).status_code == 204

    assert_error(kii.call("PUT", entry), 409, "ACL_ALREADY_EXISTS")
    subject = kii.call("GET", entry)
    assert subject.json() == {"userID": alice}
    assert "ACLSubjectRetrievalResponse" in subject.headers["Content-Type"]
    verb = kii.call("GET", f"{topic}/acl/{SEND}")
    assert verb.json() == [{"userID": alice}]
    assert "ACLVerbRetrievalResponse" in verb.headers["Content-Type"]
    assert kii.call("POST", f"{topic}/push/messages", "alice", json=OK).status_code == 201
    assert kii.call("DELETE", entry).status_code == 204
    assert kii.call("POST", f"{topic}/push/messages", "alice", json=OK).status_code == 401


def test_a_subject_with_its_colon_encoded(kii: Kii, topic: str) -> None:
    assert kii.call("PUT", f"{topic}/acl/{SEND}/UserID%3A{kii.id('bob')}").status_code == 204


@pytest.mark.parametrize(
    ("subject", "by"), [("GroupID:team", "bob"), ("UserID:ANY_AUTHENTICATED_USER", "lamp")]
)
def test_whom_a_subject_takes_in(kii: Kii, topic: str, subject: str, by: str) -> None:
    assert kii.call("PUT", f"{topic}/acl/{SEND}/{subject}").status_code == 204

    assert kii.call("POST", f"{topic}/push/messages", by, json=OK).status_code == 201
    assert kii.call("POST", f"{topic}/push/messages", "anonymous", json=OK).status_code == 401


def test_a_thing_as_subject(kii: Kii, topic: str) -> None:
    kii.call("PUT", f"{topic}/acl/{SEND}/ThingID:{kii.id('lamp')}")

    assert kii.call("GET", f"{topic}/acl/{SEND}").json() == [{"thingID": kii.id("lamp")}]
    assert kii.call("POST", f"{topic}/push/messages", "lamp", json=OK).status_code == 201


def test_taking_away_what_is_there_by_default(kii: Kii, topic: str) -> None:
    assert kii.call("DELETE", f"{topic}/acl/{SUBSCRIBE}/UserID:ANY_AUTHENTICATED_USER").status_code == 204

    assert kii.call("POST", f"{topic}/push/subscriptions/users", "bob").status_code == 401
    assert kii.call("GET", "/topics", "bob").json() == {"topics": []}


@pytest.mark.parametrize(
    ("subject", "status", "code"),
    [
        ("UserID:none", 404, "USER_NOT_FOUND"),
        ("GroupID:none", 404, "GROUP_NOT_FOUND"),
        ("ThingID:none", 404, "THING_NOT_FOUND"),
        ("UserID:ANONYMOUS_USER", 400, "INVALID_INPUT_DATA"),
        ("Nobody:x", 400, "INVALID_INPUT_DATA"),
        ("UserID:", 400, "INVALID_INPUT_DATA"),
    ],
)
def test_a_subject_that_cannot_be_entered(kii: Kii, topic: str, subject: str, status: int, code: str) -> None:
    assert_error(kii.call("PUT", f"{topic}/acl/{SEND}/{subject}"), status, code)


def test_a_verb_that_topics_do_not_have(kii: Kii, topic: str) -> None:
    answer = kii.call("PUT", f"{topic}/acl/CREATE_NEW_TOPIC/UserID:ANY_AUTHENTICATED_USER")

    assert_error(answer, 400, "INVALID_INPUT_DATA")


def test_the_acl_of_a_missing_topic(kii: Kii) -> None:
    assert_error(kii.call("GET", "/topics/none/acl"), 404, "TOPIC_NOT_FOUND")


@pytest.mark.parametrize(
    ("scope", "creator", "allowed", "refused"),
    [
        ("", "admin", ["admin"], ["alice", "bob", "lamp", "anonymous"]),
        ("/groups/team", "bob", ["admin", "alice", "bob"], ["lamp", "anonymous"]),
        ("/groups/team", "alice", ["admin", "alice"], ["bob", "anonymous"]),
        ("/users/LOGIN_NAME:bob", "admin", ["admin", "bob"], ["alice", "anonymous"]),
        ("/things/VENDOR_THING_ID:lamp", "admin", ["admin", "lamp", "alice"], ["bob", "anonymous"]),
    ],
)
def test_who_may_see_a_topics_acl(
    kii: Kii, scope: str, creator: str, allowed: list[str], refused: list[str]
) -> None:
    kii.call("PUT", f"{scope}/topics/t", creator)

    for by in allowed:
        assert (by, kii.call("GET", f"{scope}/topics/t/acl", by).status_code) == (by, 200)
    for by in refused:
        assert (by, kii.call("GET", f"{scope}/topics/t/acl", by).status_code) == (by, 401)


def test_a_thing_creates_topics_elsewhere_only_when_granted(kii: Kii) -> None:
    assert kii.call("PUT", "/users/LOGIN_NAME:bob/topics/t", "lamp").status_code == 401

    grant = f"/users/LOGIN_NAME:bob/acl/CREATE_NEW_TOPIC/ThingID:{kii.id('lamp')}"
    assert kii.call("PUT", grant, "bob").status_code == 204

    assert kii.call("PUT", "/users/LOGIN_NAME:bob/topics/t", "lamp").status_code == 204


@pytest.mark.parametrize(
    ("scope", "acl"),
    [
        ("", {"CREATE_NEW_BUCKET": [{"userID": "ANY_AUTHENTICATED_USER"}], "CREATE_NEW_TOPIC": []}),
        (
            "/groups/team",
            {"CREATE_NEW_BUCKET": [{"groupID": "team"}], "CREATE_NEW_TOPIC": [{"groupID": "team"}]},
        ),
    ],
)
def test_a_scopes_acl(kii: Kii, scope: str, acl: dict[str, Any]) -> None:
    assert kii.call("GET", f"{scope}/acl").json() == acl


def test_a_buckets_acl(kii: Kii) -> None:
    assert_error(kii.call("GET", "/buckets/box/acl"), 404, "BUCKET_NOT_FOUND")
    kii.call("POST", "/buckets/box/objects", "bob", json={})

    assert kii.call("GET", "/buckets/box/acl").json() == {
        "CREATE_OBJECTS_IN_BUCKET": [{"userID": "ANY_AUTHENTICATED_USER"}],
        "QUERY_OBJECTS_IN_BUCKET": [{"userID": "ANONYMOUS_USER"}, {"userID": "ANY_AUTHENTICATED_USER"}],
        "READ_OBJECTS_IN_BUCKET": [{"userID": "ANONYMOUS_USER"}, {"userID": "ANY_AUTHENTICATED_USER"}],
        "DROP_BUCKET_WITH_ALL_CONTENT": [{"userID": "ANY_AUTHENTICATED_USER"}],
    }
    kii.call("DELETE", "/buckets/box/acl/CREATE_OBJECTS_IN_BUCKET/UserID:ANY_AUTHENTICATED_USER")
    assert kii.call("POST", "/buckets/box/objects", "bob", json={}).status_code == 401


def test_an_entry_makes_its_bucket(kii: Kii) -> None:
    entry = "/users/me/buckets/box/acl/CREATE_OBJECTS_IN_BUCKET/GroupID:team"

    assert kii.call("PUT", entry, "bob").status_code == 204

    added = kii.call("POST", "/users/LOGIN_NAME:bob/buckets/box/objects", "alice", json={})
    assert added.status_code == 201


def test_a_buckets_acl_is_its_makers(kii: Kii) -> None:
    entry = f"/buckets/box/acl/READ_OBJECTS_IN_BUCKET/ThingID:{kii.id('lamp')}"
    kii.call("POST", "/buckets/box/filters/all/push/subscriptions/users", "bob")

    assert_error(kii.call("PUT", entry, "alice"), 401, "UNAUTHORIZED")
    assert kii.call("PUT", entry, "bob").status_code == 204


def test_an_objects_acl(kii: Kii) -> None:
    box = "/users/LOGIN_NAME:bob/buckets/box"
    object_id = kii.call("POST", f"{box}/objects", "bob", json={}).json()["objectID"]
    target = f"{box}/objects/{object_id}"
    assert kii.call("GET", target, "alice").status_code == 401

    assert (
        kii.call("PUT", f"{target}/acl/READ_EXISTING_OBJECT/UserID:{kii.id('alice')}", "bob").status_code
        == 204
    )

    assert kii.call("GET", target, "alice").status_code == 200
    assert kii.call("PATCH", target, "alice", json={"a": 1}).status_code == 401
