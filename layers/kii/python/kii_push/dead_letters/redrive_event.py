"""The event that a person invokes the redrive function with."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from kii_push.common.decode import decode
from kii_push.dead_letters.letter import MAX_CAUSE_CHARS
from kii_push.errors import InvalidRequest, Violation

# What to say instead of an event that is wrong.
HELP = (
    'say {"action": "list"}, or {"action": "redrive", "cause": "..."} with a cause of it, or drop in place of'
    ' redrive; to go on, add the "before" of the last answer, a number of Unix seconds'
)


class RedriveEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for. `cause` is empty for `list` only, which takes no notice of it and of `before`."""

    action: Literal["list", "redrive", "drop"]
    cause: Annotated[str, Meta(max_length=MAX_CAUSE_CHARS + 1)] = ""
    # Until the year 5138.
    before: Annotated[float, Meta(ge=0, lt=100_000_000_000)] | None = None


def read(event: Any) -> RedriveEvent:
    """Return the event. Raises InvalidRequest naming the field that is wrong."""
    asked = decode(event, RedriveEvent)
    if asked.action != "list" and not asked.cause:
        raise InvalidRequest(Violation("cause", f"must be given to {asked.action} letters"))
    return asked
