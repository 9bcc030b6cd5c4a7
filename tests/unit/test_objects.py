"""Objects of buckets: what is asked of Kii and what its answers become."""

import json

import httpx
import pytest

from kii_push.errors import KiiError, UnreadableAnswer
from kii_push.kii.identifiers import APP, Scope
from kii_push.kii.objects import Objects, ObjectWrite
from tests.doubles.mock_kii import Broken, MockKii, ok, refusal


@pytest.fixture
def mock() -> MockKii:
    return MockKii()


@pytest.fixture
def objects(mock: MockKii) -> Objects:
    return Objects(mock.client())


@pytest.mark.parametrize(
    ("scope", "prefix"),
    [
        (APP, ""),
        (Scope("group", "g-1"), "/groups/g-1"),
        (Scope("user", "u 1"), "/users/u%201"),
        (Scope("thing", "th.1"), "/things/th.1"),
    ],
)
def test_each_operation_has_its_path_in_each_scope(
    mock: MockKii, objects: Objects, scope: Scope, prefix: str
) -> None:
    mock.gives(ok({"objectID": "o"}, 201), ok({}), ok({}), ok(), ok({"_id": "o-1"}))
    objects.create("notes", {"a": 1}, scope)
    objects.replace("notes", "o-1", {"a": 1}, scope)
    objects.update("notes", "o-1", {"a": 1}, scope)
    objects.delete("notes", "o-1", scope)
    assert objects.get("notes", "o-1", scope) == {"_id": "o-1"}
    assert mock.calls == [
        f"POST {prefix}/buckets/notes/objects",
        f"PUT {prefix}/buckets/notes/objects/o-1",
        f"PATCH {prefix}/buckets/notes/objects/o-1",
        f"DELETE {prefix}/buckets/notes/objects/o-1",
        f"GET {prefix}/buckets/notes/objects/o-1",
    ]


def test_object_is_sent_as_json(mock: MockKii, objects: Objects) -> None:
    mock.gives(ok({"objectID": "o"}, 201), ok({}), ok({}))
    value = {"text": "é", "n": [1, {"m": None}]}
    objects.create("notes", value)
    objects.replace("notes", "o-1", value)
    objects.update("notes", "o-1", value)
    for request in mock.requests[1:]:
        assert request.headers["Content-Type"] == "application/json"
        assert json.loads(request.content) == value


def test_version_is_a_condition_where_one_is_given(mock: MockKii, objects: Objects) -> None:
    mock.gives(ok({}), ok({}), ok(), ok({}), ok({}), ok())
    for version in ('"7"', None):
        objects.replace("notes", "o-1", {}, if_match=version)
        objects.update("notes", "o-1", {}, if_match=version)
        objects.delete("notes", "o-1", if_match=version)
    assert [request.headers.get("If-Match") for request in mock.requests[1:]] == ['"7"'] * 3 + [None] * 3


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        (
            ok({"objectID": "o-9", "createdAt": 5, "dataType": "t"}, 201, {"ETag": '"1"'}),
            ObjectWrite(created=True, object_id="o-9", version='"1"', created_at=5),
        ),
        (
            ok({"createdAt": 5, "modifiedAt": 6}, 200, {"ETag": '"2"'}),
            ObjectWrite(created=False, object_id="o-1", version='"2"', created_at=5, modified_at=6),
        ),
        (ok({"objectID": 5, "createdAt": "x"}, 201), ObjectWrite(created=True, object_id="o-1")),
        (
            ok(
                {"objectID": "o" * 500_000, "createdAt": 10**4000, "modifiedAt": True},
                201,
                {"ETag": "e" * 9000},
            ),
            ObjectWrite(created=True, object_id="o-1"),
        ),
        (
            httpx.Response(
                201, json={"objectID": "o\x1b[2J", "createdAt": -1}, headers=[(b"ETag", b"\xe9\t")]
            ),
            ObjectWrite(created=True, object_id="o-1"),
        ),
        (ok(), ObjectWrite(created=False, object_id="o-1")),
        (
            httpx.Response(200, stream=Broken(b"{", httpx.ReadError("cut"))),
            ObjectWrite(created=False, object_id="o-1"),
        ),
    ],
)
def test_written_object_is_told_with_what_kii_says(
    mock: MockKii, objects: Objects, answer: httpx.Response, written: ObjectWrite
) -> None:
    mock.gives(answer)
    assert objects.replace("notes", "o-1", {}) == written


def test_created_object_without_a_readable_id_is_created_all_the_same(
    mock: MockKii, objects: Objects
) -> None:
    mock.gives(httpx.Response(201, content=b"?"))
    assert objects.create("notes", {}) == ObjectWrite(created=True)


def test_refusals_are_kiis(mock: MockKii, objects: Objects) -> None:
    mock.gives(refusal(404, "OBJECT_NOT_FOUND"), refusal(409, "OBJECT_VERSION_IS_STALE"), ok([]))
    with pytest.raises(KiiError, match="OBJECT_NOT_FOUND"):
        objects.update("notes", "o-1", {})
    with pytest.raises(KiiError, match="OBJECT_VERSION_IS_STALE"):
        objects.delete("notes", "o-1", if_match='"1"')
    with pytest.raises(UnreadableAnswer):
        objects.get("notes", "o-1")
