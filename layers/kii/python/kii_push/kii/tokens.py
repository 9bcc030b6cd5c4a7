"""The admin access token of one environment: kept while it is good, and replaced once when Kii rejects it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from kii_push.common import observability
from kii_push.common.backoff import equal_jitter
from kii_push.common.single_flight import SingleFlight
from kii_push.errors import LedgerError, PushError
from kii_push.kii.credentials import Credentials, CredentialsSource
from kii_push.kii.shared_token import Session, SharedToken
from kii_push.kii.stored_token import SharedTokenError, Token
from kii_push.kii.token_lease import FAILURE_SECONDS, login_failed_recently

# Kii recommends that tokens expire (docs/kii-push-api.md §2.4): a leaked admin token opens all of the app's
# data.
LIFETIME_SECONDS = 3600
# How long a token that is due is used before this environment looks again whether another has replaced it.
_LOOK_AGAIN_SECONDS = 5


@dataclass(frozen=True)
class _Kept:
    """A session, and when (Unix seconds) to look for a newer one."""

    session: Session
    renew_at: float


@dataclass(frozen=True)
class _Failure:
    credentials: Credentials
    until: float


class TokenSource:
    """Keeps a session and renews it. Safe to share between threads: they share one renewal.

    `mint` asks Kii for a token that lives for the given seconds and returns it with the seconds it does live.
    Without `shared`, or if that cannot be used, this environment logs in by itself.
    """

    def __init__(
        self,
        credentials: CredentialsSource,
        mint: Callable[[Credentials, int], tuple[str, int]],
        shared: SharedToken | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._credentials = credentials
        self._mint = mint
        self._shared = shared
        self._clock = clock
        self._kept: SingleFlight[_Kept] = SingleFlight()
        self._failure: _Failure | None = None
        self._rejected: Token | None = None

    def get(self) -> Session:
        """Return a session of the current credentials, whose token has not run out.

        Raises LoginFailed if a login failed a moment ago, and what `mint` and CredentialsSource.get raise.
        """
        credentials = self._credentials.get()

        def usable(kept: _Kept) -> bool:
            session = kept.session
            return (
                session.credentials == credentials
                and session.token.replaces(self._rejected)
                and self._clock() < session.token.usable_until
            )

        def renewed() -> _Kept:
            old = self._kept.value
            try:
                return self._renewed()
            except PushError as error:
                if old is None or not usable(old):
                    raise
                observability.token_not_renewed(error)
                return _Kept(old.session, self._clock() + FAILURE_SECONDS)

        return self._kept.get(
            lambda kept: usable(kept) and self._clock() < kept.renew_at, renewed, meanwhile=usable
        ).session

    def replace(self, rejected: Session) -> Session:
        """Return another session than the one whose token Kii `rejected`, with credentials looked up afresh.

        A thread that comes second finds the first one's new token and uses that.
        """
        if rejected.token.replaces(self._rejected):
            self._rejected = rejected.token
        return self._kept.get(lambda kept: kept.session.token.replaces(self._rejected), self._renewed).session

    def _renewed(self) -> _Kept:
        session = self._shared_session() or self._own_session()
        look_again = self._clock() + equal_jitter(_LOOK_AGAIN_SECONDS)
        return _Kept(session, max(session.token.due_at, look_again))

    def _shared_session(self) -> Session | None:
        if self._shared is None:
            return None
        try:
            return self._shared.session(self._credentials, self._log_in, self._rejected)
        except (LedgerError, SharedTokenError) as error:
            observability.token_not_shared(error)
            return None

    def _own_session(self) -> Session:
        credentials = self._credentials.get(afresh=True)
        return Session(credentials, self._log_in(credentials))

    def _log_in(self, credentials: Credentials) -> Token:
        now = self._clock()
        failure = self._failure
        if failure and failure.credentials == credentials and now < failure.until:
            raise login_failed_recently(math.ceil(failure.until - now))
        try:
            value, seconds = self._mint(credentials, LIFETIME_SECONDS)
        except PushError:
            self._failure = _Failure(credentials, self._clock() + FAILURE_SECONDS)
            raise
        return Token(value, credentials.fingerprint, now, now + seconds)
