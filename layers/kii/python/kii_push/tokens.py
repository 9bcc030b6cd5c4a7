"""The admin access token: minted with an end, kept, and minted anew once when Kii rejects it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kii_push.errors import LoginFailed
from kii_push.secrets import Credentials, CredentialsSource

# Seconds. Kii recommends an end (fact sheet 2.4): a leaked admin token opens all of the app's data.
LIFETIME = 3600
# A token is replaced this long before its end, so that it does not run out on the way.
MARGIN = 60


@dataclass(frozen=True)
class Token:
    """An access token and the `time.monotonic()` from which on it is not used any more."""

    value: str = field(repr=False)
    until: float


class TokenSource:
    """Mints and keeps the token. Safe to share between threads: they wait for one minting.

    `mint` asks Kii for a token that lives for the given seconds and returns it with the seconds it does live.
    """

    def __init__(
        self, credentials: CredentialsSource, mint: Callable[[Credentials, int], tuple[str, int]]
    ) -> None:
        self._credentials = credentials
        self._mint = mint
        self._lock = threading.Lock()
        self._token: Token | None = None

    def get(self) -> str:
        """Return a token that has not run out. Raises what `mint` and CredentialsSource.get raise."""
        with self._lock:
            if self._token is None or time.monotonic() >= self._token.until:
                self._renew(afresh=False)
            return self._value()

    def replace(self, rejected: str) -> str:
        """Return another token than the one Kii `rejected`, with credentials looked up afresh.

        A thread that comes second finds the first one's new token and uses that.
        """
        with self._lock:
            if self._token is None or self._token.value == rejected:
                self._renew(afresh=True)
            return self._value()

    def _renew(self, *, afresh: bool) -> None:
        try:
            value, seconds = self._mint(self._credentials.get(afresh=afresh), LIFETIME)
        except LoginFailed:
            if afresh:
                raise
            # The secret may have been rotated since it was looked up.
            value, seconds = self._mint(self._credentials.get(afresh=True), LIFETIME)
        self._token = Token(value, time.monotonic() + seconds - MARGIN)

    def _value(self) -> str:
        assert self._token is not None  # noqa: S101 (both callers have just made sure)
        return self._token.value
