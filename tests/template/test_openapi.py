"""Gateway, public document and template say the same, and what is published is true."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV30SpecValidator, OpenAPIV31SpecValidator

from kii_push.errors import InvalidRequest
from kii_push.kii import identifiers
from kii_push.push import request
from local.events import example_event
from local.settings import ROOT
from openapi.__main__ import files
from openapi.gateway import definition
from openapi.operations import OPERATIONS
from tests.template.model import folder, functions, references

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
PUSH_REQUEST: dict[str, Any] = json.loads((ROOT / "docs/push-request.schema.json").read_text())
COMPONENTS = DOCUMENT["components"]


def validator(schema: Any) -> Draft202012Validator:
    """Return a validator for a schema of the document."""
    return Draft202012Validator(
        {**schema, "components": COMPONENTS}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def resolved(part: Any) -> Any:
    """Return a part of the document, or what it refers to."""
    if "$ref" not in part:
        return part
    found: Any = DOCUMENT
    for key in part["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Yield (method, path, operation)."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method, path, operation


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_what_make_docs_would_write(path: Any) -> None:
    assert path.read_text() == files()[path], "run `make docs`"


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()


def test_the_gateways_definition_is_valid_openapi() -> None:
    unresolved = json.loads(json.dumps(definition()))
    unresolved["info"]["title"] = "the stack's name"
    for _, _, operation in operations(unresolved):
        operation["responses"] = {"default": {"description": "whatever the function answers"}}
        for name in re.findall(
            r"{(\w+)}", next(path for _, path, each in operations(unresolved) if each is operation)
        ):
            operation.setdefault("parameters", []).append(
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            )

    OpenAPIV30SpecValidator(unresolved).validate()


def test_gateway_and_document_have_the_same_operations() -> None:
    gateway = {(method, path): each["operationId"] for method, path, each in operations(definition())}
    public = {(method, path): each["operationId"] for method, path, each in operations(DOCUMENT)}

    assert gateway == public
    assert len(set(public.values())) == len(public) == len(OPERATIONS)


def test_every_operation_goes_to_the_function_that_the_table_names() -> None:
    for _, path, operation in operations(definition()):
        [target] = [
            name
            for name in references(operation["x-amazon-apigateway-integration"]["uri"])
            if name in functions()
        ]
        [row] = [each for each in OPERATIONS if each.id == operation["operationId"]]
        assert folder(target).name == row.function, path


def test_a_parameter_has_one_name_wherever_it_stands() -> None:
    # API Gateway refuses two names for the same place in a path.
    names: dict[str, set[str]] = {}
    for path in DOCUMENT["paths"]:
        for found in re.finditer(r"{(\w+)}", path):
            names.setdefault(path[: found.start()], set()).add(found[1])

    assert all(len(each) == 1 for each in names.values())


def test_every_answer_names_the_call() -> None:
    without = [
        f"{method} {path} {status}"
        for method, path, operation in operations(DOCUMENT)
        for status, answer in operation["responses"].items()
        if "X-Request-ID" not in resolved(answer).get("headers", {})
    ]

    assert without == []
    for name in ("Problem", "Sent", "ObjectChange", "BroadcastStarted"):
        assert "requestID" in COMPONENTS["schemas"][name]["required"]


GATEWAYS_OWN: dict[str, dict[str, Any]] = definition()["x-amazon-apigateway-gateway-responses"]


def own_problem(name: str) -> dict[str, Any]:
    """Return the problem that the gateway answers by itself, with its variables filled in."""
    template = GATEWAYS_OWN[name]["responseTemplates"]["application/json"]
    for variable, value in {"error.messageString": '"why"', "extendedRequestId": "request-1"}.items():
        template = template.replace(f"$context.{variable}", value)
    problem: dict[str, Any] = json.loads(template)
    return problem


def own_headers(name: str) -> dict[str, str]:
    prefix = "gatewayresponse.header."
    return {
        key.removeprefix(prefix): value for key, value in GATEWAYS_OWN[name]["responseParameters"].items()
    }


@pytest.mark.parametrize("name", GATEWAYS_OWN)
def test_the_gateways_own_errors_are_problems_that_name_the_call(name: str) -> None:
    problem, headers = own_problem(name), own_headers(name)

    assert problem.get("status") == GATEWAYS_OWN[name].get("statusCode")
    assert (problem["requestID"], problem["detail"]) == ("request-1", "why")
    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["X-Request-ID"] == "context.extendedRequestId"
    # The gateway cannot know what became of a push.
    assert "outcome" not in problem
    validator(COMPONENTS["schemas"]["Problem"]).validate(problem)


@pytest.mark.parametrize(("name", "status"), [("INTEGRATION_FAILURE", 503), ("INTEGRATION_TIMEOUT", 504)])
def test_after_a_function_that_did_not_answer_the_call_is_to_be_repeated(name: str, status: int) -> None:
    problem = own_problem(name)

    assert problem["status"] == status
    assert "repeat the call with the same id" in problem["title"]


def test_callers_are_told_to_wait_where_the_same_call_may_succeed() -> None:
    waits = {name: own_headers(name).get("Retry-After") for name in GATEWAYS_OWN}

    assert {name: wait for name, wait in waits.items() if wait} == {
        "THROTTLED": "'5'",
        "INTEGRATION_FAILURE": "'5'",
    }


def examples() -> Iterator[Any]:
    """Yield (where, schema, example) for every example in the document."""
    for name, parameter in COMPONENTS["parameters"].items():
        if "example" in parameter:
            yield pytest.param(parameter["schema"], parameter["example"], id=f"parameter {name}")
    for name, body in COMPONENTS["requestBodies"].items():
        content = body["content"]["application/json"]
        for key, example in content["examples"].items():
            yield pytest.param(content["schema"], example["value"], id=f"body {name} {key}")
    for name, response in COMPONENTS["responses"].items():
        content = response["content"]["application/problem+json"]
        yield pytest.param(content["schema"], content["example"], id=f"problem {name}")
    for _, path, operation in operations(DOCUMENT):
        for status, answer in operation["responses"].items():
            for content in resolved(answer).get("content", {}).values() if "$ref" not in answer else ():
                if "example" in content:
                    yield pytest.param(content["schema"], content["example"], id=f"{path} {status}")


@pytest.mark.parametrize(("schema", "example"), list(examples()))
def test_an_example_is_what_its_schema_says(schema: Any, example: Any) -> None:
    validator(schema).validate(example)


def test_every_body_and_every_json_answer_but_this_document_has_an_example() -> None:
    without = {
        content["schema"]["$ref"].rpartition("/")[2]
        for _, _, operation in operations(DOCUMENT)
        for answer in operation["responses"].values()
        for content in resolved(answer).get("content", {}).values()
        if "example" not in content
    }

    assert without <= {"OpenAPI"}
    assert all(
        body["content"]["application/json"]["examples"] for body in COMPONENTS["requestBodies"].values()
    )


IDENTIFIERS = {
    "topicID": identifiers.topic_id,
    "bucketID": identifiers.bucket_id,
    "objectID": identifiers.object_id,
    "groupID": identifiers.group,
    "installationID": identifiers.installation,
}
SOME = [
    *("a", "ab", "a.b", "..", ".", "a_b-1", "x" * 64, "x" * 65, "x" * 100, "x" * 101, "x" * 250, "x" * 251),
    *(
        "",
        " ",
        "a b",
        "a/b",
        "a\\b",
        "a\nb",
        "ü",
        "IOS:a",
        "IOS:",
        "FAX:a",
        "IOS:" + "x" * 4096,
        "IOS:" + "x" * 4097,
    ),
    *("ANDROID:a:b", "a:b"),
]


@pytest.mark.parametrize("value", SOME, ids=lambda value: value[:12])
@pytest.mark.parametrize("name", IDENTIFIERS)
def test_a_documented_identifier_is_one_that_is_taken(name: str, value: str) -> None:
    schema = COMPONENTS["parameters"][name]["schema"]
    try:
        IDENTIFIERS[name](value, name)
    except InvalidRequest:
        taken = False
    else:
        taken = True

    assert validator(schema).is_valid(value) == taken


MESSAGE = {"data": {"n": 1}, "mqtt": {"enabled": True}}
PUSHES = [
    {"target": {"user": "u"}, "message": MESSAGE},
    {"target": {"topic": "t"}, "message": {"title": "t", "body": "b"}},
    {"target": {"topic": "t", "user": "u"}, "message": MESSAGE, "id": "k", "onUnknown": "resend"},
    {"target": {"bucket": "bb", "thing": "t"}, "object": {"a": []}},
    {"target": {"bucket": "bb"}, "object": {}, "objectID": "o1", "operation": "update"},
    {"target": {"bucket": "bb"}, "objectID": "o1", "operation": "delete"},
    {"target": {"user": "u"}, "message": MESSAGE, "notAfter": "2026-12-01T09:00:00Z"},
    {"target": {"user": "u"}},
    {"message": MESSAGE},
    {"target": {}, "message": MESSAGE},
    {"target": {"user": "u", "group": "g"}, "message": MESSAGE},
    {"target": {"topic": "t", "user": "u", "group": "g"}, "message": MESSAGE},
    {"target": {"topic": "t", "bucket": "bb"}, "message": MESSAGE},
    {"target": {"user": "u"}, "message": MESSAGE, "object": {}},
    {"target": {"user": "u"}, "message": MESSAGE, "colour": "red"},
    {"target": {"user": "u"}, "message": {"colour": "red"}},
    {"target": {"user": "u"}, "message": {"gcm": {}}},
    {"target": {"user": "u"}, "message": {"title": "t"}},
    {"target": {"bucket": "bb"}, "object": {}, "message": MESSAGE},
    {"target": {"bucket": "bb"}, "object": {}, "operation": "upsert"},
    {"target": {"user": "u"}, "message": MESSAGE, "id": "two words"},
    {"target": {"user": "u"}, "message": MESSAGE, "id": "broadcast:sale:1"},
    {"target": {"user": "u"}, "message": MESSAGE, "id": "schedule:digest:1"},
    {"target": {"user": "u"}, "message": MESSAGE, "id": "list:0"},
    {"target": {"user": "u"}, "message": MESSAGE, "id": "my-list:0"},
    {"target": {"user": "u"}, "message": MESSAGE, "onUnknown": "shrug"},
]


@pytest.mark.parametrize("push", PUSHES, ids=json.dumps)
def test_the_published_schema_of_a_push_request_takes_what_the_bundle_takes(push: dict[str, Any]) -> None:
    try:
        request.from_json(push, default_id="k")
    except InvalidRequest:
        taken = False
    else:
        taken = True

    assert Draft202012Validator(PUSH_REQUEST).is_valid(push) == taken


def test_the_published_schema_knows_every_field_and_the_queues_example() -> None:
    Draft202012Validator.check_schema(PUSH_REQUEST)
    for record in example_event("queue_push")["Records"]:
        Draft202012Validator(PUSH_REQUEST).validate(json.loads(record["body"]))
    Draft202012Validator(PUSH_REQUEST).validate(example_event("scheduled_push"))
