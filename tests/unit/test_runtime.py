"""What a function makes once per environment."""

import json
import time
from collections.abc import Callable

import msgspec
import pytest
from botocore.stub import ANY, Stubber
from pytest_socket import SocketBlockedError

from kii_push import runtime
from kii_push.common import aws
from kii_push.kii.client import KiiClient
from kii_push.kii.credentials import SITES, Credentials
from kii_push.kii.stored_token import Token
from kii_push.push.preflight import Preflight

SECRET = {"appID": "a", "clientID": "c", "clientSecret": "s", "site": "jp"}


@pytest.fixture(autouse=True)
def _function_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KII_SECRET_ID": "kii/app",
        "KII_TOKEN_SECRET_ID": "kii/token",
        "LEDGER_TABLE": "ledger",
        "IN_FLIGHT_SECONDS": "960",
        "LEDGER_DAYS": "30",
        "PUSHES_PER_SECOND": "0",
        "KII_DEFAULT_NETWORKS": "mqtt,apns",
        "KII_RULES": "strict-old",
    }.items():
        monkeypatch.setenv(name, value)


def client() -> KiiClient:
    return runtime.kii_client(runtime.call_counter())


def test_everything_is_made_without_a_call() -> None:
    # Without sockets, any look-up would fail here.
    kii = client()
    assert runtime.delivery(kii).kii is kii
    assert runtime.ledger()


def test_the_client_acts_for_the_app_in_the_secret_of_the_environment() -> None:
    with Stubber(aws.secrets_manager()) as manager:
        manager.add_response(
            "get_secret_value", {"SecretString": json.dumps(SECRET)}, {"SecretId": "kii/app"}
        )

        assert client().app_id == "a"


@pytest.mark.filterwarnings("ignore:A test tried to use socket")
def test_the_client_uses_the_shared_token_and_its_calls_are_counted_in_the_table_of_the_environment() -> None:
    calls = runtime.call_counter()
    kii = runtime.kii_client(calls)
    fingerprint = Credentials("a", "c", "s", SITES["jp"]).fingerprint
    token = Token("t", fingerprint, time.time(), time.time() + 3600)
    with Stubber(aws.secrets_manager()) as manager, Stubber(aws.dynamodb()) as dynamodb:
        for name, content in (
            ("kii/app", json.dumps(SECRET)),
            ("kii/token", msgspec.json.encode(token).decode()),
        ):
            manager.add_response("get_secret_value", {"SecretString": content}, {"SecretId": name})
        with pytest.raises(SocketBlockedError):
            kii.send_to_user("u-1", {})
        dynamodb.add_response(
            "update_item",
            {"Attributes": {"calls": {"N": "1"}}},
            {
                "TableName": "ledger",
                "Key": ANY,
                "UpdateExpression": ANY,
                "ExpressionAttributeValues": {":calls": {"N": "1"}, ":expires": ANY},
                "ReturnValues": "UPDATED_NEW",
            },
        )

        calls.write()

        dynamodb.assert_no_pending_responses()


def test_the_ledger_is_the_table_of_the_environment() -> None:
    with Stubber(aws.dynamodb()) as dynamodb:
        dynamodb.add_response(
            "get_item", {}, {"TableName": "ledger", "Key": {"pk": {"S": "push#k"}}, "ConsistentRead": True}
        )

        assert runtime.ledger().find("k") is None


def test_messages_are_checked_by_the_settings_of_the_environment() -> None:
    assert runtime.delivery(client()).preflight == Preflight(("apns", "mqtt"), "strict-old")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("KII_SECRET_ID", client),
        ("KII_TOKEN_SECRET_ID", client),
        ("LEDGER_TABLE", client),
        ("LEDGER_TABLE", runtime.ledger),
        ("IN_FLIGHT_SECONDS", runtime.ledger),
        ("LEDGER_DAYS", runtime.ledger),
        ("PUSHES_PER_SECOND", lambda: runtime.delivery(client())),
        ("KII_DEFAULT_NETWORKS", lambda: runtime.delivery(client())),
        ("KII_RULES", lambda: runtime.delivery(client())),
    ],
)
def test_a_variable_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, make: Callable[[], object]
) -> None:
    monkeypatch.delenv(name)

    with pytest.raises(KeyError, match=name):
        make()
