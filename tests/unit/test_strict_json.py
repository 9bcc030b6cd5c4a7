"""JSON from outside: what is taken means the same to every reader, everything else is an InvalidRequest."""

import json
import time
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kii_push.common import strict_json
from kii_push.common.strict_json import MAX_BYTES, MAX_DEPTH, TooLarge
from kii_push.errors import InvalidRequest

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
# Pieces that come close to JSON more often than arbitrary text does.
PIECES = st.sampled_from(
    [
        *'{}[],:"\\- \n\ufeff\x00\ud800',
        *(
            "NaN",
            "-Infinity",
            "1e999",
            "1e-999",
            "0",
            "-0",
            "12",
            ".5",
            "true",
            "null",
            '"a"',
            '"a":',
            '"b":1',
        ),
        *('"\\ud800"', '"\\ud83d\\ude00"', "\\u0000", "é", "'"),
    ]
)


@given(VALUES)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert strict_json.loads(json.dumps(value)) == value
    assert strict_json.loads(json.dumps(value, ensure_ascii=False)) == value


@given(st.text() | st.text(alphabet=st.characters(exclude_categories=[])) | st.lists(PIECES).map("".join))
@example('{"a":1,"a":1}')
@example("[" * 100_000)
@example('{"a":' * 20_000)
@example("1" * 5000)
@example('"\ud800"')
@example("")
def test_any_text_is_either_refused_or_can_be_written_again_for_every_reader(text: str) -> None:
    try:
        value = strict_json.loads(text)
    except InvalidRequest as refused:
        reason = refused.reason
    else:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        assert json.loads(written.encode()) == value
        return

    assert reason.startswith("the body ")
    assert reason.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not valid JSON"),
        ('{"a": ', "line 1 column 7"),
        ('{"a": 1,}', "not valid JSON"),
        ("{'a': 1}", "not valid JSON"),
        ("[1] [2]", "not valid JSON"),
        ("\ufeff{}", "not valid JSON"),
        ('"a\nb"', "not valid JSON"),
        ('{"a": NaN}', "NaN"),
        ("[Infinity]", "Infinity"),
        ("[-Infinity]", "-Infinity"),
        ("[1e999]", "too large"),
        ("[-1e999]", "too large"),
        ("9" * 5000, "too long"),
        ('{"a": 1, "b": 2, "a": 3}', "'a' twice"),
        ('{"x": [{"b": 1, "b": 1}]}', "'b' twice"),
        ('"\\ud800"', "surrogate"),
        ('{"\\udc00": 1}', "surrogate"),
        ('["\ud800"]', "not valid Unicode"),
    ],
)
def test_what_lenient_readers_let_through_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        strict_json.loads(text)

    assert reason in refused.value.reason
    assert not isinstance(refused.value, TooLarge)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_nesting_is_taken_up_to_the_limit_and_not_beyond(opening: str) -> None:
    closing = {"[": "]", '{"a":': "}"}[opening]

    strict_json.loads(opening * MAX_DEPTH + "1" + closing * MAX_DEPTH)
    for depth in (MAX_DEPTH + 1, 1000, 40_000):
        with pytest.raises(InvalidRequest, match="nested"):
            strict_json.loads(opening * depth + "1" + closing * depth)


def test_a_body_is_measured_in_bytes_not_characters() -> None:
    fits = json.dumps("é" * ((MAX_BYTES - 2) // 2), ensure_ascii=False)
    assert strict_json.loads(fits)

    with pytest.raises(TooLarge, match=str(MAX_BYTES)):
        strict_json.loads(json.dumps("é" * (MAX_BYTES // 2), ensure_ascii=False))


def test_the_largest_body_with_a_key_twice_is_refused_without_comparing_all_with_all() -> None:
    members = [f'"{number:x}":0' for number in range(29_000)]
    text = "{" + ",".join([*members, members[-1]]) + "}"
    assert MAX_BYTES * 0.9 < len(text) <= MAX_BYTES

    started = time.process_time()
    with pytest.raises(InvalidRequest, match="twice"):
        strict_json.loads(text)

    assert time.process_time() - started < 1


def test_a_key_is_quoted_so_that_it_fits_a_log_line() -> None:
    key = "Your\ncode is 4711: " + "x" * 10_000
    with pytest.raises(InvalidRequest) as caught:
        strict_json.loads(f"{{{json.dumps(key)}: 1, {json.dumps(key)}: 2}}")
    assert len(caught.value.reason) < 150
    assert "\n" not in caught.value.reason
