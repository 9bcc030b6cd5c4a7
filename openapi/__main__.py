"""Write the files that are made from the table: `make docs`."""

import json
from pathlib import Path
from typing import Any

from openapi.document import document
from openapi.gateway import definition
from openapi.schemas import push_request

ROOT = Path(__file__).resolve().parent.parent


def files() -> dict[Path, str]:
    """Return the path and the content of each generated file."""
    public = document()
    return {
        ROOT / "openapi/gateway.json": _text(definition()),
        ROOT / "docs/openapi.json": _text(public),
        # A function's folder is all that is deployed of it. Nobody reads this copy, so it is in one line.
        ROOT / "functions/openapi/openapi.json": json.dumps(public, ensure_ascii=False) + "\n",
        ROOT / "docs/push-request.schema.json": _text(push_request(public["components"]["schemas"])),
    }


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
