"""What API Gateway adds to a call."""

from typing import Any

REQUEST_ID = "ABCDEFGHIJKLMNO="
CALLER = "arn:aws:sts::123456789012:assumed-role/shop/backend"


def request_context(request_id: str = REQUEST_ID) -> dict[str, Any]:
    """Return the part of `requestContext` that the layer reads, for a call that the shop has signed."""
    return {"extendedRequestId": request_id, "identity": {"userArn": CALLER}}
