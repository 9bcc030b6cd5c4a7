"""What an API call's path and query name, and what they may not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kii_push.api import params
from kii_push.errors import InvalidRequest
from kii_push.kii.identifiers import APP, Principal, Scope, encode


def event(query: Any = None, resource: str = "/topics/{topicID}", **path: Any) -> Any:
    """Return API Gateway's event, as far as it is read here; absent parts are null as they are there."""
    return {
        "resource": resource,
        "pathParameters": path or None,
        "multiValueQueryStringParameters": query,
    }


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ({}, APP),
        ({"topicID": "news"}, APP),
        ({"groupID": "team", "topicID": "news"}, Scope("group", "team")),
        ({"userID": "LOGIN_NAME:bob"}, Scope("user", "LOGIN_NAME:bob")),
        ({"userID": "EMAIL:bob%40example.com"}, Scope("user", "EMAIL:bob@example.com")),
        ({"thingID": "VENDOR_THING_ID:lamp"}, Scope("thing", "VENDOR_THING_ID:lamp")),
    ],
)
def test_the_path_begins_with_a_scope_or_is_the_apps(path: dict[str, str], scope: Scope) -> None:
    assert params.scope(event(**path)) == scope


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ({"userID": "LOGIN_NAME:bob"}, {"user": "LOGIN_NAME:bob"}),
        ({"topicID": "news"}, {"topic": "news"}),
        ({"groupID": "g", "topicID": "news"}, {"group": "g", "topic": "news"}),
        ({"thingID": "t", "bucketID": "b", "objectID": "o"}, {"thing": "t", "bucket": "b"}),
    ],
)
def test_the_path_of_a_push_names_its_target(path: dict[str, str], target: dict[str, str]) -> None:
    assert params.target(event(**path)) == target


def test_a_subscriber_is_a_user_or_a_thing_as_the_path_says() -> None:
    users = event(resource="/topics/{topicID}/push/subscriptions/users/{subscriberID}", subscriberID="u-1")
    things = event(resource="/topics/{topicID}/push/subscriptions/things/{subscriberID}", subscriberID="t-1")

    assert params.subscriber(users) == Principal("user", "u-1")
    assert params.subscriber(things) == Principal("thing", "t-1")


@pytest.mark.parametrize(
    ("read", "name", "good"),
    [
        (params.topic, "topicID", "a_B-9" * 12),
        (params.bucket, "bucketID", "ab"),
        (params.installation, "installationID", "ANDROID:APA91b:x_y-z"),
        (params.installation, "installationID", "0123abcd"),
    ],
)
def test_an_identifier_that_kii_can_take_passes(read: Any, name: str, good: str) -> None:
    assert read(event(**{name: good})) == good


@pytest.mark.parametrize(
    ("read", "name", "bad"),
    [
        (params.topic, "topicID", "x" * 65),
        (params.topic, "topicID", "a.b"),
        (params.topic, "topicID", "a%2Fb"),
        (params.topic, "topicID", "%C3%A9"),
        (params.bucket, "bucketID", "b"),
        (params.scope, "groupID", "%2e%2e"),
        (params.scope, "groupID", "a%2fb"),
        (params.scope, "groupID", "a%5Cb"),
        (params.scope, "groupID", "a%00b"),
        (params.scope, "groupID", "a%0d%0ab"),
        (params.scope, "groupID", "x" * 251),
        (params.scope, "userID", "me"),
        (params.scope, "userID", "EMAIL:"),
        (params.scope, "thingID", "%20"),
        (params.installation, "installationID", "FAX:1"),
        (params.installation, "installationID", "IOS:"),
        (params.installation, "installationID", "IOS:a%2Fb"),
        (params.installation, "installationID", "IOS:" + "x" * 4097),
        (params.installation, "installationID", ".."),
    ],
)
def test_an_identifier_that_kii_cannot_take_is_refused_by_name(read: Any, name: str, bad: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(event(**{name: bad}))

    [violation] = refused.value.violations
    assert violation.field == name
    assert "x" * 65 not in violation.reason


@pytest.mark.parametrize("bad", ["%ff", "a%C3", "%ed%a0%80"])
def test_a_path_that_is_not_utf8_is_refused(bad: str) -> None:
    with pytest.raises(InvalidRequest, match="groupID: is not UTF-8"):
        params.scope(event(groupID=bad))


@given(st.text())
def test_whatever_a_caller_encodes_into_a_path_comes_out_as_it_went_in_or_is_refused(text: str) -> None:
    try:
        encoded = encode(text)
    except (InvalidRequest, UnicodeEncodeError):
        return

    assert params.path(event(topicID=encoded), "topicID") == text


def test_query_parameters_are_read_as_the_gateway_decoded_them() -> None:
    call = event(query={"paginationKey": ["a/b+="], "dryRun": ["true"]})

    assert params.query(call, "paginationKey") == "a/b+="
    assert params.query(call, "other") is None
    assert params.query(event(), "paginationKey") is None
    assert params.flag(call, "dryRun") is True
    assert params.flag(event(query={"dryRun": ["false"]}), "dryRun") is False
    assert params.flag(event(), "dryRun") is False


@pytest.mark.parametrize("values", [["yes"], ["1"], ["True"], [""], ["true", "true"], ["true", "false"]])
def test_a_flag_is_true_or_false_and_there_once(values: list[str]) -> None:
    with pytest.raises(InvalidRequest, match="dryRun: "):
        params.flag(event(query={"dryRun": values}), "dryRun")


@pytest.mark.parametrize("name", ["dryrun", "DryRun", "dry_run", "X-Amz-", "x" * 9000, "a\nb"])
def test_a_query_parameter_that_is_not_known_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest, match="is not a known query parameter") as refused:
        params.refuse_other_queries(event(query={name: ["true"]}), ("dryRun",))

    [violation] = refused.value.violations
    assert len(violation.field.removesuffix("…")) <= 64
    assert violation.field.isprintable()


def test_known_query_parameters_and_a_presigned_urls_signature_pass() -> None:
    params.refuse_other_queries(event(query={"dryRun": ["true"], "X-Amz-Signature": ["ab"]}), ("dryRun",))
    params.refuse_other_queries(event(), ())


@pytest.mark.parametrize(
    ("query", "owner"),
    [
        (None, None),
        ({"userID": ["u-1"]}, Principal("user", "u-1")),
        ({"thingID": ["VENDOR_THING_ID:lamp"]}, Principal("thing", "VENDOR_THING_ID:lamp")),
    ],
)
def test_the_query_says_whose_installations(
    query: dict[str, list[str]] | None, owner: Principal | None
) -> None:
    assert params.owner(event(query=query)) == owner


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"userID": ["u"], "thingID": ["t"]}, "thingID"),
        ({"userID": ["me"]}, "userID"),
        ({"userID": [""]}, "userID"),
        ({"thingID": ["a/b"]}, "thingID"),
    ],
)
def test_an_owner_that_cannot_be_is_refused(query: dict[str, list[str]], field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        params.owner(event(query=query))

    assert refused.value.violations[0].field == field
