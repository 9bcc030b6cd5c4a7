"""The public document: OpenAPI 3.1, from the table of operations, public.yaml and the layer's structs."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from local.events import example_event
from openapi.gateway import SIGNED
from openapi.operations import OPERATIONS, Operation
from openapi.schemas import schemas

HERE = Path(__file__).resolve().parent

# Every operation can answer these; public.yaml says what they mean.
_PROBLEMS = {400, 403, 404, 422, 429, 500, 503, 504}
_SUCCESS = {
    200: "What was asked for.",
    201: "It was made.",
    202: "It will be done.",
    204: "Done; or yes, it is so.",
}
# Every answer names the call.
_CALL = {"X-Request-ID": {"$ref": "#/components/headers/X-Request-ID"}}
_NAMES = re.compile(r"{(\w+)}")


def document() -> dict[str, Any]:
    """Return the document."""
    public: dict[str, Any] = yaml.safe_load((HERE / "public.yaml").read_text())
    components = public.pop("components")
    examples = components.pop("examples")
    for name, body in components["requestBodies"].items():
        body["content"]["application/json"]["examples"] = _bodies()[name]
    for problem in components["responses"].values():
        problem["headers"] = {**_CALL, **problem.get("headers", {})}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, examples)
    components |= {"schemas": schemas(components["schemas"]), "securitySchemes": {"signed": SIGNED}}
    return {
        "openapi": "3.1.0",
        **public,
        "security": [{"signed": []}],
        "paths": paths,
        "components": components,
    }


def _operation(operation: Operation, examples: dict[str, Any]) -> dict[str, Any]:
    answers = {status: _answer(operation, status, examples) for status in operation.answers}
    problems = {status: _ref("responses", status) for status in _PROBLEMS | set(operation.problems)}
    return {
        "operationId": operation.id,
        "tags": [operation.function],
        "summary": operation.summary,
        "parameters": [_ref("parameters", name) for name in _parameters(operation)],
        **({"requestBody": _ref("requestBodies", operation.body)} if operation.body else {}),
        "responses": {str(status): each for status, each in sorted((answers | problems).items())},
    }


def _parameters(operation: Operation) -> list[str]:
    """Return the components that describe the operation's parameters."""
    names = [*_NAMES.findall(operation.path), *operation.query]
    takes_id = "dryRun" in names or operation.body == "Broadcast"
    return [*names, "idempotencyKey"] if takes_id else names


def _answer(operation: Operation, status: int, examples: dict[str, Any]) -> dict[str, Any]:
    schema = operation.answers[status]
    answer: dict[str, Any] = {"description": _SUCCESS[status], "headers": dict(_CALL)}
    if schema is None:
        return answer
    answer["headers"] |= {name: _ref("headers", name) for name in _headers(operation, schema)}
    content: dict[str, Any] = {"schema": _ref("schemas", schema)}
    if schema in examples:
        content["example"] = examples[schema]["value"]
    return answer | {"content": {"application/json": content}}


def _headers(operation: Operation, schema: str) -> list[str]:
    if schema == "MQTTEndpoint":
        return ["X-MQTT-TTL"]
    if schema == "BroadcastStarted":
        return ["Idempotent-Replayed"]
    if "dryRun" not in operation.query or schema == "DryRun":
        return []
    return ["Idempotent-Replayed", *(["ETag"] if schema == "ObjectChange" else [])]


def _bodies() -> dict[str, Any]:
    """Return the examples of each request body: what stands in the functions' events."""
    direct, topic = _event_body("direct_push"), _event_body("topic_push")
    reading = {"reading": {"value": _event_body("bucket_push")}}
    return {
        "Push": {
            "kii": {"summary": "Kii's own message", "value": direct["message"]},
            "short": {"summary": "The short form", "value": topic["message"]},
            "request": {"summary": "A push request", "value": direct},
        },
        "Object": reading,
        "ObjectFields": reading,
        "Broadcast": {"sale": {"value": _event_body("broadcasts")}},
        "NewInstallation": {"android": {"value": _event_body("installations")}},
    }


def _event_body(function: str) -> Any:
    return json.loads(example_event(function)["body"])


def _ref(kind: str, name: object) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
