"""The broadcast request: a message for many users, the same for all or a template with each one's values."""

import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from kii_push.broadcast import template
from kii_push.broadcast.template import Value
from kii_push.common import strict_json
from kii_push.common.decode import decode, wire_name
from kii_push.errors import InvalidRequest, Violation
from kii_push.kii import identifiers
from kii_push.push import request
from kii_push.push.preflight import Preflight
from kii_push.push.request import OnUnknown

# Maximum recipients in the request itself; a longer list is an object in the stack's bucket.
MAX_INLINE_RECIPIENTS = 10_000
# Maximum request body. Lambda's 6 MB limit counts the body as an escaped JSON string.
MAX_BYTES = 5_000_000
# Prefix of the keys of lists; the other objects in the bucket are the bundle's own.
LISTS = "lists/"
# Pushes of a broadcast have the ID `broadcast:ID:LINE`. A job of release 0.1.0 has no form: its pushes have
# the ID `ID:LINE`, and a line of its list that is too long counts as several.
ID_FORM_VERSION = 2
# Must be safe in paths and object keys, and leave room for `:` and a line number in a push ID.
_ID = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")


class RecipientShape(Struct, forbid_unknown_fields=True):
    """A user, and what the template's `${name}` stand for in their message."""

    user: str
    values: dict[str, Value] = {}


type Inline = Annotated[list[str | RecipientShape], Meta(min_length=1, max_length=MAX_INLINE_RECIPIENTS)]


class BroadcastShape(Struct, forbid_unknown_fields=True, rename=wire_name):
    """The broadcast request as it stands in JSON.

    `message` or `template`, each Kii's body or the short form; in a template every `${name}` in a string is
    replaced by the recipient's value (`$$` is a dollar sign). `recipients`, each a user identifier or
    RecipientShape, or `recipientsKey`, the key below LISTS of an object in the stack's bucket with one
    of these in JSON a line. `confirm` is needed above the stack's threshold, and for an object.
    """

    id: str | UnsetType = UNSET
    message: dict[str, Any] | UnsetType = UNSET
    template: dict[str, Any] | UnsetType = UNSET
    recipients: Inline | UnsetType = UNSET
    recipients_key: Annotated[str, Meta(min_length=1, max_length=1024)] | UnsetType = UNSET
    not_after: Annotated[datetime, Meta(tz=True)] | UnsetType = UNSET
    on_unknown: OnUnknown = "hold"
    confirm: bool = False


class Job(Struct, rename=wire_name, omit_defaults=True):
    """What each push of a broadcast is made from.

    `recipients_version` is the ETag of the object with the recipients; `not_after` is ISO 8601. `id_form` is
    the form of the pushes' IDs, for as long as the broadcast lasts; `sender` is who started it.
    """

    id: str
    message: dict[str, Any]
    is_template: bool
    recipients_key: str
    recipients_version: str = ""
    id_form: int = 1
    sender: str | None = None
    not_after: str | None = None
    on_unknown: OnUnknown = "hold"

    def push(self, line: int, recipient: str | RecipientShape) -> dict[str, Any]:
        """Return the push request for the recipient on this line, counted from 1.

        Raises InvalidRequest if they cannot be addressed or have no value for a name in the template.
        """
        who = RecipientShape(recipient) if isinstance(recipient, str) else recipient
        message = self.message
        if self.is_template:
            message = template.fill(message, who.values)
        push = {
            "id": self.push_id(line),
            "target": {"user": identifiers.user(who.user, "user")},
            "message": message,
            "onUnknown": self.on_unknown,
            "broadcast": self.id,
        }
        return push | ({"notAfter": self.not_after} if self.not_after else {})

    def push_id(self, line: int) -> str:
        """Return the ID of the push for this line: the same however often the broadcast is fanned out."""
        return f"broadcast:{self.id}:{line}" if self.id_form == ID_FORM_VERSION else f"{self.id}:{line}"


@dataclass(frozen=True)
class BroadcastRequest:
    """A checked broadcast: its job, and the recipients if they came with it."""

    job: Job
    recipients: list[str | RecipientShape] | None


def from_json(
    value: Any, *, default_id: str | None, confirm_above: int, preflight: Preflight, sender: str | None = None
) -> BroadcastRequest:
    """Return the broadcast in a decoded JSON `value`, which must have an ID if there is no `default_id`.

    Raises InvalidRequest naming the field, also for a message that would be refused whoever gets it.
    """
    shape = decode(value, BroadcastShape)
    is_template = shape.message is UNSET
    message = shape.template if shape.message is UNSET else shape.message
    if message is UNSET or (not is_template and shape.template is not UNSET):
        raise InvalidRequest(Violation("message", "must be given, or a template, not both"))
    if (shape.recipients is UNSET) == (shape.recipients_key is UNSET):
        raise InvalidRequest(Violation("recipients", "must be given, or a recipientsKey, not both"))
    if shape.recipients_key is not UNSET and not shape.recipients_key.startswith(LISTS):
        raise InvalidRequest(Violation("recipientsKey", f"must begin with {LISTS}"))
    if not shape.confirm and (shape.recipients is UNSET or len(shape.recipients) > confirm_above):
        raise InvalidRequest(
            Violation("confirm", f"must be true for an object or more than {confirm_above} recipients")
        )
    _check(message, "template" if is_template else "message", preflight)
    own_id = default_id if shape.id is UNSET else shape.id
    if own_id is None:
        where = "here or in the Idempotency-Key header"
        reason = f"must be given, {where}: without it a repeated call would send twice"
        raise InvalidRequest(Violation("id", reason))
    broadcast_id = check_id(own_id, "id")
    job = Job(
        id=broadcast_id,
        message=message,
        is_template=is_template,
        recipients_key=f"inline/{broadcast_id}" if shape.recipients_key is UNSET else shape.recipients_key,
        not_after=None if shape.not_after is UNSET else shape.not_after.isoformat(),
        on_unknown=shape.on_unknown,
        id_form=ID_FORM_VERSION,
        sender=sender,
    )
    return BroadcastRequest(job, None if shape.recipients is UNSET else shape.recipients)


def check_id(value: str, field: str) -> str:
    """Return a broadcast's ID. Raises InvalidRequest naming `field` if it cannot be one."""
    if not _ID.fullmatch(value):
        raise InvalidRequest(Violation(field, "must be 1 to 100 letters, digits, '_', '-' or '.'"))
    return value


def recipient(line: bytes) -> str | RecipientShape:
    """Return the recipient on a line of an object: JSON, a string or a RecipientShape.

    Raises InvalidRequest.
    """
    # What is not UTF-8 becomes what strict_json refuses.
    value = strict_json.loads(line.decode(errors="surrogateescape"))
    return value if isinstance(value, str) else decode(value, RecipientShape, "recipient")


def _check(message: dict[str, Any], field: str, preflight: Preflight) -> None:
    """Raise InvalidRequest if no user can be sent the message; for a template, with each value left empty."""
    # In ASCII, as the fan-out queues it.
    size = len(json.dumps(message))
    if size > strict_json.MAX_BYTES:
        reason = f"has {size} bytes; a push has at most {strict_json.MAX_BYTES}"
        raise InvalidRequest(Violation(field, reason))
    body = template.fill_blank(message) if field == "template" else message
    try:
        push = request.from_json({"target": {"user": "any-user"}, "message": body}, default_id="check")
        preflight.check(push.message, push.target, app_id="")
    except InvalidRequest as error:
        violations = (replace(each, field=field + each.field[len("message") :]) for each in error.violations)
        raise InvalidRequest(*violations) from None
