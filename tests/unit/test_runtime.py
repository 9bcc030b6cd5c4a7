"""What a function makes once per environment."""

import json
from collections.abc import Iterator

import pytest
from botocore.stub import Stubber

from kii_push import runtime
from kii_push.common import aws, calls

SECRET = {"appID": "a", "clientID": "c", "clientSecret": "s", "site": "jp"}


@pytest.fixture(autouse=True)
def _new_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KII_SECRET_ID", "kii/app")
    monkeypatch.setenv("LEDGER_TABLE", "ledger")
    yield
    runtime.kii_client.cache_clear()
    calls.from_environment.cache_clear()


def test_the_client_is_made_once_and_asks_nobody_before_its_first_use() -> None:
    # Without sockets, any look-up would fail here.
    assert runtime.kii_client() is runtime.kii_client()


def test_the_client_acts_for_the_app_in_the_secret_of_the_environment() -> None:
    with Stubber(aws.secrets_manager()) as manager:
        manager.add_response(
            "get_secret_value", {"SecretString": json.dumps(SECRET)}, {"SecretId": "kii/app"}
        )

        assert runtime.kii_client().app_id == "a"


def test_the_calls_are_counted_in_one_place() -> None:
    assert calls.from_environment() is calls.from_environment()


@pytest.mark.parametrize("name", ["KII_SECRET_ID", "LEDGER_TABLE"])
def test_a_variable_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(KeyError, match=name):
        runtime.kii_client()
