"""What API Gateway's own answers say, and which ID an API has after an update."""

import base64
import os
from typing import Any

from ministack.services import apigateway_v1
from ministack.services.cloudformation import provisioners

from local.aws_emulator.patching import replace

_gateway_error_response = apigateway_v1._gateway_error_response
_update_api = provisioners._apigw_rest_api_update


def apply() -> None:
    """Fill in the extended request ID, which MiniStack leaves as it stands, and let an API keep its own."""
    replace(apigateway_v1, "_gateway_error_response", answer)
    replace(provisioners, "_apigw_rest_api_update", update)
    provisioners._RESOURCE_HANDLERS["AWS::ApiGateway::RestApi"]["update"] = update


def answer(error: Any, request: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Return MiniStack's answer with the extended request ID where AWS has it."""
    extended = base64.b64encode(os.urandom(11))
    status, headers, body = _gateway_error_response(error, request)
    headers["x-amz-apigw-id"] = extended.decode()
    for name in (b"$context.extendedRequestId", b"${context.extendedRequestId}"):
        body = body.replace(name, extended)
    return status, headers, body


def update(
    physical_id: str,
    old_props: dict[str, Any],
    new_props: dict[str, Any],
    stack_name: str,
    logical_id: str | None = None,
) -> tuple[str, dict[str, str]]:
    """Import a changed definition into the API, as AWS does; MiniStack makes an API of another ID from it.

    What the API resolves is exchanged at once, so no call meets half of it.
    """
    definition = new_props.get("Body")
    if definition != old_props.get("Body"):
        imported = apigateway_v1._import_rest_api(definition, {})
        apigateway_v1._resources[physical_id] = apigateway_v1._resources.pop(imported)
        apigateway_v1._delete_rest_api(imported)
        old_props = {**old_props, "Body": definition}
    updated: tuple[str, dict[str, str]] = _update_api(
        physical_id, old_props, new_props, stack_name, logical_id
    )
    return updated
