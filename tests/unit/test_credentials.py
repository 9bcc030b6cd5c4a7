"""The app's credentials: looked up once, kept for a while, and never part of an error."""

import json
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError
from botocore.stub import Stubber

from kii_push.common import aws
from kii_push.errors import Outcome, SecretError
from kii_push.kii.credentials import MAX_AGE_SECONDS, SITES, Credentials, CredentialsSource
from tests.doubles.mock_kii import Clock

NAME = "kii/app"
SECRET = {"appID": "a", "clientID": "c", "clientSecret": "hush-hush", "baseURL": "https://kii.example/api"}
THREADS = 16


@pytest.fixture
def manager() -> Iterator[Stubber]:
    with Stubber(aws.secrets_manager()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def holds(manager: Stubber, content: object) -> None:
    """Let the next look-up find this content: a text as it is, anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content)
    manager.add_response("get_secret_value", {"SecretString": text}, {"SecretId": NAME})


def source(clock: Clock | None = None) -> CredentialsSource:
    return CredentialsSource(NAME, aws.secrets_manager(), clock or Clock())


def without(key: str) -> dict[str, str]:
    return {name: value for name, value in SECRET.items() if name != key}


def test_the_secrets_keys_become_the_credentials(manager: Stubber) -> None:
    holds(manager, {**SECRET, "note": "keys of others do no harm"})

    assert source().get() == Credentials("a", "c", "hush-hush", "https://kii.example/api")


@pytest.mark.parametrize(
    ("address", "base_url"),
    [
        ({"baseURL": "https://kii.example/api"}, "https://kii.example/api"),
        ({"baseURL": "http://127.0.0.1:8080/api/"}, "http://127.0.0.1:8080/api"),
        ({"baseURL": "http://127.3.2.1/api"}, "http://127.3.2.1/api"),
        ({"baseURL": "http://localhost:8080/api"}, "http://localhost:8080/api"),
        ({"baseURL": "http://[::1]:8080/api"}, "http://[::1]:8080/api"),
        ({"baseURL": "https://kii.example/api", "site": "jp"}, "https://kii.example/api"),
        ({"baseURL": "", "site": "jp"}, SITES["jp"]),
        ({"site": "JP"}, "https://api-jp.kii.com/api"),
        *[({"site": site}, url) for site, url in SITES.items()],
    ],
)
def test_the_address_is_the_base_url_or_that_of_the_site(
    manager: Stubber, address: dict[str, str], base_url: str
) -> None:
    holds(manager, {**without("baseURL"), **address})

    assert source().get().base_url == base_url


def test_nothing_is_looked_up_before_the_first_use(manager: Stubber) -> None:
    credentials = source()
    holds(manager, SECRET)

    credentials.get()


def test_the_credentials_are_kept_until_they_are_too_old(manager: Stubber) -> None:
    clock = Clock()
    credentials = source(clock)
    holds(manager, SECRET)
    first = credentials.get()

    clock.now += MAX_AGE_SECONDS
    assert credentials.get() is first
    clock.now += 0.001
    holds(manager, {**SECRET, "clientSecret": "rotated"})
    assert credentials.get().client_secret == "rotated"
    clock.now += MAX_AGE_SECONDS
    assert credentials.get().client_secret == "rotated"


def test_the_credentials_are_looked_up_afresh_when_asked(manager: Stubber) -> None:
    credentials = source()
    holds(manager, SECRET)
    credentials.get()
    holds(manager, {**SECRET, "clientSecret": "rotated"})

    assert credentials.get(afresh=True).client_secret == "rotated"
    assert credentials.get().client_secret == "rotated"


def test_a_failed_look_up_leaves_the_kept_credentials(manager: Stubber) -> None:
    credentials = source()
    holds(manager, SECRET)
    first = credentials.get()
    manager.add_client_error("get_secret_value", "InternalServiceError")

    with pytest.raises(SecretError):
        credentials.get(afresh=True)

    assert credentials.get() is first


def test_threads_that_start_together_share_one_look_up(manager: Stubber) -> None:
    credentials, together = source(), Barrier(THREADS)
    holds(manager, SECRET)

    def get(_: int) -> Credentials:
        together.wait()
        return credentials.get()

    with ThreadPoolExecutor(THREADS) as threads:
        assert set(threads.map(get, range(THREADS))) == {credentials.get()}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("hush-hush", "is not JSON"),
        ('{"clientSecret": "hush-hush", ', "is not JSON"),
        ("  ", "is not JSON"),
        (["hush-hush"], "is not a JSON object"),
        ('"hush-hush"', "is not a JSON object"),
        ("null", "is not a JSON object"),
        *[(without(key), f"has no '{key}'") for key in ("appID", "clientID", "clientSecret")],
        *[({**SECRET, key: ""}, f"has no '{key}'") for key in ("appID", "clientID", "clientSecret")],
        *[
            ({**SECRET, key: value}, f"has no '{key}'")
            for key in ("appID", "clientID", "clientSecret")
            for value in (None, 5, ["hush-hush"], {"hush-hush": 1})
        ],
        (without("baseURL"), "'baseURL'"),
        ({**SECRET, "baseURL": None}, "'baseURL'"),
        ({**SECRET, "baseURL": "hush-hush"}, "'baseURL'"),
        ({**SECRET, "baseURL": "ftp://hush-hush/api"}, "'baseURL'"),
        ({**SECRET, "baseURL": ["https://hush-hush/api"]}, "'baseURL'"),
        ({**without("baseURL"), "site": "hush-hush"}, "'site' (one of us, jp, sg, eu, cn3)"),
        ({**without("baseURL"), "site": 5}, "'site'"),
        ({**without("baseURL"), "site": {"hush-hush": 1}}, "'site'"),
        *[
            ({**SECRET, key: f"hush-hush{odd}"}, f"has a character in '{key}' that cannot be printed")
            for key in ("appID", "clientID", "clientSecret")
            for odd in ("\n", "\x00", "\x7f", "\x9b", "\ud800", "\u202e")
        ],
        *[
            ({**SECRET, "appID": app_id}, "has an 'appID' that cannot be one")
            for app_id in (
                ".",
                "..",
                "../hush-hush",
                "hush-hush/b",
                "hush-hush\\b",
                " hush-hush",
                "hush-hush" * 30,
            )
        ],
        *[
            ({**SECRET, "baseURL": url}, "has a 'baseURL' that is no URL to put a path behind")
            for url in (
                "https://",
                "https:///api",
                "https://kii.example:hush-hush/api",
                "https://[hush-hush/api",
                "https://user:hush-hush@kii.example/api",
                "https://kii.example/api?hush-hush",
                "https://kii.example/api#hush-hush",
                "https://kii.example/hush-hush api",
                "https://kii.example\\hush-hush",
                "https://kii.example/hush-hush\ud800",
                "https://kii.example/hush\n-hush",
            )
        ],
        *[
            ({**SECRET, "baseURL": url}, "has a 'baseURL' without TLS that is not on this machine")
            for url in (
                "http://hush-hush.example/api",
                "http://localhost.hush-hush.example/api",
                "http://10.0.0.1/hush-hush",
                "http://128.0.0.1/hush-hush",
                "http://[::2]/hush-hush",
                "http://0.0.0.0/hush-hush",
            )
        ],
        ("[" * 60_000 + "hush-hush", "is not JSON"),
    ],
    ids=lambda value: str(value)[:60].encode("ascii", "backslashreplace").decode(),
)
def test_an_unusable_secret_is_named_with_what_is_wrong_but_never_its_value(
    manager: Stubber, content: object, named: str
) -> None:
    holds(manager, content)

    with pytest.raises(SecretError) as failed:
        source().get()

    error = failed.value
    assert NAME in error.detail
    assert named in error.detail
    assert error.outcome is Outcome.NOT_SENT
    assert error.retry_after
    shown = [str(error), repr(error), error.reason, error.detail, *traceback.format_exception(error)]
    assert "hush-hush" not in "".join(shown)


def test_a_binary_secret_is_refused_like_a_malformed_one(manager: Stubber) -> None:
    manager.add_response("get_secret_value", {"SecretBinary": b"hush-hush"}, {"SecretId": NAME})

    with pytest.raises(SecretError, match=f"{NAME} is not JSON"):
        source().get()


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException", "DecryptionFailure"])
def test_a_secret_that_cannot_be_read_is_named_with_aws_own_code(manager: Stubber, code: str) -> None:
    manager.add_client_error("get_secret_value", code, service_message="hush-hush")

    with pytest.raises(SecretError) as failed:
        source().get()

    assert failed.value.detail == f"the secret {NAME} refused: {code}"
    assert failed.value.reason == "the credentials of the Kii app cannot be used; the log says why"


def test_an_unreachable_secrets_manager_is_a_failure_of_the_secret() -> None:
    def fail(**_: Any) -> None:
        raise ConnectTimeoutError(endpoint_url="https://secretsmanager.example")

    client = boto3.client("secretsmanager")
    client.meta.events.register("before-call.secrets-manager.GetSecretValue", fail)

    with pytest.raises(SecretError, match=f"{NAME} cannot be reached: ConnectTimeoutError"):
        CredentialsSource(NAME, client).get()


def test_the_client_secret_is_not_shown_in_the_credentials_text(manager: Stubber) -> None:
    credentials = source()
    holds(manager, SECRET)

    assert "hush-hush" not in f"{credentials.get()!r} {credentials.get()} {vars(credentials)}"


def test_other_credentials_have_another_fingerprint(manager: Stubber) -> None:
    holds(manager, SECRET)
    known = source().get()
    parts = (known.app_id, known.client_id, known.client_secret, known.base_url)
    others = {
        Credentials(*(part + "x" if place == at else part for place, part in enumerate(parts))).fingerprint
        for at in range(4)
    }

    assert len(others | {known.fingerprint}) == 5
    assert known.fingerprint == Credentials(*parts).fingerprint
    assert "hush-hush" not in known.fingerprint
