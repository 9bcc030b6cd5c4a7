"""Users and things by any identifier Kii takes, and the IDs behind them.

See docs/kii-push-api.md §3, §4.1 and §13.
"""

from typing import Any

from kii_push.errors import UnreadableAnswer
from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import Principal

_ID_FIELD = {"user": "userID", "thing": "_thingID"}


def by_id(kii: KiiClient, principal: Principal) -> Principal:
    """Return the principal by ID, asking Kii only if it has an address: Kii takes none in a body or a query.

    Raises as `resolve`.
    """
    return resolve(kii, principal) if ":" in principal.id else principal


def resolve(kii: KiiClient, principal: Principal) -> Principal:
    """Return the principal by the ID Kii gave it, for what takes no `LOGIN_NAME:` or other address.

    Kii is asked even for an ID, so a principal that is returned exists. Raises KiiError: 404 `USER_NOT_FOUND`
    or `THING_NOT_FOUND`.
    """
    found = kii.call("GET", principal.path).decode(dict[str, Any]).get(_ID_FIELD[principal.type])
    if not isinstance(found, str):
        raise UnreadableAnswer(f"Kii's answer for a {principal.type} has no {_ID_FIELD[principal.type]}")
    return Principal(principal.type, found)
