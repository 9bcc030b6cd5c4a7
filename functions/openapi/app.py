"""GET /openapi.json: the description of the HTTPS door, made by `make docs`."""

import json
from http import HTTPStatus
from pathlib import Path

from kii_push.api import handler as api

document = json.loads(Path(__file__).with_name("openapi.json").read_bytes())


def get_openapi(_event: api.Event) -> api.Answer:
    """Answer 200 with the document."""
    return api.answer(HTTPStatus.OK, document)


OPERATIONS = {"GET /openapi.json": api.Operation(get_openapi)}
handler = api.dispatch(OPERATIONS)
