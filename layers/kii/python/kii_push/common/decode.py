"""Decode JSON values into structs, and name the field that does not fit."""

import re
import threading
from typing import Any

import msgspec

from kii_push.errors import InvalidRequest, Violation, readable

# How msgspec ends the path of a field, such as `.message.gcm` or `.recipients[0].values[...]`.
_PATH_END = re.compile(r"(?:\.\w+|\[(?:\d+|\.\.\.)\])+`")
_ready: set[Any] = set()
_preparing = threading.Lock()


def ready[T](shape: type[T]) -> type[T]:
    """Return the shape, prepared for use by several threads.

    msgspec 0.22 looks at a struct's fields when it is first decoded, and crashes the process when another
    thread decodes it meanwhile.
    """
    if shape not in _ready:
        with _preparing:
            msgspec.json.Decoder(shape)
            _ready.add(shape)
    return shape


def wire_name(name: str) -> str:
    """Return the name Kii gives a field: camelCase, with ID in capitals (`topic_id` is `topicID`)."""
    first, *rest = name.split("_")
    return first + "".join("ID" if part == "id" else part.capitalize() for part in rest)


def decode[T](value: Any, shape: type[T], prefix: str = "") -> T:
    """Return `value` as `shape`. Raises InvalidRequest naming the field, below `prefix` if there is one."""
    try:
        return msgspec.convert(value, ready(shape))
    except msgspec.ValidationError as error:
        raise InvalidRequest(_violation(str(error), prefix)) from None


def _violation(text: str, prefix: str) -> Violation:
    """Turn msgspec's "what - at `$.path`" into the field's path and what is wrong with it."""
    # From the right: a field's name, which the sender chose and which comes first, may look like a path, too.
    what, _, at = text.rpartition(" - at `$")
    if not _PATH_END.fullmatch(at):
        what, at = text, ""
    path = [part for part in (prefix, at.rstrip("`").lstrip(".")) if part]
    named = re.fullmatch(r"Object (contains unknown|missing required) field `(.*)`", what, re.DOTALL)
    if named:
        path.append(readable(named[2]))
        what = "is not a known field" if named[1] == "contains unknown" else "must be given"
    elif what.startswith("Invalid enum value"):
        # The value itself stays out of errors; the schema under docs/ lists what is possible.
        what = "is not one of the possible values"
    return Violation(".".join(path), what)
