"""What can go wrong with a push, and which failure is which outcome.

    PushError
    ├─ InvalidRequest            rejected   a rule was broken; Kii was not asked
    │  ├─ TooLarge               rejected   (common.strict_json)
    │  └─ UnsupportedMediaType   rejected   (api.handler)
    ├─ IDConflict                rejected   the ID was used for another push
    ├─ NotFound                  rejected   nothing of this name in the bundle's own records
    ├─ Expired                   expired    `notAfter` has passed
    ├─ Cancelled                 cancelled  the broadcast was stopped
    ├─ Exhausted                 exhausted  tried too often, or waited too long
    ├─ InFlight                  not_sent   another sender holds the push
    ├─ BreakerOpen               not_sent   Kii answered 429 a moment ago
    ├─ RateExceeded              not_sent   the bundle's own rate is used up
    ├─ LedgerError               not_sent   DynamoDB refused or did not answer
    ├─ QueueError                not_sent   SQS refused or did not answer
    │  ├─ QueueRefused           not_sent
    │  └─ HiddenLimitReached     not_sent
    ├─ SourceGone                not_sent   (broadcast.store)
    ├─ SecretError               not_sent   the app's credentials cannot be used
    ├─ SharedTokenError          not_sent   (kii.stored_token)
    ├─ LoginFailed               not_sent   Kii gave no admin token
    ├─ KiiUnreachable            not_sent   no connection came about
    ├─ NoAnswer                  unknown    the request may have reached Kii
    │  ├─ DoubtRemains           unknown    an earlier try may have, and this push is held
    │  └─ UnreadableAnswer       unknown    a success that cannot be read
    └─ KiiError                  rejected   Kii answered with an error
       ├─ WrongToken             not_sent   403, with a fresh token too
       ├─ TooManyRequests        not_sent   429
       ├─ KiiUnavailable         not_sent   503, 408, 425
       └─ KiiFailed              unknown    500, 502, 504, other 5xx, a redirect

docs/architecture.md says what each outcome means and what follows from it.
"""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import ClassVar, override


class Outcome(StrEnum):
    """The one end every push comes to."""

    SENT = "sent"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"
    EXHAUSTED = "exhausted"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    DUPLICATE = "duplicate"


class PushError(Exception):
    """A push, or another call of Kii, that did not succeed.

    `outcome` says what that means for the push; `reason` is one sentence without any text, token or secret
    of the push; `detail` is the same for the log, and may name what callers need not know, such as a secret's
    ARN; `error_code` is Kii's `errorCode` where Kii gave one; `retry_after` is in seconds. `aws_code`
    is AWS's error code, or the type of the failure if AWS did not answer.
    """

    outcome: ClassVar[Outcome]
    error_code: str | None = None
    retry_after: int | None = None
    aws_code: str | None = None
    # Whether Kii was asked: only that counts as one of a push's tries.
    is_try: ClassVar[bool] = True

    @property
    def reason(self) -> str:
        """One sentence for a person: printable, and cut at MAX_REASON_CHARS."""
        return readable(str(self), MAX_REASON_CHARS)

    @property
    def detail(self) -> str:
        """The reason, for the log alone."""
        return self.reason


# Errors reach logs, the ledger, callers and dead letters, and they quote names that a sender chose. Without
# these limits one request could fill any of those. What is longer is cut there and ends with an ellipsis.
MAX_NAME_CHARS = 64
MAX_FIELD_CHARS = 256
MAX_REASON_CHARS = 1000


def printable(text: str) -> str:
    """Return a text with a question mark in place of each control character and the like."""
    return text if text.isprintable() else "".join(char if char.isprintable() else "?" for char in text)


def readable(text: str, max_chars: int = MAX_NAME_CHARS) -> str:
    """Return a text that a sender chose, such as a key, so that it fits a header and a log line."""
    shown = printable(text[:max_chars])
    return shown if len(text) <= max_chars else f"{shown}…"


@dataclass(frozen=True)
class Violation:
    """A field of a request (a path such as `message.gcm.data.n`) and what is wrong with it.

    Both are `readable`, whatever a sender has put into them.
    """

    field: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "field", readable(self.field, MAX_FIELD_CHARS))
        object.__setattr__(self, "reason", readable(self.reason, MAX_REASON_CHARS))

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class InvalidRequest(PushError):
    """The request breaks a rule that was checked here; Kii was not asked."""

    outcome = Outcome.REJECTED

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(map(str, violations)))
        self.violations = violations


class Expired(PushError):
    """The request's `notAfter` has passed."""

    outcome = Outcome.EXPIRED


class Cancelled(PushError):
    """The push was taken back before it was begun: its broadcast was stopped."""

    outcome = Outcome.CANCELLED


class Exhausted(PushError):
    """The push was tried too often, or waited too long, and was never sent."""

    outcome = Outcome.EXHAUSTED


class NotFound(PushError):
    """There is nothing of this name in the bundle's own records."""

    outcome = Outcome.REJECTED


