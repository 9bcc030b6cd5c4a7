"""A broadcast's template: the message in which every `${name}` is replaced by a recipient's value."""

import string
from collections.abc import Mapping
from typing import Any

from kii_push.common.strict_json import MAX_BYTES, TooLarge
from kii_push.errors import InvalidRequest, Violation, readable

# Each takes time for each recipient. No real template has nearly as many: networks carry a few kilobytes.
MAX_PLACEHOLDERS = 1000

type Value = str | int | float | bool
type Message = dict[str, Any]


def fill(template: Message, values: Mapping[str, Value]) -> Message:
    """Return the message for a recipient with these values.

    Raises InvalidRequest naming the field that needs another value, and TooLarge as soon as the values alone
    are longer than any push can be: a short template and one long value could otherwise fill the memory.
    """
    filled: Message = _replaced(template, _Texts(values), "template")
    return filled


def fill_blank(template: Message) -> Message:
    """Return the template with every value left empty.

    Raises InvalidRequest naming the field with a `$` that begins no `${name}`; also for more than
    MAX_PLACEHOLDERS.
    """
    blanks = _Blanks()
    blank: Message = _replaced(template, blanks, "template")
    if blanks.count > MAX_PLACEHOLDERS:
        reason = f"has {blanks.count} places for values; at most {MAX_PLACEHOLDERS} are taken"
        raise InvalidRequest(Violation("template", reason))
    return blank


class _Texts(dict[str, str]):
    """A recipient's values as they stand in a message, given out until they fill a whole push."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__((name, _text(value)) for name, value in values.items())
        self._left = MAX_BYTES

    def __getitem__(self, name: str) -> str:
        text = super().__getitem__(name)
        # An empty one counts too: it adds nothing to the push, but takes its time.
        self._left -= max(1, len(text))
        if self._left < 0:
            reason = f"becomes longer than {MAX_BYTES} bytes with this recipient's values"
            raise TooLarge(Violation("template", reason))
        return text


class _Blanks(dict[str, str]):
    """An empty text for every name; counts how many are asked for."""

    count = 0

    def __missing__(self, name: str) -> str:
        self.count += 1
        return ""


def _replaced(value: Any, texts: Mapping[str, str], path: str) -> Any:
    if isinstance(value, str):
        try:
            return string.Template(value).substitute(texts)
        except KeyError as error:
            raise InvalidRequest(Violation(path, f"needs the value {readable(error.args[0])!r}")) from None
        except ValueError:
            raise InvalidRequest(Violation(path, "has a $ that begins no ${name}; write $$")) from None
    if isinstance(value, dict):
        return {key: _replaced(each, texts, f"{path}.{readable(key)}") for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, texts, f"{path}[{place}]") for place, each in enumerate(value)]
    return value


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
