"""Unit tests use no socket: Kii is an httpx.MockTransport, AWS a boto3 client under botocore's Stubber."""

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import boto3
import pytest
from hypothesis import settings

from kii_push.common import aws
from kii_push.common.observability import logger, metrics

# The machine may be busy with something else: an example that takes long is no failure.
settings.register_profile("unit", deadline=None)
settings.load_profile("unit")

type LogLines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _like_a_function(monkeypatch: pytest.MonkeyPatch, socket_disabled: None) -> Iterator[None]:  # noqa: ARG001
    """Give what Lambda and the template give every function, and drop what a test leaves behind."""
    for name, value in {
        "AWS_REGION": "ap-northeast-1",
        "AWS_DEFAULT_REGION": "ap-northeast-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    # boto3's default session keeps the credentials that it found first, for all clients made after.
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(metrics.provider, "namespace", "KiiPush")
    yield
    metrics.clear_metrics()
    for client in (aws.secrets_manager, aws.dynamodb, aws.sqs, aws.s3):
        client.cache_clear()


@pytest.fixture
def log_lines() -> Iterator[LogLines]:
    """What the functions' logger has written so far in this test, decoded."""
    stream = io.StringIO()
    handler = cast("Any", logger.registered_handler)
    before = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(before)
