"""Safe delivery against a real DynamoDB and SQS, MiniStack's; Kii is an httpx.MockTransport."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from kii_push.common import aws
from kii_push.common.observability import metrics
from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource
from kii_push.push import request, throttle
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Throttle
from local.ministack import start_ministack
from local.process import end, free_ports
from local.settings import aws_variables
from local.template import resource
from tests.support import Queue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run MiniStack without anything deployed."""
    (port,) = free_ports(1)
    server = start_ministack(port, tmp_path_factory.mktemp("ministack"))
    yield f"http://127.0.0.1:{port}"
    end(server)


@pytest.fixture(autouse=True)
def _environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Point the layer's own clients at MiniStack."""
    for name, value in aws_variables(endpoint).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics.provider, "namespace", "KiiPush")
    yield
    for client in (aws.dynamodb, aws.sqs, aws.secrets_manager):
        client.cache_clear()
    metrics.clear_metrics()


@pytest.fixture
def table() -> str:
    """Make a table as the template defines it."""
    properties = resource("Ledger")["Properties"]
    name = f"ledger-{uuid4().hex}"
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    aws.dynamodb().create_table(TableName=name, **{key: properties[key] for key in wanted})
    return name


@pytest.fixture
def dynamodb() -> "DynamoDBClient":
    return aws.dynamodb()


@pytest.fixture
def ledger(table: str) -> Ledger:
    return Ledger(aws.dynamodb(), table, in_flight=960, days=30)


@dataclass
class Kii:
    """Answers as Kii would, or as `answers` says next; remembers what it accepted."""

    sent: list[dict[str, Any]] = field(default_factory=list)
    answers: list[Callable[[httpx.Request], httpx.Response]] = field(default_factory=list)
    before: Callable[[httpx.Request], object] = lambda _: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, asked: httpx.Request) -> httpx.Response:
        if asked.url.path.endswith("/oauth2/token"):
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        self.before(asked)
        with self._lock:
            if self.answers:
                return self.answers.pop(0)(asked)
            self.sent.append(json.loads(asked.content))
            return httpx.Response(201, json={"pushMessageID": f"m-{len(self.sent)}"})


class Secret:
    """Secrets Manager, as far as CredentialsSource asks it."""

    def get_secret_value(self, **_: str) -> dict[str, str]:
        secret = {"appID": "app", "clientID": "c", "clientSecret": "s", "baseURL": "https://kii.test/api"}
        return {"SecretString": json.dumps(secret)}


@pytest.fixture
def kii() -> Kii:
    return Kii()


@pytest.fixture
def client(kii: Kii) -> Iterator[KiiClient]:
    http = http_client(httpx.MockTransport(kii))
    yield KiiClient(CredentialsSource("secret", Secret()), http)  # type: ignore[arg-type]
    http.close()


@pytest.fixture
def pushes(client: KiiClient, ledger: Ledger, table: str) -> Delivery:
    return Delivery(
        client, ledger, Throttle(aws.dynamodb(), table, per_second=0), StopSwitch(aws.dynamodb(), table)
    )


@pytest.fixture
def short_recovery(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let the breaker try again after a second."""
    monkeypatch.setattr(throttle, "RECOVERY", 1)
    return 1


@pytest.fixture
def queue(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A queue of the test's own, for the layer the push queue."""
    queue = Queue(endpoint)
    monkeypatch.setenv("PUSH_QUEUE_URL", queue.url)
    monkeypatch.setenv("QUEUE_URLS", queue.url)
    yield queue
    queue.close()


@pytest.fixture
def dead_letters(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """A dead-letter queue of the test's own."""
    queue = Queue(endpoint)
    monkeypatch.setenv("DEAD_LETTER_QUEUE_URL", queue.url)
    yield queue
    queue.close()


def body(push_id: str = "p-1", text: str = "hi", **more: Any) -> dict[str, Any]:
    """Return a push request as it stands in JSON."""
    message = {"data": {"msg": text}, "gcm": {"enabled": True}, "apns": {"enabled": False}}
    return {"id": push_id, "target": {"user": "u-2"}, "message": message, **more}


def push(push_id: str = "p-1", text: str = "hi", **more: Any) -> request.PushRequest:
    """Return a push request."""
    return request.from_json(body(push_id, text, **more), default_id="unused")
