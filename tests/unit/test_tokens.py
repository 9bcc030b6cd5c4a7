"""The admin token of one environment: kept until it is due, and replaced once however many threads ask."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from kii_push.errors import KiiUnreachable, LedgerError, LoginFailed, PushError
from kii_push.kii.credentials import MAX_AGE_SECONDS, Credentials, CredentialsSource
from kii_push.kii.shared_token import Session, SharedToken
from kii_push.kii.stored_token import MARGIN_SECONDS, SharedTokenError, Token
from kii_push.kii.token_lease import FAILURE_SECONDS
from kii_push.kii.tokens import LIFETIME_SECONDS, TokenSource
from tests.doubles.mock_kii import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

    from tests.unit.conftest import LogLines

THREADS = 16


class Kii:
    """Kii's side of a login, and the secret: one client secret is accepted, one is in the secret."""

    def __init__(self, lives: int = LIFETIME_SECONDS) -> None:
        self.accepted = self.in_secret = "first"
        self.lives = lives
        self.asked_with: list[str] = []
        self.minted = 0
        self.failure: PushError | None = None
        self.clock = Clock()
        secrets = cast("SecretsManagerClient", SimpleNamespace(get_secret_value=self._get_secret_value))
        self.credentials = CredentialsSource("kii/app", secrets, self.clock)

    def mint(self, credentials: Credentials, lifetime: int) -> tuple[str, int]:
        assert lifetime == LIFETIME_SECONDS
        self.asked_with.append(credentials.client_secret)
        if self.failure:
            raise self.failure
        if credentials.client_secret != self.accepted:
            raise LoginFailed("no admin token for app a")
        self.minted += 1
        return f"token-{self.minted}", self.lives

    def source(self, shared: Any = None) -> TokenSource:
        return TokenSource(self.credentials, self.mint, cast("SharedToken | None", shared), self.clock)

    def _get_secret_value(self, **_: str) -> dict[str, str]:
        secret = {"appID": "a", "clientID": "c", "clientSecret": self.in_secret, "site": "jp"}
        return {"SecretString": json.dumps(secret)}


@pytest.fixture
def kii() -> Kii:
    return Kii()


def value(session: Session) -> str:
    return session.token.value


def foreign(kii: Kii) -> Session:
    """A session that this environment has not seen before."""
    credentials = kii.credentials.get()
    return Session(
        credentials, Token("from elsewhere", credentials.fingerprint, kii.clock.now, kii.clock.now + 9)
    )


def test_a_token_is_minted_at_first_use_and_kept_until_its_margin() -> None:
    kii = Kii(lives=600)
    tokens = kii.source()
    assert kii.minted == 0

    assert [value(tokens.get()), value(tokens.get())] == ["token-1", "token-1"]
    kii.failure = KiiUnreachable("Kii cannot be reached")
    kii.clock.now += 600 - MARGIN_SECONDS - 0.001
    assert value(tokens.get()) == "token-1"
    kii.clock.now += 0.001
    with pytest.raises(LoginFailed):
        tokens.get()
    kii.failure = None
    kii.clock.now += FAILURE_SECONDS
    assert [value(tokens.get()), value(tokens.get())] == ["token-2", "token-2"]


def test_a_token_is_renewed_when_nine_tenths_of_its_use_are_over() -> None:
    kii = Kii(lives=1060)
    tokens = kii.source()
    tokens.get()
    kii.clock.now += 899.9
    assert value(tokens.get()) == "token-1"
    kii.clock.now += 0.1
    assert value(tokens.get()) == "token-2"


def test_of_a_life_shorter_than_the_margin_the_first_half_is_used() -> None:
    kii = Kii(lives=60)
    tokens = kii.source()
    assert [value(tokens.get()), value(tokens.get())] == ["token-1", "token-1"]
    kii.clock.now += 30
    assert value(tokens.get()) == "token-2"


def test_a_token_that_is_due_is_used_on_while_logins_fail(kii: Kii, log_lines: "LogLines") -> None:
    tokens = kii.source()
    tokens.get()
    kii.clock.now += 3300
    kii.failure = KiiUnreachable("Kii cannot be reached")

    assert [value(tokens.get()) for _ in range(5)] == ["token-1"] * 5
    assert len(kii.asked_with) == 2
    assert [line["message"] for line in log_lines()] == ["token_not_renewed"]
    kii.failure = None
    kii.clock.now += FAILURE_SECONDS
    assert value(tokens.get()) == "token-2"


def test_a_rejected_token_is_replaced_with_credentials_looked_up_afresh(kii: Kii) -> None:
    tokens = kii.source()
    rejected = tokens.get()
    kii.accepted = kii.in_secret = "second"

    assert value(tokens.replace(rejected)) == "token-2"
    assert value(tokens.get()) == "token-2"
    assert kii.asked_with == ["first", "second"]


def test_a_token_that_was_replaced_meanwhile_is_taken_as_it_is(kii: Kii) -> None:
    tokens = kii.source()
    rejected = tokens.get()
    tokens.replace(rejected)

    assert value(tokens.replace(rejected)) == "token-2"
    assert kii.minted == 2


def test_a_rejected_token_is_not_used_again_if_it_could_not_be_replaced(kii: Kii) -> None:
    tokens = kii.source()
    rejected = tokens.get()
    kii.failure = KiiUnreachable("Kii cannot be reached")
    with pytest.raises(KiiUnreachable):
        tokens.replace(rejected)
    with pytest.raises(LoginFailed):
        tokens.get()

    kii.failure = None
    kii.clock.now += FAILURE_SECONDS
    assert value(tokens.get()) == "token-2"


