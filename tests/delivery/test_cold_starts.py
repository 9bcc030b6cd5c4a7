"""200 environments that start at once log in once: each of them bills the app's owner.

Two processes run the layer's real code, each as many environments, against a real table and real secrets.
"""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from kii_push.common import aws
from local.settings import ROOT, aws_variables
from tests.doubles.login_server import LoginServer
from tests.support import wait_until

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Environments in each of two processes.
MANY, SOME = 100, 30


class Process:
    """A process with many environments."""

    def __init__(self, endpoint: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.cold_start"],
            cwd=ROOT,
            env={"PYTHONPATH": f"{ROOT}/layers/kii/python", **aws_variables(endpoint)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, **command: Any) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Return the next answer; log lines stand between them."""
        assert self._process.stdout
        for line in self._process.stdout:
            answer = json.loads(line)
            if not isinstance(answer, dict):
                return answer
        return None

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def processes(endpoint: str) -> Iterator[list[Process]]:
    with ExitStack() as running:
        started = [Process(endpoint) for _ in range(2)]
        for each in started:
            running.callback(each.kill)
        assert [each.answer() for each in started] == ["ready"] * 2
        yield started


@pytest.fixture
def kii() -> Iterator[LoginServer]:
    server = LoginServer()
    yield server
    server.close()


class Bundle:
    """The table and the secrets of one deployed bundle."""

    def __init__(self, table: str, kii_url: str) -> None:
        self._kii_url = kii_url
        self.variables = {
            "LEDGER_TABLE": table,
            "KII_SECRET_ID": f"app-{uuid4().hex}",
            "KII_TOKEN_SECRET_ID": f"token-{uuid4().hex}",
        }
        for name in ("KII_SECRET_ID", "KII_TOKEN_SECRET_ID"):
            aws.secrets_manager().create_secret(Name=self.variables[name])

    def put_credentials(self, client_secret: str) -> None:
        content = {"appID": "a", "clientID": "c", "clientSecret": client_secret, "baseURL": self._kii_url}
        aws.secrets_manager().put_secret_value(
            SecretId=self.variables["KII_SECRET_ID"], SecretString=json.dumps(content)
        )


@pytest.fixture
def bundle(table: str, kii: LoginServer) -> Bundle:
    bundle = Bundle(table, kii.kii_url)
    bundle.put_credentials("first")
    return bundle


def cold_start(processes: Sequence[Process], bundle: Bundle, environments: int) -> None:
    """Let each process start so many environments, each of which pushes."""
    for each in processes:
        each.tell(cold=environments, variables=bundle.variables)


def push_again(processes: Sequence[Process]) -> None:
    for each in processes:
        each.tell(warm=True)


def outcomes(processes: Sequence[Process]) -> Counter[str]:
    """Count what came of the pushes: Kii's ID of them, or the error."""
    return Counter(outcome for each in processes for outcome in each.answer())


def test_200_cold_starts_are_one_login_and_after_a_revocation_one_more(
    processes: list[Process], kii: LoginServer, bundle: Bundle
) -> None:
    cold_start(processes, bundle, MANY)
    assert outcomes(processes) == {"m": 2 * MANY}
    assert kii.logins == {"first": 1}

    kii.revoke()
    push_again(processes)
    assert outcomes(processes) == {"m": 2 * MANY}
    assert kii.logins == {"first": 2}


def test_credentials_that_change_meanwhile_are_one_login_each(
    processes: list[Process], kii: LoginServer, bundle: Bundle
) -> None:
    early, late = processes[:1], processes[1:]

    def rotate(client_secret: str) -> None:
        if client_secret == "first":
            bundle.put_credentials("second")
            cold_start(late, bundle, SOME)

    kii.during_login = rotate
    cold_start(early, bundle, SOME)
    assert outcomes(early) + outcomes(late) == {"m": 2 * SOME}
    push_again(processes)
    assert outcomes(processes) == {"m": 2 * SOME}
    assert kii.logins == {"first": 1, "second": 1}

    kii.revoke()
    push_again(processes)
    assert outcomes(processes) == {"m": 2 * SOME}
    assert kii.logins == {"first": 1, "second": 2}


def test_after_the_death_of_the_one_that_logs_in_another_one_does(
    processes: list[Process], kii: LoginServer, bundle: Bundle, endpoint: str, dynamodb: "DynamoDBClient"
) -> None:
    kii.login_seconds = 1
    doomed = Process(endpoint)
    assert doomed.answer() == "ready"
    doomed.tell(cold=1, variables=bundle.variables, leaseSeconds=4)
    assert wait_until(lambda: kii.logins["first"] == 1, within=10)
    doomed.kill()
    key = {"pk": {"S": "lease#token"}}
    assert "holder" in dynamodb.get_item(TableName=bundle.variables["LEDGER_TABLE"], Key=key)["Item"]

    cold_start(processes, bundle, SOME)
    assert outcomes(processes) == {"m": 2 * SOME}
    assert kii.logins == {"first": 2}


def test_cold_starts_whose_login_fails_are_one_login(
    processes: list[Process], kii: LoginServer, bundle: Bundle
) -> None:
    def refuse(_: str) -> None:
        raise ConnectionAbortedError

    kii.during_login = refuse
    cold_start(processes, bundle, SOME)
    assert all(outcome.startswith("LoginFailed(") for outcome in outcomes(processes))
    assert kii.logins == {"first": 1}
