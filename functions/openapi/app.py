"""GET /openapi.json: the description of the HTTPS door, made by `make docs`."""

import json
from http import HTTPStatus
from pathlib import Path

from kii_push import http

document = json.loads(Path(__file__).with_name("openapi.json").read_bytes())


@http.api
def handler(_event: http.Event) -> http.Answer:
    """Answer the document."""
    return http.answer(HTTPStatus.OK, document)
