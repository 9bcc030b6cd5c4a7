"""Subscribing users and things to topics and to buckets (docs/kii-push-api.md §5 and §6)."""

import pytest

from tests.sandbox.kii import APP, Kii, assert_error

TOPIC = "/topics/alerts/push/subscriptions"
BUCKET = "/buckets/box/filters/all/push/subscriptions"


@pytest.fixture
def base(kii: Kii, request: pytest.FixtureRequest) -> str:
    """Return the subscriptions of a topic that is there, or of a bucket that is not."""
    kii.call("PUT", "/topics/alerts")
    return str(request.param)


both = pytest.mark.parametrize("base", [TOPIC, BUCKET], indirect=True)
KINDS = {"bob": "users", "lamp": "things"}


@both
@pytest.mark.parametrize("who", KINDS)
@pytest.mark.parametrize("by", ["self", "admin"])
def test_a_subscriptions_life(kii: Kii, base: str, who: str, by: str) -> None:
    subscription, caller = f"{base}/{KINDS[who]}/{kii.id(who)}", who if by == "self" else "admin"
    subject = f"{'UserID' if who == 'bob' else 'ThingID'}:{kii.id(who)}"

    assert kii.call("PUT", subscription, caller).status_code == 204
    assert_error(
        kii.call("PUT", subscription, caller),
        409,
        "PUSH_SUBSCRIPTION_ALREADY_EXISTS",
        "PushSubscriptionAlreadyExistsException",
        topicID="alerts" if base == TOPIC else "box",
        objectScope={"appID": APP, "type": "APP"},
        subject=subject,
    )
    for method in ("GET", "HEAD"):
        assert kii.call(method, subscription, caller).status_code == 204
    assert kii.call("DELETE", subscription, caller).status_code == 204
    for method in ("GET", "DELETE"):
        assert_error(kii.call(method, subscription, caller), 404, "PUSH_SUBSCRIPTION_NOT_FOUND")
    assert kii.call("HEAD", subscription, caller).status_code == 404


@both
@pytest.mark.parametrize("who", KINDS)
def test_subscribing_oneself(kii: Kii, base: str, who: str) -> None:
    own, other = (f"{base}/{kind}" for kind in (KINDS[who], "things" if who == "bob" else "users"))

    assert kii.call("POST", own, who).status_code == 204

    assert kii.call("GET", f"{own}/{kii.id(who)}", who).status_code == 204
    assert_error(kii.call("POST", own, who), 409, "PUSH_SUBSCRIPTION_ALREADY_EXISTS")
    assert_error(kii.call("POST", other, who), 401, "UNAUTHORIZED")
    assert_error(kii.call("POST", own, "admin"), 401, "UNAUTHORIZED")
    assert_error(kii.call("POST", own, "anonymous"), 401, "UNAUTHORIZED")


def test_the_guides_short_form_for_buckets(kii: Kii) -> None:
    assert kii.call("PUT", f"{BUCKET}/users", "bob").status_code == 204
    assert kii.call("GET", f"{BUCKET}/users/me", "bob").status_code == 204


@both
def test_nobody_subscribes_another(kii: Kii, base: str) -> None:
    subscription = f"{base}/users/{kii.id('bob')}"
    for by in ("alice", "lamp", "anonymous"):
        assert_error(kii.call("PUT", subscription, by), 401, "UNAUTHORIZED")
    kii.call("PUT", subscription, "bob")
    for method in ("GET", "DELETE"):
        assert_error(kii.call(method, subscription, "alice"), 401, "UNAUTHORIZED")


@both
@pytest.mark.parametrize(
    ("who", "code"), [("users/none", "USER_NOT_FOUND"), ("things/none", "THING_NOT_FOUND")]
)
def test_a_subscriber_that_is_not_there(kii: Kii, base: str, who: str, code: str) -> None:
    assert_error(kii.call("PUT", f"{base}/{who}"), 404, code)


@pytest.mark.parametrize("method", ["PUT", "GET", "DELETE"])
def test_a_topic_that_is_not_there(kii: Kii, method: str) -> None:
    path = f"/topics/none/push/subscriptions/users/{kii.id('bob')}"

    assert_error(kii.call(method, path, "bob"), 404, "TOPIC_NOT_FOUND", topicID="none")


def test_a_filter_or_bucket_that_is_not_there(kii: Kii) -> None:
    who = f"users/{kii.id('bob')}"
    some = BUCKET.replace("all", "some")
    for method in ("PUT", "GET", "DELETE"):
        assert_error(kii.call(method, f"{some}/{who}"), 404, "FILTER_NOT_FOUND", "FilterNotFoundException")
    assert_error(kii.call("DELETE", f"{BUCKET}/{who}"), 404, "FILTER_NOT_FOUND")
    assert_error(kii.call("GET", f"{BUCKET}/{who}"), 404, "FILTER_NOT_FOUND")


@pytest.mark.parametrize("by", ["bob", "admin"])
def test_the_first_subscriber_makes_the_bucket_his(kii: Kii, by: str) -> None:
    assert kii.call("PUT", f"/groups/team{BUCKET}/users/{kii.id('bob')}", by).status_code == 204

    creators = kii.call("GET", "/groups/team/buckets/box/acl").json()["DROP_BUCKET_WITH_ALL_CONTENT"]
    assert {"userID": kii.id("bob")} in creators


@pytest.mark.parametrize(
    ("scope", "by", "status"),
    [
        ("/groups/team", "bob", 204),
        ("/users/LOGIN_NAME:alice", "bob", 401),
        ("/users/LOGIN_NAME:bob", "bob", 204),
        ("/things/VENDOR_THING_ID:lamp", "bob", 401),
        ("/things/VENDOR_THING_ID:lamp", "alice", 204),
    ],
)
def test_subscribing_needs_the_right_to_query_the_bucket(kii: Kii, scope: str, by: str, status: int) -> None:
    assert kii.call("POST", f"{scope}{BUCKET}/users", by).status_code == status
    kii.call("POST", f"{scope}/buckets/box/objects", json={})  # now that it is there, the same holds
    kii.call("DELETE", f"{scope}{BUCKET}/users/{kii.id(by)}")
    assert kii.call("POST", f"{scope}{BUCKET}/users", by).status_code == status


def test_a_bucket_id_that_cannot_be(kii: Kii) -> None:
    path = BUCKET.replace("box", "a.b")

    assert_error(kii.call("POST", f"{path}/users", "bob"), 400, "INVALID_INPUT_DATA")


@pytest.mark.parametrize("scope", ["/groups/team", "/users/me", "/things/VENDOR_THING_ID:lamp"])
def test_topics_of_other_scopes(kii: Kii, scope: str) -> None:
    by = "lamp" if "lamp" in scope else "bob"
    kii.call("PUT", f"{scope}/topics/cmd", by)

    path = f"{scope}/topics/cmd/push/subscriptions/{KINDS[by]}/{kii.id(by)}"

    assert kii.call("PUT", path, by).status_code == 204


def test_a_deleted_topic_takes_its_subscriptions_along(kii: Kii) -> None:
    kii.call("PUT", "/topics/alerts")
    kii.call("POST", f"{TOPIC}/users", "bob")
    kii.call("DELETE", "/topics/alerts")
    kii.call("PUT", "/topics/alerts")

    assert kii.call("GET", f"{TOPIC}/users/me", "bob").status_code == 404
