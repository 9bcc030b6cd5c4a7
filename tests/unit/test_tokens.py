"""The admin token: kept until shortly before its end, and replaced once however many threads ask."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from kii_push.common import aws
from kii_push.errors import KiiUnreachable, LoginFailed
from kii_push.kii.credentials import Credentials, CredentialsSource
from kii_push.kii.tokens import LIFETIME_SECONDS, MARGIN_SECONDS, TokenSource
from tests.doubles.mock_kii import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS = 16


class Logins:
    """Kii's side of a login: takes one client secret, counts, and hands out token-1, token-2, ..."""

    def __init__(self, accepted: str = "first", lives: int = LIFETIME_SECONDS) -> None:
        self.accepted = accepted
        self.lives = lives
        self.asked_with: list[str] = []
        self.minted = 0

    def __call__(self, credentials: Credentials, lifetime: int) -> tuple[str, int]:
        assert lifetime == LIFETIME_SECONDS
        self.asked_with.append(credentials.client_secret)
        if credentials.client_secret != self.accepted:
            raise LoginFailed("no admin token for app a")
        self.minted += 1
        return f"token-{self.minted}", self.lives


@pytest.fixture
def source() -> "Iterator[Callable[..., CredentialsSource]]":
    """Make a source of credentials that finds these client secrets, one for each look-up, and no more."""
    with Stubber(client := aws.secrets_manager()) as stubber:

        def make(*client_secrets: str) -> CredentialsSource:
            for client_secret in client_secrets:
                secret = {
                    "appID": "a",
                    "clientID": "c",
                    "clientSecret": client_secret,
                    "baseURL": "https://kii.example/api",
                }
                stubber.add_response("get_secret_value", {"SecretString": json.dumps(secret)})
            return CredentialsSource("kii/app", client)

        yield make
        stubber.assert_no_pending_responses()


type Source = Callable[..., CredentialsSource]


def test_a_token_is_minted_at_first_use_and_kept_until_its_margin(source: Source) -> None:
    clock, logins = Clock(), Logins(lives=600)
    tokens = TokenSource(source("first"), logins, clock)
    assert logins.minted == 0

    assert [tokens.get(), tokens.get()] == ["token-1", "token-1"]
    clock.now += 600 - MARGIN_SECONDS - 0.001
    assert tokens.get() == "token-1"
    clock.now += 0.001
    assert tokens.get() == "token-2"
    assert tokens.get() == "token-2"


def test_of_a_life_shorter_than_the_margin_the_first_half_is_used(source: Source) -> None:
    clock, logins = Clock(), Logins(lives=40)
    tokens = TokenSource(source("first"), logins, clock)
    assert [tokens.get(), tokens.get()] == ["token-1", "token-1"]
    clock.now += 20
    assert tokens.get() == "token-2"


def test_a_rejected_token_is_replaced_with_credentials_looked_up_afresh(source: Source) -> None:
    logins = Logins()
    tokens = TokenSource(source("first", "second"), logins)
    rejected = tokens.get()
    logins.accepted = "second"

    assert tokens.replace(rejected) == "token-2"
    assert tokens.get() == "token-2"
    assert logins.asked_with == ["first", "second"]


def test_a_token_that_was_replaced_meanwhile_is_taken_as_it_is(source: Source) -> None:
    logins = Logins()
    tokens = TokenSource(source("first", "first"), logins)
    rejected = tokens.get()
    tokens.replace(rejected)

    assert tokens.replace(rejected) == "token-2"
    assert logins.minted == 2


def test_a_rejection_before_any_token_mints_one(source: Source) -> None:
    assert TokenSource(source("first"), Logins()).replace("from elsewhere") == "token-1"


def test_a_refused_login_is_repeated_with_a_secret_that_was_rotated_since(source: Source) -> None:
    logins = Logins(accepted="second")
    tokens = TokenSource(source("first", "second"), logins)

    assert tokens.get() == "token-1"
    assert logins.asked_with == ["first", "second"]


def test_a_refused_login_is_not_repeated_with_the_same_secret(source: Source) -> None:
    logins = Logins(accepted="another")
    tokens = TokenSource(source("first", "first"), logins)

    with pytest.raises(LoginFailed):
        tokens.get()

    assert logins.asked_with == ["first"]


def test_a_failure_is_not_kept(source: Source) -> None:
    logins = Logins(accepted="later")
    tokens = TokenSource(source("first", "first", "first", "later"), logins)
    rejected = "from elsewhere"

    with pytest.raises(LoginFailed):
        tokens.get()
    with pytest.raises(LoginFailed):
        tokens.replace(rejected)

    assert tokens.replace(rejected) == "token-1"


def test_an_unreachable_kii_is_reported_as_it_is(source: Source) -> None:
    def unreachable(_credentials: Credentials, _lifetime: int) -> tuple[str, int]:
        raise KiiUnreachable("Kii cannot be reached")

    with pytest.raises(KiiUnreachable):
        TokenSource(source("first"), unreachable).get()


def test_threads_that_start_together_share_one_login(source: Source) -> None:
    logins, together = Logins(), Barrier(THREADS)
    tokens = TokenSource(source("first"), logins)

    def get(_: int) -> str:
        together.wait()
        return tokens.get()

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(get, range(THREADS))) == {"token-1"}
    assert logins.minted == 1


def test_threads_whose_token_was_rejected_together_replace_it_once(source: Source) -> None:
    logins, together = Logins(), Barrier(THREADS)
    tokens = TokenSource(source("first", "first"), logins)
    rejected = tokens.get()

    def replace(_: int) -> str:
        together.wait()
        return tokens.replace(rejected)

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(replace, range(THREADS))) == {"token-2"}
    assert logins.minted == 2


def test_a_kept_token_is_not_shown_in_its_owners_text(source: Source) -> None:
    tokens = TokenSource(source("first"), Logins())
    tokens.get()

    assert "token-1" not in repr(vars(tokens))
