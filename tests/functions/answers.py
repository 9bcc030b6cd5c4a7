"""What functions behind API Gateway answer."""

import json
from typing import Any


def problem(answer: dict[str, Any], status: int) -> dict[str, Any]:
    """Return the problem in an answer, after checking that it is one of this status."""
    assert answer["statusCode"] == status
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = json.loads(answer["body"])
    assert body["status"] == status
    return body
