"""Push requests to a bucket: the change of an object in place of a message."""

from typing import Any

import pytest

from kii_push.errors import InvalidRequest
from kii_push.kii.identifiers import Scope
from kii_push.push import request
from kii_push.push.preflight import MAX_OBJECT_CHARS, Preflight
from kii_push.push.request import BucketTarget

BUCKET = {"bucket": "readings"}
READING = {"celsius": 21.5}


@pytest.mark.parametrize(
    ("value", "target", "written"),
    [
        ({"target": BUCKET, "object": READING}, BucketTarget("readings"), READING),
        (
            {"target": {**BUCKET, "thing": "VENDOR_THING_ID:lamp"}, "object": {}, "operation": "create"},
            BucketTarget("readings", Scope("thing", "VENDOR_THING_ID:lamp")),
            {},
        ),
        (
            {"target": BUCKET, "object": READING, "objectID": "o-1"},
            BucketTarget("readings", operation="replace", object_id="o-1"),
            READING,
        ),
        (
            {"target": {**BUCKET, "user": "u"}, "object": READING, "objectID": "o-1", "operation": "update"},
            BucketTarget("readings", Scope("user", "u"), "update", "o-1"),
            READING,
        ),
        (
            {"target": {**BUCKET, "group": "g"}, "objectID": "o-1", "operation": "delete"},
            BucketTarget("readings", Scope("group", "g"), "delete", "o-1"),
            {},
        ),
    ],
)
def test_a_bucket_is_a_target_with_an_object_to_change(
    value: Any, target: BucketTarget, written: dict[str, Any]
) -> None:
    push = request.from_json(value, default_id="k")

    assert (push.target, push.message, push.id) == (target, written, "k")


@pytest.mark.parametrize(
    ("value", "field", "reason"),
    [
        ({"target": {"bucket": "b"}, "object": {}}, "target.bucket", "letters"),
        ({"target": {**BUCKET, "topic": "t"}, "object": {}}, "target", "a topic and a bucket"),
        ({"target": {**BUCKET, "user": "u", "group": "g"}, "object": {}}, "target", "(group, user)"),
        ({"target": {**BUCKET, "user": "me"}, "object": {}}, "target.user", "'me'"),
        ({"target": BUCKET}, "object", "must be given to create"),
        ({"target": BUCKET, "object": [1]}, "object", "Expected `object`"),
        ({"target": BUCKET, "object": {}, "message": {}}, "message", "cannot be given"),
        ({"target": BUCKET, "object": {}, "operation": "create", "objectID": "o1"}, "objectID", "cannot be"),
        ({"target": BUCKET, "object": {}, "operation": "replace"}, "objectID", "must be given to replace"),
        ({"target": BUCKET, "operation": "update", "objectID": "o1"}, "object", "must be given to update"),
        ({"target": BUCKET, "operation": "delete"}, "objectID", "must be given to delete"),
        ({"target": BUCKET, "operation": "delete", "objectID": "o1", "object": {}}, "object", "cannot be"),
        ({"target": BUCKET, "object": {}, "operation": "upsert"}, "operation", "possible values"),
        ({"target": BUCKET, "object": {}, "objectID": ".."}, "objectID", ""),
        ({"target": BUCKET, "object": {}, "objectID": "o"}, "objectID", "2 to 100"),
        ({"target": {"user": "u"}, "object": {}}, "object", "for a bucket only"),
        ({"target": {"user": "u"}, "message": {}, "objectID": "o1"}, "objectID", "for a bucket only"),
        ({"target": {"topic": "t"}, "message": {}, "operation": "create"}, "operation", "for a bucket only"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_the_field_that_is_wrong(
    value: Any, field: str, reason: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        request.from_json(value, default_id="k")

    [violation] = refused.value.violations
    assert violation.field == field
    assert reason in violation.reason


def test_an_object_may_have_so_many_characters_and_no_more() -> None:
    preflight, target = Preflight(), BucketTarget("readings")
    empty = preflight.check({"a": ""}, target, "app").characters()
    longest = {"a": "ä" * (MAX_OBJECT_CHARS - empty)}

    assert preflight.check(longest, target, "app").body == longest
    with pytest.raises(InvalidRequest, match="object: has 65535 characters"):
        preflight.check({"a": f"{longest['a']}."}, target, "app")
