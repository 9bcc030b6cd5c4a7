"""Access tokens: minting, looking up, refreshing (docs/kii-push-api.md §2)."""

import secrets
from typing import Any

from sandbox.kii import errors
from sandbox.kii.principal import Principal
from sandbox.settings.clock import Clock
from sandbox.settings.policy import NON_EXPIRING_SECONDS, Policy
from sandbox.store import Store


class Tokens:
    """The tokens in a store, by a clock."""

    def __init__(self, store: Store, clock: Clock, policy: Policy) -> None:
        self._store = store
        self._clock = clock
        self._policy = policy

    def principal(self, app_id: str, token: str) -> Principal:
        """Return whose token it is. Raises WRONG_TOKEN for an unknown, expired or superseded one."""
        row = self._store.one("SELECT app_id, kind, id, expires FROM tokens WHERE token = ?", token)
        if row is None or (row["expires"] is not None and row["expires"] <= self._clock.now_ms()):
            raise errors.wrong_token(app_id, token)
        return Principal(row["kind"], row["app_id"], row["id"])

    def mint(self, principal: Principal, expires_ms: int | None) -> dict[str, Any]:
        """Return §2.3's answer with a new token, valid until `expires_ms` (Unix milliseconds)."""
        token = secrets.token_urlsafe(32)
        refresh = None
        if self._policy.refresh_tokens and principal.kind != "anonymous":
            refresh = secrets.token_urlsafe(48)
        self._store.run(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
            token,
            principal.app_id,
            principal.kind,
            principal.id,
            expires_ms,
            refresh,
        )
        fields: dict[str, Any] = {
            "access_token": token,
            "expires_in": self._expires_in(expires_ms),
            "token_type": "bearer",
        }
        if principal.id is not None:
            fields["id"] = principal.id
        if refresh is not None:
            fields["refresh_token"] = refresh
        return fields

    def refresh(self, app_id: str, refresh_token: str, expires_ms: int | None) -> dict[str, Any]:
        """Return a new token in place of the one that came with `refresh_token`; both old ones are dead.

        Raises WRONG_REFRESH_TOKEN. An access token that has expired can still be refreshed.
        """
        row = self._store.one(
            "SELECT token, kind, id FROM tokens WHERE refresh_token = ? AND app_id = ?", refresh_token, app_id
        )
        if row is None:
            raise errors.wrong_refresh_token(app_id)
        self._store.run("DELETE FROM tokens WHERE token = ?", row["token"])
        return self.mint(Principal(row["kind"], app_id, row["id"]), expires_ms)

    def _expires_in(self, expires_ms: int | None) -> int:
        if expires_ms is None:
            return self._policy.non_expiring_expires_in
        return min((expires_ms - self._clock.now_ms()) // 1000, NON_EXPIRING_SECONDS)
