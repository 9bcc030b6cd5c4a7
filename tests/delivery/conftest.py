"""Safe delivery against a real DynamoDB, S3 and SQS, MiniStack's; Kii is an httpx.MockTransport."""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import httpx
import pytest

from kii_push.common import aws
from kii_push.common.observability import metrics
from kii_push.dead_letters.actions import DeadLetters
from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger
from kii_push.push.preflight import Preflight
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Throttle
from kii_push.queues.unattended import UnattendedDelivery
from local.ministack import start_ministack
from local.process import end, free_ports
from local.settings import aws_variables
from local.template import resource
from tests.delivery.broadcasting import Sale
from tests.doubles.scripted_kii import ScriptedKii, StubSecret
from tests.support import Queue

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


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
    # boto3's default session keeps the credentials that it found first, for all clients made after.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(metrics.provider, "namespace", "KiiPush")
    yield
    for client in (aws.dynamodb, aws.s3, aws.sqs, aws.secrets_manager):
        client.cache_clear()
    metrics.clear_metrics()


@pytest.fixture
def dynamodb() -> "DynamoDBClient":
    return aws.dynamodb()


@pytest.fixture
def s3() -> "S3Client":
    return aws.s3()


@pytest.fixture
def table(dynamodb: "DynamoDBClient") -> str:
    """Make a table as the template defines it."""
    properties = resource("Ledger")["Properties"]
    name = f"ledger-{uuid4().hex}"
    wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    dynamodb.create_table(TableName=name, **{key: properties[key] for key in wanted})
    return name


@pytest.fixture
def queue(endpoint: str) -> Iterator[Queue]:
    """The push queue."""
    queue = Queue(endpoint)
    yield queue
    queue.close()


@pytest.fixture
def dead_letters(endpoint: str) -> Iterator[Queue]:
    """The dead-letter queue."""
    queue = Queue(endpoint)
    yield queue
    queue.close()


@pytest.fixture
def fifo_queue(endpoint: str) -> Iterator[Queue]:
    """The push queue that keeps the order of its groups."""
    queue = Queue(endpoint, fifo=True)
    yield queue
    queue.close()


@pytest.fixture
def broadcast_queue(endpoint: str) -> Iterator[Queue]:
    """The queue that only the bundle fills."""
    queue = Queue(endpoint)
    yield queue
    queue.close()


@pytest.fixture
def fifo_dead_letters(endpoint: str) -> Iterator[Queue]:
    """The dead-letter queue of the FIFO queue."""
    queue = Queue(endpoint, fifo=True)
    yield queue
    queue.close()


@pytest.fixture
def positions(endpoint: str) -> Iterator[Queue]:
    """The queue of the fan-out."""
    queue = Queue(endpoint)
    yield queue
    queue.close()


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", table: str) -> Ledger:
    return Ledger(dynamodb, table, in_flight_seconds=960, days=30)


@pytest.fixture
def throttle(dynamodb: "DynamoDBClient", table: str) -> Throttle:
    """A throttle without a rate."""
    return Throttle(dynamodb, table, per_second=0)


@pytest.fixture
def stop_switch(dynamodb: "DynamoDBClient", table: str) -> StopSwitch:
    return StopSwitch(dynamodb, table)


@pytest.fixture
def kii() -> ScriptedKii:
    return ScriptedKii()


@pytest.fixture
def kii_client(kii: ScriptedKii) -> Iterator[KiiClient]:
    http = http_client(httpx.MockTransport(kii))
    yield KiiClient(CredentialsSource("secret", StubSecret()), http)  # type: ignore[arg-type]
    http.close()


@pytest.fixture
def delivery(kii_client: KiiClient, ledger: Ledger, throttle: Throttle, stop_switch: StopSwitch) -> Delivery:
    return Delivery(kii_client, ledger, throttle, stop_switch, Preflight())


@pytest.fixture
def unattended(delivery: Delivery, dead_letters: Queue) -> UnattendedDelivery:
    return UnattendedDelivery(delivery, dead_letters)


@pytest.fixture
def letters(
    queue: Queue,
    dead_letters: Queue,
    fifo_queue: Queue,
    fifo_dead_letters: Queue,
    broadcast_queue: Queue,
) -> DeadLetters:
    return DeadLetters({dead_letters: queue, fifo_dead_letters: fifo_queue}, broadcast_queue)


@pytest.fixture
def sale(dynamodb: "DynamoDBClient", table: str, s3: "S3Client", queue: Queue, positions: Queue) -> Sale:
    """The broadcast `sale`, whose pushes go to the push queue."""
    return Sale(dynamodb, table, s3, pushes=queue, positions=positions)
