"""Replace a function of MiniStack's. Their names are private: another version may not have them."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any


class PatchError(Exception):
    """MiniStack no longer has what this project replaces in it; the message names it."""


def replace(module: ModuleType, name: str, replacement: Callable[..., Any]) -> Callable[..., Any]:
    """Let MiniStack call `replacement` instead; return what it called before.

    Raises PatchError unless both take the same parameters.
    """
    place = f"{module.__name__}.{name}"
    original: Callable[..., Any] | None = getattr(module, name, None)
    if original is None:
        raise PatchError(f"{place} is gone")
    asked, given = (list(inspect.signature(each).parameters) for each in (original, replacement))
    if asked != given:
        raise PatchError(f"{place} takes {asked} by now, not {given}")
    setattr(module, name, replacement)
    return original
