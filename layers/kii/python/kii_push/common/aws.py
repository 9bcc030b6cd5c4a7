"""The boto3 clients, with timeouts that leave a function time to answer, and what their errors become."""

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kii_push.errors import PushError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# In seconds; botocore's own defaults are a minute each. Its pool holds 10 connections unless told otherwise.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    retries={"total_max_attempts": 3, "mode": "standard"},
    max_pool_connections=16,
)


@functools.cache
def secrets_manager() -> "SecretsManagerClient":
    """Return the Secrets Manager client."""
    return boto3.client("secretsmanager", config=_CONFIG)


@functools.cache
def dynamodb() -> "DynamoDBClient":
    """Return the DynamoDB client."""
    return boto3.client("dynamodb", config=_CONFIG)


@functools.cache
def s3() -> "S3Client":
    """Return the S3 client."""
    return boto3.client("s3", config=_CONFIG)


@functools.cache
def sqs() -> "SQSClient":
    """Return the SQS client."""
    return boto3.client("sqs", config=_CONFIG)


@contextlib.contextmanager
def failing_as(
    error: Callable[[str], PushError], what: str, refusal: Callable[[str], PushError] | None = None
) -> Iterator[None]:
    """Raise `error` for a call to `what` that fails, or `refusal`, if given, for one that AWS refused."""
    try:
        yield
    except ClientError as refused:
        became = (refusal or error)(f"{what} refused: {code(refused)}")
        became.aws_code = code(refused)
        raise became from None
    except BotoCoreError as failure:
        became = error(f"{what} cannot be reached: {code(failure)}")
        became.aws_code = code(failure)
        raise became from None


def code(error: ClientError | BotoCoreError) -> str:
    """Return AWS's code for why it refused a call, or the kind of failure if it did not answer."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
