"""The example events in `events/`, filled up to what AWS sends.

A file holds what its example is about. For a call through API Gateway that is the method, the resource, the
parameters and the body; for SQS, the messages' bodies. Only this module adds what AWS adds.
"""

import hashlib
import json
import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from local.process import LocalError
from local.settings import ROOT

_ACCOUNT = "123456789012"
_REGION = "ap-northeast-1"
_API = "a1b2c3d4e5"
_HOST = f"{_API}.execute-api.{_REGION}.amazonaws.com"
_STAGE = "v1"
_CALLER = "AROAEXAMPLE:backend"
_CALLER_ADDRESS = "198.51.100.7"
_USER_AGENT = "curl/8.5.0"
_TIME = datetime(2026, 11, 1, tzinfo=UTC)
_TIME_MS = int(_TIME.timestamp() * 1000)


class _ApiCall(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What an example says about a call through API Gateway, under API Gateway's own names."""

    http_method: str
    resource: str
    path_parameters: dict[str, str] = {}
    query_string_parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    body: Any = None

    def __post_init__(self) -> None:
        if set(re.findall(r"{(\w+)}", self.resource)) != self.path_parameters.keys():
            raise ValueError(f"pathParameters must be those of {self.resource}")

    def path(self) -> str:
        """Return the resource with its parameters filled in."""
        path = self.resource
        for name, value in self.path_parameters.items():
            path = path.replace(f"{{{name}}}", value)
        return path


class _SqsMessage(msgspec.Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What an example says about a message on a queue, under SQS's own names."""

    body: Any
    message_id: str | None = None
    receipt_handle: str | None = None
    attributes: dict[str, str] = {}


def example_event(folder: str, **changes: Any) -> dict[str, Any]:
    """Return the example event of the function in `functions/<folder>` as AWS sends it.

    `changes` replace entries of the file before the rest is filled in. Raises LocalError if the file is
    missing or cannot be filled up.
    """
    path = ROOT / f"events/{folder}.json"
    if not path.exists():
        raise LocalError(f"{folder} has no example event: write events/{folder}.json.")
    example: dict[str, Any] = json.loads(path.read_text()) | changes
    try:
        if example.keys() & {"httpMethod", "resource"}:
            return _api_event(msgspec.convert(example, _ApiCall))
        if "Records" in example:
            return _sqs_event(folder, msgspec.convert(example["Records"], list[_SqsMessage]))
    except msgspec.ValidationError as error:
        raise LocalError(f"events/{folder}.json cannot be filled up: {error}.") from error
    return example


def _api_event(call: _ApiCall) -> dict[str, Any]:
    """Return the event of a REST API's proxy integration for a call signed with a role's credentials."""
    body = _text(call.body)
    headers = _headers(body) | call.headers
    query = call.query_string_parameters
    return {
        "resource": call.resource,
        "path": call.path(),
        "httpMethod": call.http_method,
        "headers": headers,
        "multiValueHeaders": _as_lists(headers),
        # API Gateway sends null for what is empty.
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": _as_lists(query) or None,
        "pathParameters": call.path_parameters or None,
        "stageVariables": {"logRole": "existing"},
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": _API,
            "deploymentId": "d1e2f3",
            "domainName": _HOST,
            "domainPrefix": _API,
            "extendedRequestId": "ABCDEFGHIJKLMNO=",
            "httpMethod": call.http_method,
            "identity": {
                "accessKey": "ASIAIOSFODNN7EXAMPLE",
                "accountId": _ACCOUNT,
                "caller": _CALLER,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": _CALLER_ADDRESS,
                "user": _CALLER,
                "userAgent": _USER_AGENT,
                "userArn": f"arn:aws:sts::{_ACCOUNT}:assumed-role/backend/backend",
            },
            "path": f"/{_STAGE}{call.path()}",
            "protocol": "HTTP/1.1",
            "requestId": "0f0e0d0c-0b0a-4908-8706-050403020100",
            "requestTime": f"{_TIME:%d/%b/%Y:%H:%M:%S +0000}",
            "requestTimeEpoch": _TIME_MS,
            "resourceId": "abc123",
            "resourcePath": call.resource,
            "stage": _STAGE,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def _headers(body: str | None) -> dict[str, str]:
    headers = {
        "Accept": "application/json",
        "Host": _HOST,
        "User-Agent": _USER_AGENT,
        "X-Amz-Date": f"{_TIME:%Y%m%dT%H%M%SZ}",
        "X-Amzn-Trace-Id": "Root=1-69000000-0123456789abcdef01234567",
        "X-Forwarded-For": _CALLER_ADDRESS,
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    return headers if body is None else headers | {"Content-Type": "application/json"}


def _as_lists(values: Mapping[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in values.items()}


def _sqs_event(folder: str, messages: list[_SqsMessage]) -> dict[str, Any]:
    """Return the event of a mapping that takes these messages from a queue, each for the first time."""
    return {"Records": [_record(folder, number, message) for number, message in enumerate(messages, 1)]}


def _record(folder: str, number: int, message: _SqsMessage) -> dict[str, Any]:
    body = _text(message.body) or ""
    now_ms = time.time_ns() // 1_000_000
    return {
        "messageId": message.message_id or f"059f36b4-87a3-44ab-83d2-{number:012}",
        "receiptHandle": message.receipt_handle or f"AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a{number}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            # A function gives up what waited for long.
            "SentTimestamp": str(now_ms),
            "SenderId": _CALLER,
            "ApproximateFirstReceiveTimestamp": str(now_ms + 1),
        }
        | message.attributes,
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{folder.replace('_', '-')}",
        "awsRegion": _REGION,
    }


def _text(body: Any) -> str | None:
    """Return a body as it is sent: JSON is written out, a text stays as it is."""
    return body if body is None or isinstance(body, str) else json.dumps(body, ensure_ascii=False)
