"""What a stranger may send, and what may come of it: hostile JSON near to what is valid, within bounds."""

import contextlib
import copy
import io
import time
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from kii_push.common.observability import logger
from kii_push.errors import MAX_FIELD_CHARS, MAX_REASON_CHARS, InvalidRequest, PushError

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# What fails is shown, however long it is. Measuring coverage would double the time: it is left to the tests
# that say what they expect.
ANY_INPUT = [pytest.mark.filterwarnings("ignore:Generating overly large repr"), pytest.mark.no_cover]
# Of the processor, since the machine may be busy with something else. Most inputs take milliseconds; the rest
# is for what traces memory and coverage.
MAX_SECONDS = 10
MAX_LOG_CHARS = 3000

# Long, not for a terminal, worded like msgspec's errors, or expensive in one of the layer's rules.
HOSTILE = st.sampled_from(
    [
        "x" * 200_000,
        "x` - at `$KKK" + "k" * 100_000,
        "x` - at `$.message" + ".m" * 50_000,
        " - at `$" * 10_000,
        "\x1b]0;owned\x07\r\n\u009b2J\u202e",
        "\x00\ufffe\uffff",
        "${x}" * 20_000,
        "${" + "a" * 60_000 + "}",
        "$" * 30_001,
        "あ🎉" * 20_000,
        "A" + "a" * 1000 + "Aa" * 30_000,
        "LOGIN_NAME:",
        "9" * 5000,
        "",
    ]
)
TEXT = HOSTILE | st.text(max_size=20)
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
JSON = st.recursive(
    SCALAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
# Deep or wide; beside JSON, for they would be multiplied there.
LARGE = st.sampled_from(
    [
        [[]] * 20_000,
        {f"google.{number}": number for number in range(5_000)},
        {"a": {"b": {"c": {"d": {"e": ["x" * 1000] * 50}}}}},
    ]
)


@st.composite
def near(draw: st.DrawFn, *valid: Any) -> Any:
    """Return one of these objects, changed in up to three places."""
    value = copy.deepcopy(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(0, 3))):
        inside = draw(st.sampled_from(list(_objects(value))))
        name = draw(st.sampled_from(sorted(inside)) | TEXT) if inside else draw(TEXT)
        inside[name] = copy.deepcopy(draw(JSON | LARGE))
    return value


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Check that what is done inside takes little time, and writes few and short lines to the log."""
    stream = io.StringIO()
    handler = cast("Any", logger.registered_handler)
    before = handler.setStream(stream)
    began = time.process_time()
    try:
        yield
    finally:
        took = time.process_time() - began
        handler.setStream(before)
    assert took < MAX_SECONDS
    lines = stream.getvalue().splitlines()
    assert len(lines) <= 2
    for line in lines:
        assert len(line) <= MAX_LOG_CHARS
        assert line.isprintable()
        assert '"message":"fault"' not in line


def check_error(error: PushError) -> None:
    """Check that an error is short and printable in all its parts."""
    check_text(error.reason, MAX_REASON_CHARS + 1)
    assert 0 <= (error.retry_after or 0) <= 3600
    assert error.error_code is None or len(error.error_code) <= 64
    if isinstance(error, InvalidRequest):
        assert 1 <= len(error.violations) <= 21
        for each in error.violations:
            check_text(each.field, MAX_FIELD_CHARS + 1)
            check_text(each.reason, MAX_REASON_CHARS + 1)


def check_text(text: str, max_chars: int) -> None:
    """Check that a text is short and printable."""
    assert len(text) <= max_chars
    assert text.isprintable()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Yield the object and those inside."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(each)
