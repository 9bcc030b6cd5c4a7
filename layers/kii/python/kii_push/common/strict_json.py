"""Read JSON that came from outside, refusing what lenient readers let through; and write it compactly."""

import json
import math
from collections import Counter
from typing import Any, NoReturn

from kii_push.errors import InvalidRequest, Violation, readable

# Kii's own messages are a few kilobytes; SQS carries at most 1 MiB.
MAX_BYTES = 256 * 1024
# Kii's messages nest four deep, a request seven.
MAX_DEPTH = 32


class TooLarge(InvalidRequest):
    """The text is longer than MAX_BYTES."""


def loads(text: str, max_bytes: int = MAX_BYTES) -> Any:
    """Decode `text`.

    Raises InvalidRequest for malformed JSON, NaN, Infinity and numbers that would become it, a key given
    twice, half a surrogate pair and nesting beyond MAX_DEPTH; TooLarge beyond `max_bytes` of UTF-8.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise _invalid("is not valid Unicode") from None
    if size > max_bytes:
        raise TooLarge(Violation("", f"the body has {size} bytes; at most {max_bytes} are taken"))
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_float=_float, parse_constant=_constant)
    except RecursionError:
        raise _invalid(f"is nested more than {MAX_DEPTH} deep") from None
    except json.JSONDecodeError as error:
        raise _invalid(
            f"is not valid JSON: {error.msg} at line {error.lineno} column {error.colno}"
        ) from None
    except ValueError:
        # An integer of thousands of digits: the interpreter's own limit.
        raise _invalid("has a number that is too long") from None
    _check(value, MAX_DEPTH)
    return value


def dumps(value: Any) -> str:
    """Return `value` as compact JSON, in UTF-8 rather than escaped to ASCII."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _invalid(what: str) -> InvalidRequest:
    return InvalidRequest(Violation("", f"the body {what}"))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(key for key, _ in pairs).most_common(1)
        raise _invalid(f"has the key {readable(twice)!r} twice in one object")
    return found


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _invalid("has a number that is too large")
    return number


def _constant(name: str) -> NoReturn:
    raise _invalid(f"has {name}, which JSON does not know")


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise _invalid("has half a surrogate pair in a string") from None
    elif isinstance(value, dict | list):
        if depth == 0:
            raise _invalid(f"is nested more than {MAX_DEPTH} deep")
        if isinstance(value, dict):
            for key in value:
                _check(key, depth)
        for each in value.values() if isinstance(value, dict) else value:
            _check(each, depth - 1)
