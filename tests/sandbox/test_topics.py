"""Topics in their four scopes, and who may do what with them by default.

See docs/kii-push-api.md §4.1 to §4.3.
"""

from pathlib import Path

import pytest

from tests.sandbox.kii import APP, OK, Kii, assert_error, sandbox

SCOPES = {
    "app": "",
    "group": "/groups/team",
    "user": "/users/me",
    "user by name": "/users/LOGIN_NAME:bob",
    "user by mail": "/users/EMAIL:bob%40example.com",
    "user by phone": "/users/PHONE:%2B819000000002",
    "thing": "/things/VENDOR_THING_ID:lamp",
}


def scope_object(kii: Kii, kind: str) -> dict[str, str]:
    match kind:
        case "app":
            return {"appID": APP, "type": "APP"}
        case "group":
            return {"appID": APP, "groupID": "team", "type": "APP_AND_GROUP"}
        case "thing":
            return {"appID": APP, "thingID": kii.id("lamp"), "type": "APP_AND_THING"}
        case _:
            return {"appID": APP, "userID": kii.id("bob"), "type": "APP_AND_USER"}


def owner_of(kind: str) -> str:
    return {"app": "admin", "group": "bob", "thing": "lamp"}.get(kind, "bob")


@pytest.mark.parametrize("kind", SCOPES)
def test_a_topics_life(kii: Kii, kind: str) -> None:
    topic, by = f"{SCOPES[kind]}/topics/news", owner_of(kind)
    where = {"topicID": "news", "objectScope": scope_object(kii, kind)}

    created = kii.call("PUT", topic, by)
    assert (created.status_code, created.content) == (204, b"")
    assert_error(
        kii.call("PUT", topic, by), 409, "TOPIC_ALREADY_EXISTS", "TopicAlreadyExistsException", **where
    )
    exists = kii.call("GET", topic, by)
    assert (exists.status_code, exists.content) == (200, b"")
    assert kii.call("HEAD", topic, by).status_code == 204
    assert kii.call("GET", f"{SCOPES[kind]}/topics", by).json() == {"topics": [{"topicID": "news"}]}
    assert kii.call("DELETE", topic, by).status_code == 204
    for method in ("DELETE", "GET"):
        assert_error(kii.call(method, topic, by), 404, "TOPIC_NOT_FOUND", "TopicNotFoundException", **where)
    assert kii.call("HEAD", topic, by).status_code == 404
    assert kii.call("GET", f"{SCOPES[kind]}/topics", by).json() == {"topics": []}


def test_the_names_of_a_user_mean_the_same_scope(kii: Kii) -> None:
    kii.call("PUT", "/users/me/topics/mine", "bob")

    for scope in ("/users/LOGIN_NAME:bob", f"/users/{kii.id('bob')}", SCOPES["user by phone"]):
        assert kii.call("GET", f"{scope}/topics").json() == {"topics": [{"topicID": "mine"}]}


@pytest.mark.parametrize(
    ("scope", "code", "extra"),
    [
        ("/groups/none", "GROUP_NOT_FOUND", {"groupID": "none", "appID": APP}),
        ("/users/none", "USER_NOT_FOUND", {"field": "userID", "value": "none", "appID": APP}),
        ("/users/LOGIN_NAME:none", "USER_NOT_FOUND", {"field": "loginName", "value": "none"}),
        ("/users/PHONE:1", "USER_NOT_FOUND", {"field": "phoneNumber", "value": "1"}),
        ("/things/none", "THING_NOT_FOUND", {"field": "thingID", "value": "none", "appID": APP}),
        ("/things/VENDOR_THING_ID:no", "THING_NOT_FOUND", {"field": "vendorThingID", "value": "no"}),
    ],
)
def test_no_topics_without_the_scopes_owner(kii: Kii, scope: str, code: str, extra: dict[str, str]) -> None:
    name = "".join(word.capitalize() for word in code.split("_")) + "Exception"

    for method, path in (("PUT", "/topics/t"), ("GET", "/topics"), ("GET", "/topics/t")):
        assert_error(kii.call(method, scope + path), 404, code, name, **extra)


@pytest.mark.parametrize(
    ("topic", "by", "status"),
    [
        ("/topics/t", "admin", 204),
        ("/topics/t", "bob", 401),
        ("/topics/t", "lamp", 401),
        ("/topics/t", "anonymous", 401),
        ("/groups/team/topics/t", "admin", 204),
        ("/groups/team/topics/t", "alice", 204),
        ("/groups/team/topics/t", "bob", 204),
        ("/groups/team/topics/t", "carol", 401),
        ("/groups/team/topics/t", "lamp", 401),
        ("/users/LOGIN_NAME:bob/topics/t", "admin", 204),
        ("/users/LOGIN_NAME:bob/topics/t", "bob", 204),
        ("/users/LOGIN_NAME:bob/topics/t", "alice", 401),
        ("/users/LOGIN_NAME:bob/topics/t", "lamp", 401),
        ("/things/VENDOR_THING_ID:lamp/topics/t", "admin", 204),
        ("/things/VENDOR_THING_ID:lamp/topics/t", "lamp", 204),
        ("/things/VENDOR_THING_ID:lamp/topics/t", "alice", 204),  # its owner
        ("/things/VENDOR_THING_ID:lamp/topics/t", "bob", 401),
    ],
)
def test_who_may_create_a_topic(kii: Kii, topic: str, by: str, status: int) -> None:
    register_carol(kii)

    assert kii.call("PUT", topic, by).status_code == status


