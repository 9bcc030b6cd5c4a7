"""What makes two push requests the same: what they say and to whom, however it is written."""

from typing import Any

from kii_push.push import request


def said(**fields: Any) -> request.PushRequest:
    """Return a push request to one user, with these fields in place of its own."""
    return request.from_json({"target": {"user": "u-1"}, **fields}, default_id="any")


def test_the_fingerprint_is_that_of_what_was_said() -> None:
    short = {"title": "T", "body": "B"}
    first = said(message=short).fingerprint
    assert said(message=dict(reversed(short.items()))).fingerprint == first
    assert said(message={**short, "title": "U"}).fingerprint != first
    assert said(message=short, target={"user": "other"}).fingerprint != first


def test_the_fingerprint_of_a_change_is_that_of_what_it_does() -> None:
    def change(**more: Any) -> str:
        push = {"target": {"bucket": "notes"}, "objectID": "o-77", **more}
        return request.from_json(push, default_id="any").fingerprint

    replaced = change(object={"a": 1})
    assert change(object={"a": 1}, operation="replace") == replaced
    assert len({replaced, change(object={"a": 1}, operation="update"), change(operation="delete")}) == 3
