"""Messages that were too large for APNs, which Kii keeps for the device to fetch.

See docs/kii-push-api.md §8.5.
"""

from typing import Any

from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import encode


class UserPayloads:
    """Kii's operations on a user's payloads, as the app's admin.

    `user` is any identifier Kii takes. Each raises KiiError: 404 `PAYLOAD_ID_NOT_FOUND` or `USER_NOT_FOUND`.
    """

    def __init__(self, kii: KiiClient) -> None:
        self._kii = kii

    def get(self, user: str, payload_id: str) -> dict[str, Any]:
        """Return the message."""
        return self._kii.call("GET", _path(user, payload_id)).decode(dict[str, Any])

    def delete(self, user: str, payload_id: str) -> None:
        """Delete the message."""
        self._kii.call("DELETE", _path(user, payload_id))


def _path(user: str, payload_id: str) -> str:
    return f"/users/{encode(user)}/payloads/{encode(payload_id)}"
