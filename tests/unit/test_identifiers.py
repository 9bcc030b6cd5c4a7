"""Kii's identifiers: which are taken, and that none can change the path it stands in."""

from collections.abc import Callable
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from kii_push.errors import InvalidRequest
from kii_push.kii import identifiers
from kii_push.kii.identifiers import APP, Principal, Scope, ScopeType, encode

type Check = Callable[[str, str], str]

ADDRESSED = "a", "LOGIN_NAME:bob", "EMAIL:bob@example.com", "PHONE:+81-90-1234", "ボブ", "x" * 250
NEVER = "", ".", "..", "a/b", "a\\b", "a b", "a\tb", "a\n", "a\x00", "a\x7f", "x" * 251, "a\ud800"


@pytest.mark.parametrize(
    ("check", "value"),
    [
        *[(identifiers.topic_id, value) for value in ("a", "A-z_0", "x" * 64)],
        *[(identifiers.bucket_id, value) for value in ("ab", "A-z_0", "x" * 64)],
        *[(identifiers.object_id, value) for value in ("ab", "A-z_0.json", "x" * 100, "...")],
        *[(identifiers.user, value) for value in (*ADDRESSED, "ME", "LOGIN_NAME:me", "LOGIN_NAME:..")],
        *[(identifiers.group, value) for value in ("team", "a.b-c_d", "x" * 250)],
        *[(identifiers.thing, value) for value in ("th.1-2", "VENDOR_THING_ID:lamp")],
        *[(identifiers.installation, value) for value in ("i-1", "ANDROID:APA91b:x_-", "IOS:" + "f" * 4096)],
        *[(identifiers.device_token, value) for value in ("APA91b:x_-", "f" * 4096)],
    ],
)
def test_what_kii_can_take_is_returned_as_it_came(check: Check, value: str) -> None:
    assert check(value, "field") == value


@pytest.mark.parametrize(
    ("check", "value"),
    [
        *[(identifiers.topic_id, value) for value in (*NEVER, "x" * 65, "a.b", "é", "a:b")],
        *[(identifiers.bucket_id, value) for value in (*NEVER, "a", "x" * 65, "a.b")],
        *[(identifiers.object_id, value) for value in (*NEVER, "a", "x" * 101, "é")],
        *[(identifiers.user, value) for value in (*NEVER, "me", "LOGIN_NAME:", "EMAIL:", "PHONE:")],
        *[(identifiers.group, value) for value in NEVER],
        *[(identifiers.thing, value) for value in (*NEVER, "VENDOR_THING_ID:")],
        *[(identifiers.installation, value) for value in (*NEVER, "FAX:1", "ANDROID:", "IOS:a/b", "ios:x")],
        *[(identifiers.device_token, value) for value in ("", "a b", "a/b", "a\n", "a\x00", "f" * 4097)],
    ],
)
def test_what_kii_cannot_take_is_refused_with_the_field(check: Check, value: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check(value, "target.field")

    [violation] = refused.value.violations
    assert violation.field == "target.field"
    assert violation.reason


@pytest.mark.parametrize(
    ("scope", "path"),
    [
        (APP, ""),
        (Scope("group", "team"), "/groups/team"),
        (Scope("user", "EMAIL:bob@example.com"), "/users/EMAIL:bob%40example.com"),
        (Scope("thing", "VENDOR_THING_ID:lamp"), "/things/VENDOR_THING_ID:lamp"),
    ],
)
def test_a_scope_is_the_prefix_that_kii_documents(scope: Scope, path: str) -> None:
    assert scope.path == path


@pytest.mark.parametrize(
    ("principal", "path"),
    [
        (Principal("user", "LOGIN_NAME:bob"), "/users/LOGIN_NAME:bob"),
        (Principal("thing", "th.1"), "/things/th.1"),
    ],
)
def test_a_principal_is_its_path(principal: Principal, path: str) -> None:
    assert principal.path == path


@pytest.mark.parametrize(
    ("type_", "value"), [("group", "team"), ("user", "LOGIN_NAME:bob"), ("thing", "VENDOR_THING_ID:lamp")]
)
def test_a_scope_of_each_type_takes_that_types_identifiers(type_: ScopeType, value: str) -> None:
    assert identifiers.scope(type_, value, "target") == Scope(type_, value)


def test_a_scope_checks_by_its_own_types_rules() -> None:
    assert identifiers.scope("thing", "me", "target.thing") == Scope("thing", "me")
    with pytest.raises(InvalidRequest, match=r"target\.user"):
        identifiers.scope("user", "me", "target.user")


@given(st.text(min_size=1))
def test_encoding_is_undone_by_decoding(value: str) -> None:
    assume(value not in {".", ".."})
    encoded = encode(value)

    assert unquote(encoded) == value
    assert not set(encoded) & set("/?#\\ ")


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_what_would_make_the_path_another_one_is_never_encoded(value: str) -> None:
    with pytest.raises(InvalidRequest):
        encode(value)


@given(
    check=st.sampled_from(
        [
            identifiers.user,
            identifiers.group,
            identifiers.thing,
            identifiers.object_id,
            identifiers.installation,
        ]
    ),
    value=st.text(min_size=1, max_size=12)
    | st.text(min_size=1, max_size=12).map("ANDROID:".__add__)
    | st.text(alphabet="./\\%2eE:;?#@ \x85\u2028\ud800ab", min_size=1, max_size=6),
)
@example(check=identifiers.user, value="%2e%2e")
@example(check=identifiers.user, value="..%2fadmin")
@example(check=identifiers.group, value="a?b#c")
@example(check=identifiers.thing, value="VENDOR_THING_ID:..")
def test_no_identifier_that_passes_can_change_the_path(check: Check, value: str) -> None:
    try:
        check(value, "field")
    except InvalidRequest:
        return

    # httpx removes dot segments and splits off queries, as servers do.
    url = httpx.URL(f"https://kii.example/api/apps/a/users/{encode(value)}/push/messages")

    assert url.query == b""
    *before, segment, push, messages = url.raw_path.decode().split("/")
    assert before == ["", "api", "apps", "a", "users"]
    assert (push, messages) == ("push", "messages")
    assert unquote(segment) == value
