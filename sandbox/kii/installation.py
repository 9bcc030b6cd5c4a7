"""An installation, a device that gets pushes, as Kii's answers show it (docs/kii-push-api.md §7)."""

import sqlite3
from typing import Any


def installation_fields(row: sqlite3.Row) -> dict[str, Any]:
    """Return an installation of the store as Kii shows it."""
    return {
        **id_fields(row),
        "deviceType": row["device_type"],
        **owner_fields(row["owner"]),
        "development": bool(row["development"]),
    }


def id_fields(row: sqlite3.Row) -> dict[str, str]:
    """Return the two IDs of an installation of the store."""
    return {
        "installationID": row["installation_id"],
        "installationRegistrationID": row["registration_id"],
    }


def owner_fields(subject: str) -> dict[str, str]:
    """Return an owner, an ACL subject, as installations name it: `{"userID": ...}` or `{"thingID": ...}`."""
    kind, _, owner = subject.partition(":")
    return {"userID" if kind == "UserID" else "thingID": owner}