def test_a_rejection_before_any_token_mints_one(kii: Kii) -> None:
    assert value(kii.source().replace(foreign(kii))) == "token-1"


def test_a_rejection_of_an_older_token_does_not_bring_back_a_newer_one_that_was_rejected(kii: Kii) -> None:
    tokens = kii.source()
    older = foreign(kii)
    kii.clock.now += 1
    newer = tokens.get()
    kii.clock.now += 1
    assert value(tokens.replace(newer)) == "token-2"

    assert value(tokens.replace(older)) == "token-2"
    assert kii.minted == 2


def test_a_token_is_used_with_the_credentials_it_was_minted_with_only(kii: Kii) -> None:
    tokens = kii.source()
    first = tokens.get()
    kii.accepted = kii.in_secret = "second"
    assert tokens.get() is first
    kii.clock.now += MAX_AGE_SECONDS + 1

    second = tokens.get()
    assert (value(first), first.credentials.client_secret) == ("token-1", "first")
    assert (value(second), second.credentials.client_secret) == ("token-2", "second")
    assert second.token.credentials == second.credentials.fingerprint != first.token.credentials


def test_a_login_is_made_with_a_secret_that_was_rotated_since(kii: Kii) -> None:
    tokens = kii.source()
    kii.credentials.get()
    kii.accepted = kii.in_secret = "second"

    assert value(tokens.get()) == "token-1"
    assert kii.asked_with == ["second"]


def test_a_failed_login_is_not_repeated_for_ten_seconds(kii: Kii) -> None:
    tokens = kii.source()
    kii.accepted = "another"
    with pytest.raises(LoginFailed, match="no admin token"):
        tokens.get()
    for _ in range(100):
        kii.clock.now += 0.0999
        with pytest.raises(LoginFailed, match="a moment ago") as caught:
            tokens.get()
        assert 0 < (caught.value.retry_after or 0) <= FAILURE_SECONDS
    assert kii.asked_with == ["first"]

    kii.clock.now += 0.1
    with pytest.raises(LoginFailed, match="no admin token"):
        tokens.get()
    assert kii.asked_with == ["first", "first"]


def test_a_failed_login_says_nothing_of_other_credentials(kii: Kii) -> None:
    tokens = kii.source()
    kii.accepted = "second"
    with pytest.raises(LoginFailed):
        tokens.get()
    kii.in_secret = "second"

    assert value(tokens.get()) == "token-1"


def test_an_unreachable_kii_is_reported_as_it_is(kii: Kii) -> None:
    kii.failure = KiiUnreachable("Kii cannot be reached")
    with pytest.raises(KiiUnreachable):
        kii.source().get()


@pytest.mark.parametrize(
    "failure", [LedgerError("the ledger refused"), SharedTokenError("the secret is gone")]
)
def test_an_environment_that_cannot_share_logs_in_by_itself(
    kii: Kii, failure: PushError, log_lines: "LogLines"
) -> None:
    def fail(*_: object) -> Session:
        raise failure

    assert value(kii.source(SimpleNamespace(session=fail)).get()) == "token-1"
    assert [(line["message"], line["reason"]) for line in log_lines()] == [("token_not_shared", str(failure))]


def test_while_others_renew_a_token_that_is_due_it_is_looked_for_every_few_seconds(kii: Kii) -> None:
    looked = []
    credentials = kii.credentials.get()
    session = Session(
        credentials, Token("t", credentials.fingerprint, kii.clock.now - 3300, kii.clock.now + 300)
    )

    def look(*_: object) -> Session:
        looked.append(kii.clock.now)
        return session

    tokens = kii.source(SimpleNamespace(session=look))
    for _ in range(100):
        assert tokens.get() is session
        kii.clock.now += 0.2
    assert 4 <= len(looked) <= 9


def test_threads_that_start_together_share_one_login(kii: Kii) -> None:
    together = Barrier(THREADS)
    tokens = kii.source()

    def get(_: int) -> str:
        together.wait()
        return value(tokens.get())

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(get, range(THREADS))) == {"token-1"}
    assert kii.minted == 1


def test_threads_whose_token_was_rejected_together_replace_it_once(kii: Kii) -> None:
    together = Barrier(THREADS)
    tokens = kii.source()
    rejected = tokens.get()

    def replace(_: int) -> str:
        together.wait()
        return value(tokens.replace(rejected))

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(replace, range(THREADS))) == {"token-2"}
    assert kii.minted == 2


def test_threads_use_a_token_that_is_due_while_one_of_them_renews_it(kii: Kii) -> None:
    asked, answered = Event(), Event()

    def mint(credentials: Credentials, lifetime: int) -> tuple[str, int]:
        if kii.minted:
            asked.set()
            assert answered.wait(10)
        return kii.mint(credentials, lifetime)

    tokens = TokenSource(kii.credentials, mint, clock=kii.clock)
    tokens.get()
    kii.clock.now += 3300
    kii.credentials.get()
    with ThreadPoolExecutor(1) as threads:
        renewed = threads.submit(tokens.get)
        assert asked.wait(10)
        assert value(tokens.get()) == "token-1"
        answered.set()
        assert value(renewed.result(10)) == "token-2"


def test_a_kept_token_is_not_shown_in_its_owners_text(kii: Kii) -> None:
    tokens = kii.source()
    session = tokens.get()

    shown = repr([vars(tokens), session, session.token, str(session.token)])
    assert "token-1" not in shown
    assert "'first'" not in shown
    assert session.token.credentials not in shown