class IDConflict(PushError):
    """The push's ID was used before, for a push that says something else."""

    outcome = Outcome.REJECTED


class InFlight(PushError):
    """Another sender holds the push right now."""

    outcome = Outcome.NOT_SENT

    def __init__(self, reason: str, retry_after: int) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class BreakerOpen(PushError):
    """Kii said 429 a moment ago to one of us; until the breaker half-opens nobody asks it."""

    outcome = Outcome.NOT_SENT
    is_try = False

    def __init__(self, retry_after: int) -> None:
        super().__init__("Kii's rate was exceeded; no push is sent for now")
        self.retry_after = retry_after


class RateExceeded(PushError):
    """The bundle's own rate of pushes per second is used up."""

    outcome = Outcome.NOT_SENT
    is_try = False
    retry_after = 1


class LedgerError(PushError):
    """The ledger cannot be used. Nothing was sent, unless it is the settlement that fails."""

    outcome = Outcome.NOT_SENT
    is_try = False
    retry_after = 10


class QueueError(PushError):
    """SQS refused a call, or did not answer."""

    outcome = Outcome.NOT_SENT
    retry_after = 10


class QueueRefused(QueueError):
    """SQS refused a call, and with it every message in it."""


class HiddenLimitReached(QueueError):
    """SQS hides about 120,000 messages of a queue at a time, and so many are hidden."""


class SecretError(PushError):
    """The secret with the app's credentials cannot be used. `detail` names the secret, never its value."""

    outcome = Outcome.NOT_SENT
    is_try = False
    retry_after = 60

    @property
    @override
    def reason(self) -> str:
        return "the credentials of the Kii app cannot be used; the log says why"

    @property
    @override
    def detail(self) -> str:
        return str(self)


class LoginFailed(PushError):
    """Kii gave no admin token, so nothing was asked of it yet. Usually the secret's content is wrong."""

    outcome = Outcome.NOT_SENT
    retry_after = 60

    @property
    @override
    def reason(self) -> str:
        return "the login to Kii failed; the log says why"

    @property
    @override
    def detail(self) -> str:
        return str(self)


class KiiUnreachable(PushError):
    """No connection to Kii came about, so Kii cannot have accepted anything."""

    outcome = Outcome.NOT_SENT
    retry_after = 10


class NoAnswer(PushError):
    """The request may have reached Kii, but no whole answer came back."""

    outcome = Outcome.UNKNOWN


class DoubtRemains(NoAnswer):
    """An earlier try may have reached Kii, and the push is not to be sent again."""


class UnreadableAnswer(NoAnswer):
    """Kii answered a success that cannot be read: it broke off, is too long or is not what it should be."""


class KiiError(PushError):
    """Kii answered with an error. `status` is the HTTP status, `error_code` Kii's code if it sent one.

    `asked_wait` is how long to wait in seconds, if Kii said so; `retry_after` is that or this error's usual.
    """

    outcome = Outcome.REJECTED

    def __init__(self, status: int, error_code: str | None, retry_after: int | None = None) -> None:
        super().__init__(f"Kii answered {status} {error_code or 'without an error code'}")
        self.status = status
        self.error_code = error_code
        self.asked_wait = retry_after
        if retry_after is not None:
            self.retry_after = retry_after


class WrongToken(KiiError):
    """403 `WRONG_TOKEN`: the access token is unknown, expired or replaced (docs/kii-push-api.md §9.4).

    Raised only when a fresh token was rejected too.
    """

    outcome = Outcome.NOT_SENT
    retry_after = 60


class TooManyRequests(KiiError):
    """429: the app's contractual rate is exceeded; Kii asks not to retry at once (§9.5)."""

    outcome = Outcome.NOT_SENT
    retry_after = 60


class KiiUnavailable(KiiError):
    """503, or another status that says the request was not taken."""

    outcome = Outcome.NOT_SENT
    retry_after = 10


class KiiFailed(KiiError):
    """500, 502, 504, an unlisted 5xx or a redirect: Kii may or may not have accepted the request."""

    outcome = Outcome.UNKNOWN


# 408 and 425 say that the server did not take the request up (RFC 9110 15.5.9, RFC 8470 5.2).
_NOT_TAKEN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.SERVICE_UNAVAILABLE})
# Kii says 403 (§9.4). Behind any other status the words mean something else.
_NOT_AUTHENTICATED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


def kii_error(status: int, error_code: str | None, retry_after: int | None = None) -> KiiError:
    """Return the exception for an answer of Kii's that is not a success (§9)."""
    kind: type[KiiError]
    if error_code == "WRONG_TOKEN" and status in _NOT_AUTHENTICATED:
        kind = WrongToken
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        kind = TooManyRequests
    elif status in _NOT_TAKEN:
        kind = KiiUnavailable
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.BAD_REQUEST:
        kind = KiiFailed
    else:
        kind = KiiError
    return kind(status, error_code, retry_after)
