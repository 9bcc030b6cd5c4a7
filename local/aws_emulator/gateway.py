"""What API Gateway's own answers say."""

import base64
import os
from typing import Any

from ministack.services import apigateway_v1

from local.aws_emulator.patching import replace

_gateway_error_response = apigateway_v1._gateway_error_response


def apply() -> None:
    """Fill in the extended request ID, which MiniStack leaves as it stands in the template."""
    replace(apigateway_v1, "_gateway_error_response", answer)


def answer(error: Any, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Return MiniStack's answer with the extended request ID where AWS has it."""
    extended = base64.b64encode(os.urandom(11))
    status, headers, body = _gateway_error_response(error, request)
    headers["x-amz-apigw-id"] = extended.decode()
    for name in (b"$context.extendedRequestId", b"${context.extendedRequestId}"):
        body = body.replace(name, extended)
    return status, headers, body
