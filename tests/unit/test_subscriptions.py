"""Subscriptions of users and things to topics and buckets."""

import httpx
import pytest

from kii_push.errors import KiiError
from kii_push.kii.identifiers import APP, Principal, Scope
from kii_push.kii.subscriptions import Bucket, Subscriptions, Topic
from tests.doubles.mock_kii import MockKii, ok, refusal

USER = Principal("user", "u-1")
THING = Principal("thing", "th.1")
SCOPES = [
    (APP, ""),
    (Scope("group", "g-1"), "/groups/g-1"),
    (Scope("user", "u-2"), "/users/u-2"),
    (Scope("thing", "VENDOR_THING_ID:v/1"), "/things/VENDOR_THING_ID:v%2F1"),
]


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


@pytest.fixture
def subscriptions(mock: MockKii) -> Subscriptions:
    return Subscriptions(mock.client())


@pytest.mark.parametrize(("scope", "prefix"), SCOPES)
@pytest.mark.parametrize(("subscriber", "suffix"), [(USER, "users/u-1"), (THING, "things/th.1")])
@pytest.mark.parametrize(("source", "path"), [(Topic, "topics/x1"), (Bucket, "buckets/x1/filters/all")])
def test_each_operation_has_its_path(
    mock: MockKii,
    subscriptions: Subscriptions,
    scope: Scope,
    prefix: str,
    subscriber: Principal,
    suffix: str,
    source: type[Topic | Bucket],
    path: str,
) -> None:
    mock.gives(ok(), ok(), ok())
    subscriptions.subscribe(source("x1", scope), subscriber)
    assert subscriptions.is_subscribed(source("x1", scope), subscriber)
    subscriptions.unsubscribe(source("x1", scope), subscriber)
    whole = f"{prefix}/{path}/push/subscriptions/{suffix}"
    assert mock.calls == [f"PUT {whole}", f"GET {whole}", f"DELETE {whole}"]


@pytest.mark.parametrize("status", [200, 201, 204])
def test_any_success_will_do(mock: MockKii, subscriptions: Subscriptions, status: int) -> None:
    mock.gives(httpx.Response(status), httpx.Response(status), httpx.Response(status))
    subscriptions.subscribe(Topic("news"), USER)
    assert subscriptions.is_subscribed(Topic("news"), USER)
    subscriptions.unsubscribe(Topic("news"), USER)


@pytest.mark.parametrize("code", ["PUSH_SUBSCRIPTION_NOT_FOUND", "FILTER_NOT_FOUND", None])
def test_not_subscribed_has_several_names(
    mock: MockKii, subscriptions: Subscriptions, code: str | None
) -> None:
    mock.gives(refusal(404, code))
    assert not subscriptions.is_subscribed(Bucket("notes"), USER)


@pytest.mark.parametrize(
    ("status", "code"), [(404, "TOPIC_NOT_FOUND"), (404, "USER_NOT_FOUND"), (401, "UNAUTHORIZED")]
)
def test_what_is_missing_otherwise_is_an_error(
    mock: MockKii, subscriptions: Subscriptions, status: int, code: str
) -> None:
    mock.gives(refusal(status, code))
    with pytest.raises(KiiError) as caught:
        subscriptions.is_subscribed(Topic("news"), USER)
    assert caught.value.error_code == code


def test_subscribing_twice_is_kiis_conflict(mock: MockKii, subscriptions: Subscriptions) -> None:
    mock.gives(refusal(409, "PUSH_SUBSCRIPTION_ALREADY_EXISTS"))
    with pytest.raises(KiiError, match="409 PUSH_SUBSCRIPTION_ALREADY_EXISTS"):
        subscriptions.subscribe(Topic("news"), USER)