@pytest.mark.parametrize(
    ("scope", "creator", "senders", "others"),
    [
        ("", "admin", ["admin"], ["alice", "bob", "lamp", "anonymous"]),
        ("/groups/team", "bob", ["admin", "alice", "bob"], ["carol", "lamp", "anonymous"]),
        ("/users/LOGIN_NAME:bob", "bob", ["admin", "bob"], ["alice", "lamp", "anonymous"]),
        ("/things/VENDOR_THING_ID:lamp", "lamp", ["admin", "lamp", "alice"], ["bob", "anonymous"]),
    ],
)
def test_who_may_send_to_a_topic(
    kii: Kii, scope: str, creator: str, senders: list[str], others: list[str]
) -> None:
    register_carol(kii)
    kii.call("PUT", f"{scope}/topics/t", creator)

    for by in senders:
        answer = kii.call("POST", f"{scope}/topics/t/push/messages", by, json=OK)
        assert (by, answer.status_code) == (by, 201)
    for by in others:
        answer = kii.call("POST", f"{scope}/topics/t/push/messages", by, json=OK)
        assert (by, answer.status_code) == (by, 401)


def test_who_sees_and_deletes_a_topic(kii: Kii) -> None:
    register_carol(kii)
    kii.call("PUT", "/groups/team/topics/t", "bob")

    assert kii.call("GET", "/groups/team/topics", "carol").json() == {"topics": []}
    for method in ("GET", "DELETE"):
        assert kii.call(method, "/groups/team/topics/t", "carol").status_code == 401
        assert kii.call(method, "/groups/team/topics/t", "anonymous").status_code == 401
    assert kii.call("GET", "/groups/team/topics", "anonymous").status_code == 401
    assert kii.call("DELETE", "/groups/team/topics/t", "alice").status_code == 204  # the group's owner
    kii.call("PUT", "/groups/team/topics/t", "alice")
    assert kii.call("DELETE", "/groups/team/topics/t", "bob").status_code == 401  # a member, not the creator


@pytest.mark.parametrize("topic_id", ["a", "A-Z_09", "x" * 64])
def test_a_good_topic_id(kii: Kii, topic_id: str) -> None:
    assert kii.call("PUT", f"/topics/{topic_id}").status_code == 204


@pytest.mark.parametrize("topic_id", ["a.b", "x" * 65, "a%20b", "%E3%81%82", "a%2Fb", "a%00"])
def test_a_bad_topic_id(kii: Kii, topic_id: str) -> None:
    answer = kii.call("PUT", f"/topics/{topic_id}")

    assert_error(answer, 400, "INVALID_INPUT_DATA", "InvalidInputDataException")
    assert "topicID" in answer.json()["invalidFields"]


def test_a_long_list_comes_in_pages(kii: Kii) -> None:
    topics = sorted(f"topic-{number:03}" for number in range(120))
    for topic in topics:
        assert kii.call("PUT", f"/topics/{topic}").status_code == 204

    pages: list[list[str]] = []
    key = None
    while key or not pages:
        answer = kii.call("GET", "/topics", "bob", params={"paginationKey": key} if key else {})
        assert (
            answer.headers["Content-Type"] == "application/vnd.kii.TopicsRetrievalResponse+json;charset=UTF-8"
        )
        pages.append([topic["topicID"] for topic in answer.json()["topics"]])
        key = answer.json().get("paginationKey")

    assert [len(page) for page in pages] == [50, 50, 20]
    assert [topic for page in pages for topic in page] == topics


@pytest.mark.parametrize("key", ["", "%%%", "none", "あ", "/w=="])
def test_a_pagination_key_of_somebody_elses(kii: Kii, key: str) -> None:
    assert kii.call("GET", "/topics", params={"paginationKey": key}).status_code in (200, 400)


def test_exactly_one_page_has_no_key(tmp_path: Path) -> None:
    with sandbox(tmp_path, "--policy", "topicPageSize=2") as origin, Kii(origin) as small:
        for topic in ("a", "b"):
            small.call("PUT", f"/topics/{topic}")
        assert small.call("GET", "/topics").json() == {"topics": [{"topicID": "a"}, {"topicID": "b"}]}
        small.call("PUT", "/topics/c")
        first = small.call("GET", "/topics").json()
        assert [topic["topicID"] for topic in first["topics"]] == ["a", "b"]
        rest = small.call("GET", "/topics", params={"paginationKey": first["paginationKey"]}).json()
        assert rest == {"topics": [{"topicID": "c"}]}


def register_carol(kii: Kii) -> None:
    """Register a user who is in no group."""
    user = {"loginName": "carol", "password": "password"}
    kii.call("POST", "/users", "nobody", json=user, headers={"X-Kii-AppID": APP}).raise_for_status()
