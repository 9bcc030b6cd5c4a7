"""Topics: what is asked of Kii and what its answers become."""

import httpx
import pytest

from kii_push.errors import KiiError, UnreadableAnswer
from kii_push.kii.identifiers import APP, Scope
from kii_push.kii.topics import Subject, Topics
from tests.doubles.mock_kii import MockKii, ok, refusal

GROUP = Scope("group", "g/1")
BOB = Subject("UserID", "u-1")


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


@pytest.fixture
def topics(mock: MockKii) -> Topics:
    return Topics(mock.client())


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        (APP, "/topics/news"),
        (GROUP, "/groups/g%2F1/topics/news"),
        (Scope("user", "EMAIL:a@b.c"), "/users/EMAIL:a%40b.c/topics/news"),
        (Scope("thing", "VENDOR_THING_ID:v"), "/things/VENDOR_THING_ID:v/topics/news"),
    ],
)
def test_each_operation_has_its_path_in_each_scope(
    mock: MockKii, topics: Topics, scope: Scope, path: str
) -> None:
    mock.gives(ok(), ok(), ok({}), ok(), ok(), ok(), ok())
    topics.create("news", scope)
    topics.exists("news", scope)
    topics.acl("news", scope)
    topics.granted("news", "SEND_MESSAGE_TO_TOPIC", BOB, scope)
    topics.grant("news", "SUBSCRIBE_TO_TOPIC", Subject("UserID", "ANY_AUTHENTICATED_USER"), scope)
    topics.revoke("news", "SEND_MESSAGE_TO_TOPIC", Subject("GroupID", "g 1"), scope)
    topics.delete("news", scope)
    assert mock.calls == [
        f"PUT {path}",
        f"GET {path}",
        f"GET {path}/acl",
        f"GET {path}/acl/SEND_MESSAGE_TO_TOPIC/UserID:u-1",
        f"PUT {path}/acl/SUBSCRIBE_TO_TOPIC/UserID:ANY_AUTHENTICATED_USER",
        f"DELETE {path}/acl/SEND_MESSAGE_TO_TOPIC/GroupID:g%201",
        f"DELETE {path}",
    ]


def test_topic_is_created_with_an_empty_body(mock: MockKii, topics: Topics) -> None:
    mock.gives(ok())
    topics.create("news")
    assert mock.last.headers["Content-Length"] == "0"
    assert mock.last.content == b""


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_means_that_it_exists(mock: MockKii, topics: Topics, status: int) -> None:
    mock.gives(httpx.Response(status), httpx.Response(status), httpx.Response(status))
    assert topics.exists("news")
    assert topics.granted("news", "SEND_MESSAGE_TO_TOPIC", BOB)
    topics.grant("news", "SEND_MESSAGE_TO_TOPIC", BOB)


@pytest.mark.parametrize("code", ["TOPIC_NOT_FOUND", None])
def test_missing_topic_does_not_exist(mock: MockKii, topics: Topics, code: str | None) -> None:
    mock.gives(refusal(404, code))
    assert not topics.exists("news")


@pytest.mark.parametrize(
    ("status", "code"), [(404, "GROUP_NOT_FOUND"), (404, "APP_NOT_FOUND"), (401, "UNAUTHORIZED")]
)
def test_other_refusals_say_nothing_about_the_topic(
    mock: MockKii, topics: Topics, status: int, code: str
) -> None:
    mock.gives(refusal(status, code))
    with pytest.raises(KiiError) as caught:
        topics.exists("news", GROUP)
    assert caught.value.error_code == code


def test_missing_grant_is_not_granted_but_a_missing_topic_is_an_error(mock: MockKii, topics: Topics) -> None:
    mock.gives(refusal(404, "ACL_NOT_FOUND"), refusal(404, "TOPIC_NOT_FOUND"))
    assert not topics.granted("news", "SEND_MESSAGE_TO_TOPIC", BOB)
    with pytest.raises(KiiError, match="TOPIC_NOT_FOUND"):
        topics.granted("news", "SEND_MESSAGE_TO_TOPIC", BOB)


def test_acl_is_read_by_verb(mock: MockKii, topics: Topics) -> None:
    mock.gives(
        ok(
            {
                "SEND_MESSAGE_TO_TOPIC": [{"groupID": "g-1"}, {"userID": "u-1", "extra": 1}],
                "SUBSCRIBE_TO_TOPIC": [{"userID": "ANY_AUTHENTICATED_USER"}, {"thingID": "th.1"}],
                "A_NEW_VERB": [],
            }
        )
    )
    assert topics.acl("news") == {
        "SEND_MESSAGE_TO_TOPIC": [Subject("GroupID", "g-1"), BOB],
        "SUBSCRIBE_TO_TOPIC": [Subject("UserID", "ANY_AUTHENTICATED_USER"), Subject("ThingID", "th.1")],
        "A_NEW_VERB": [],
    }


@pytest.mark.parametrize(
    "answer",
    [[], {"SEND_MESSAGE_TO_TOPIC": [{"robotID": "r"}]}, {"SEND_MESSAGE_TO_TOPIC": [{"userID": 1}]}, {"a": 1}],
)
def test_acl_that_cannot_be_read_is_an_error(mock: MockKii, topics: Topics, answer: object) -> None:
    mock.gives(ok(answer))
    with pytest.raises(UnreadableAnswer):
        topics.acl("news")


def test_list_asks_for_a_page_when_the_last_is_used_up(mock: MockKii, topics: Topics) -> None:
    mock.gives(
        ok({"topics": [{"topicID": "a"}, {"topicID": "b"}], "paginationKey": "k/+=é"}),
        ok({"topics": [], "paginationKey": "k2"}),
        ok({"topics": [{"topicID": "c", "extra": True}], "paginationKey": None}),
    )
    listed = topics.list(GROUP)
    assert [next(listed), next(listed)] == ["a", "b"]
    assert len(mock.calls) == 1
    assert list(listed) == ["c"]
    assert mock.calls == [
        "GET /groups/g%2F1/topics",
        "GET /groups/g%2F1/topics?paginationKey=k%2F%2B%3D%C3%A9",
        "GET /groups/g%2F1/topics?paginationKey=k2",
    ]


def test_pages_that_go_round_end_in_an_error(mock: MockKii, topics: Topics) -> None:
    page = {"topics": [{"topicID": "a"}]}
    mock.gives(*(ok(page | {"paginationKey": key}) for key in ("x", "y", "x")))
    listed = topics.list()
    with pytest.raises(UnreadableAnswer, match="comes back to a page"):
        list(listed)
    assert len(mock.calls) == 3


def test_one_page_is_given_with_its_key(mock: MockKii, topics: Topics) -> None:
    mock.gives(ok({"topics": [{"topicID": "a"}], "paginationKey": "k2"}))
    page = topics.page(APP, "k1")
    assert [topic.id for topic in page.topics] == ["a"]
    assert page.pagination_key == "k2"
    assert mock.calls == ["GET /topics?paginationKey=k1"]


@pytest.mark.parametrize(
    "answer", [ok(), ok([]), ok({}), ok({"topics": [{}]}), ok({"topics": [{"topicID": []}]})]
)
def test_list_that_cannot_be_read_is_an_error(mock: MockKii, topics: Topics, answer: httpx.Response) -> None:
    mock.gives(answer)
    with pytest.raises(UnreadableAnswer):
        topics.page()
