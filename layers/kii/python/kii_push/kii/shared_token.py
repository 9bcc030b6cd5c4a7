"""One admin token for all environments: Kii bills logins, and any number of cold starts needs but one.

The token is in a secret (`stored_token`), and whoever finds it due or refused replaces it under a lease
(`token_lease`). Meanwhile the others use the old one, or wait if it is of no use any more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from kii_push.common import observability
from kii_push.common.backoff import equal_jitter
from kii_push.errors import LedgerError, PushError
from kii_push.kii.credentials import Credentials, CredentialsSource
from kii_push.kii.stored_token import SharedTokenError, StoredToken, Token
from kii_push.kii.token_lease import LEASE_SECONDS, Lease, TokenLease

# How long an environment waits for another one's login: longer than the lease of one that died.
WAIT_SECONDS = LEASE_SECONDS + 2
# The pauses between two looks at the secret and the lease begin and end with these. Each is shortened at
# random by up to a half.
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 1.0

type Login = Callable[[Credentials], Token]


@dataclass(frozen=True)
class Session:
    """A token, and the credentials that it belongs to: neither is used with another one's."""

    credentials: Credentials
    token: Token


class SharedToken:
    """Finds a session that all environments share, and logs in if there is none. Safe to share."""

    def __init__(
        self,
        stored: StoredToken,
        lease: TokenLease,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._stored = stored
        self._lease = lease
        self._clock = clock
        self._sleep = sleep

    def session(self, source: CredentialsSource, log_in: Login, rejected: Token | None = None) -> Session:
        """Return a session of the current credentials, whose token is none that Kii `rejected`.

        Raises SharedTokenError if the secret cannot be used or others do not finish within WAIT_SECONDS,
        LedgerError if the table cannot be used, LoginFailed if a login failed a moment ago, and what `log_in`
        and CredentialsSource.get raise.
        """
        deadline = self._clock() + WAIT_SECONDS
        credentials = source.get()
        others = None
        pause = _FIRST_PAUSE_SECONDS
        while True:
            token = self._stored.read()
            if token and token.credentials not in {credentials.fingerprint, others}:
                # It may belong to newer credentials than ours.
                others = token.credentials
                credentials = source.get(afresh=True)
            usable = self._usable(token, credentials, rejected)
            if usable and self._clock() < usable.due_at:
                return Session(credentials, usable)
            try:
                lease = self._lease.take(credentials.fingerprint)
                if lease:
                    return self._renewed(lease, source, log_in, rejected)
            except PushError as error:
                if not usable:
                    raise
                observability.token_not_renewed(error)
            if usable:
                return Session(credentials, usable)
            if self._clock() + pause > deadline:
                raise SharedTokenError(f"the lease on the token is with others for {WAIT_SECONDS} s")
            self._sleep(equal_jitter(pause))
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    def _renewed(
        self, lease: Lease, source: CredentialsSource, log_in: Login, rejected: Token | None
    ) -> Session:
        version, failed = lease.version, None
        try:
            # Afresh, or an environment that has not noticed a rotation would take the place of one that has.
            credentials = source.get(afresh=True)
            token = self._renewed_by_others(lease, credentials, rejected)
            if token is None:
                failed = credentials.fingerprint
                token = log_in(credentials)
                failed = None
                version = self._write(token) or version
            return Session(credentials, token)
        finally:
            self._release(lease, version, failed)

    def _renewed_by_others(
        self, lease: Lease, credentials: Credentials, rejected: Token | None
    ) -> Token | None:
        """Return the token that the last holder stored just before this one took the lease."""
        # By its version, too: AWS does not promise that the current version is the one just written.
        for version in {None, lease.version}:
            usable = self._usable(self._stored.read(version), credentials, rejected)
            if usable and self._clock() < usable.due_at:
                return usable
        return None

    def _usable(self, token: Token | None, credentials: Credentials, rejected: Token | None) -> Token | None:
        if (
            token
            and token.credentials == credentials.fingerprint
            and token.replaces(rejected)
            and self._clock() < token.usable_until
        ):
            return token
        return None

    def _write(self, token: Token) -> str | None:
        try:
            return self._stored.write(token)
        except SharedTokenError as error:
            observability.token_not_shared(error)
            return None

    def _release(self, lease: Lease, version: str | None, failed: str | None) -> None:
        try:
            self._lease.release(lease, version=version, failed=failed)
        except LedgerError as error:
            # It runs out by itself.
            observability.token_not_shared(error)
