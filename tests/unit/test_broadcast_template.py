"""A template filled with a recipient's values, and the memory and time that this may take."""

import time
import tracemalloc
from typing import Any

import pytest

from kii_push.broadcast import template
from kii_push.common.strict_json import MAX_BYTES, TooLarge
from kii_push.errors import InvalidRequest


def test_each_place_takes_its_value_and_other_types_stay() -> None:
    message = {"a": "${n} and $n", "b": ["$$5", {"c": "${yes}"}], "d": 7, "e": None, "${n}": "x"}
    assert template.fill(message, {"n": 1.5, "yes": True, "unused": "u"}) == {
        "a": "1.5 and 1.5",
        "b": ["$5", {"c": "true"}],
        "d": 7,
        "e": None,
        "${n}": "x",
    }


def test_a_value_is_no_template() -> None:
    assert template.fill({"a": "${x}"}, {"x": "${y}$"}) == {"a": "${y}$"}


def test_a_missing_value_is_named_in_few_characters_where_it_is_missing() -> None:
    with pytest.raises(InvalidRequest) as caught:
        template.fill({"k" * 100_000: ["", f"${{{'a' * 100_000}}}"]}, {})
    [found] = caught.value.violations
    assert (found.field, found.reason) == (
        f"template.{'k' * 64}…[1]",
        f"needs the value '{'a' * 64}…'",
    )


# The message of 16 KB with which a list's line of 60 KB took 712 MB, and ones whose text is in many strings.
LONG = [
    ({"m": "${x}" * 4_000}, "v" * 60_000),
    ({"m": ["${x}"] * 4_000}, "v" * 60_000),
    ({str(place): "${x}" for place in range(4_000)}, "v" * 60_000),
    ({"m": "${x}" * 1_200_000}, "v"),
    ({"m": "${x}" * 1_200_000}, ""),
]


@pytest.mark.no_cover
@pytest.mark.parametrize(("message", "value"), LONG, ids=["text", "list", "object", "short", "empty"])
def test_what_no_push_can_hold_is_given_up_before_it_is_built(message: dict[str, Any], value: str) -> None:
    tracemalloc.start()
    began = time.thread_time()
    with pytest.raises(TooLarge) as caught:
        template.fill(message, {"x": value})
    took = time.thread_time() - began
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.violations[0].field == "template"
    assert most < 32_000_000, "bytes"
    assert took < 5, "seconds of this thread, with tracemalloc's own"


def test_as_much_as_a_push_can_hold_is_filled() -> None:
    filled = template.fill({"a": "${x}", "b": "${x}"}, {"x": "v" * (MAX_BYTES // 2)})
    assert len(filled["a"]) + len(filled["b"]) == MAX_BYTES


def test_a_template_has_so_many_places_and_no_more() -> None:
    most = template.MAX_PLACEHOLDERS
    assert template.fill_blank({"a": "${x}" * (most - 1), "b": ["$y", "$$"]}) == {"a": "", "b": ["", "$"]}
    with pytest.raises(InvalidRequest, match="template: has 1001 places for values; at most 1000"):
        template.fill_blank({"a": "${x}" * most, "b": ["$y"]})
