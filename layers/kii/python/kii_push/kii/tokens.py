"""The admin access token: minted with an expiry, reused, and minted anew once when Kii rejects it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kii_push.common.single_flight import SingleFlight
from kii_push.errors import LoginFailed
from kii_push.kii.credentials import Credentials, CredentialsSource

# Kii recommends that tokens expire (docs/kii-push-api.md §2.4): a leaked admin token opens all of the app's
# data.
LIFETIME_SECONDS = 3600
# A token is replaced this long before its end, so that it does not expire on the way.
MARGIN_SECONDS = 60


@dataclass(frozen=True)
class Token:
    """An access token and the clock's time (seconds) from which on it is not used any more."""

    value: str = field(repr=False)
    until: float


class TokenSource:
    """Mints the token and reuses it. Safe to share between threads: they wait for one login.

    `mint` asks Kii for a token that lives for the given seconds and returns it with the seconds it does live.
    """

    def __init__(
        self,
        credentials: CredentialsSource,
        mint: Callable[[Credentials, int], tuple[str, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._mint = mint
        self._clock = clock
        self._token: SingleFlight[Token] = SingleFlight()

    def get(self) -> str:
        """Return a token that has not run out. Raises what `mint` and CredentialsSource.get raise."""
        return self._token.get(lambda token: self._clock() < token.until, self._renew).value

    def replace(self, rejected: str) -> str:
        """Return another token than the one Kii `rejected`, with credentials looked up afresh.

        A thread that comes second finds the first one's new token and uses that.
        """
        return self._token.get(
            lambda token: token.value != rejected,
            lambda: self._minted(self._credentials.get(afresh=True)),
        ).value

    def _renew(self) -> Token:
        credentials = self._credentials.get()
        try:
            return self._minted(credentials)
        except LoginFailed:
            # The secret may have been rotated since it was looked up. If not, Kii is not asked in vain.
            fresh = self._credentials.get(afresh=True)
            if fresh == credentials:
                raise
            return self._minted(fresh)

    def _minted(self, credentials: Credentials) -> Token:
        value, seconds = self._mint(credentials, LIFETIME_SECONDS)
        # If a token lives shorter than the margin, use half its life; otherwise every send would log in.
        return Token(value, self._clock() + max(seconds - MARGIN_SECONDS, seconds / 2))
