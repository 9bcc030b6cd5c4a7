"""API Gateway's definition: routes to functions, signed calls only, its own errors as problems.

OpenAPI 3.0.1, which is what API Gateway imports. CloudFormation puts in the functions' ARNs where the
template includes the file.
"""

import json
from typing import Any

from openapi.operations import OPERATIONS

# Signature Version 4: an unsigned call gets 403 before any function runs.
SIGNED = {
    "type": "apiKey",
    "name": "Authorization",
    "in": "header",
    "x-amazon-apigateway-authtype": "awsSigv4",
}

# What the gateway answers by itself: its name for it, the status (None: several), the title. It cannot tell
# whether a function that did not answer has sent the push; under the same id a repeated call does not send it
# twice.
_OWN_ANSWERS = (
    ("ACCESS_DENIED", 403, "The caller may not do this"),
    ("EXPIRED_TOKEN", 403, "The caller's session has expired"),
    ("INVALID_SIGNATURE", 403, "The signature is wrong"),
    ("MISSING_AUTHENTICATION_TOKEN", 403, "The call is not signed, or there is no such path"),
    ("REQUEST_TOO_LARGE", 413, "The body is too large"),
    ("THROTTLED", 429, "Too many calls; try again later"),
    ("INTEGRATION_FAILURE", 503, "The bundle did not answer; repeat the call with the same id"),
    ("INTEGRATION_TIMEOUT", 504, "The bundle did not answer in time; repeat the call with the same id"),
    ("DEFAULT_4XX", None, "The request was refused"),
    ("DEFAULT_5XX", None, "Something went wrong"),
)

# Answers after which the same call may well succeed.
_RETRIED = {"THROTTLED", "INTEGRATION_FAILURE"}
_RETRY_AFTER_SECONDS = 5


def definition() -> dict[str, Any]:
    """Return the definition that template.yaml includes."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = {
            "operationId": operation.id,
            "security": [{"signed": []}],
            "x-amazon-apigateway-integration": {
                "type": "aws_proxy",
                "httpMethod": "POST",
                "credentials": {"Fn::GetAtt": ["ApiRole", "Arn"]},
                "uri": {"Fn::Sub": _invocation(operation.function)},
            },
        }
    return {
        "openapi": "3.0.1",
        "info": {"title": {"Ref": "AWS::StackName"}, "version": "1"},
        "paths": paths,
        "components": {"securitySchemes": {"signed": SIGNED}},
        "x-amazon-apigateway-gateway-responses": {
            name: _own_answer(name, status, title) for name, status, title in _OWN_ANSWERS
        },
    }


def logical_id(function: str) -> str:
    """Return the template's name for the function in a folder of `functions/`."""
    return "".join(word.capitalize() for word in function.split("_")) + "Function"


def _invocation(function: str) -> str:
    arn = f"${{{logical_id(function)}.Arn}}"
    service = "arn:${AWS::Partition}:apigateway:${AWS::Region}:lambda:path/2015-03-31"
    return f"{service}/functions/{arn}/invocations"


def _own_answer(name: str, status: int | None, title: str) -> dict[str, Any]:
    # The gateway fills `messageString` in with its quotes; its variable for the status stays empty.
    members = {"type": "about:blank", "title": title, **({"status": status} if status else {})}
    variables = ', "requestID": "$context.extendedRequestId", "detail": $context.error.messageString}'
    headers = {
        "gatewayresponse.header.Content-Type": "'application/problem+json'",
        "gatewayresponse.header.X-Request-ID": "context.extendedRequestId",
    }
    if name in _RETRIED:
        headers["gatewayresponse.header.Retry-After"] = f"'{_RETRY_AFTER_SECONDS}'"
    return {
        **({"statusCode": status} if status else {}),
        "responseParameters": headers,
        "responseTemplates": {"application/json": json.dumps(members)[:-1] + variables},
    }
