"""The functions' tables of operations, beside the gateway's and the public document."""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from kii_push.api.handler import Operation
from local.settings import ROOT
from openapi import operations as gateway
from tests import apps
from tests.doubles.gateway import request_context

DOCUMENT: dict[str, Any] = json.loads((ROOT / "docs/openapi.json").read_text())
FUNCTIONS = sorted({each.function for each in gateway.OPERATIONS})


@pytest.fixture(scope="module")
def load() -> Iterator[Callable[[str], ModuleType]]:
    """Load a function once for all tests here: none of them changes it."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield functools.cache(lambda function: apps.load(function, monkeypatch))


@pytest.fixture
def app(function: str, load: Callable[[str], ModuleType]) -> ModuleType:
    return load(function)


def key(operation: gateway.Operation) -> str:
    """Return the method and the path without its scope."""
    _, prefix = scope(operation)
    return f"{operation.method} {operation.path.removeprefix(prefix)}"


def scope(operation: gateway.Operation) -> tuple[str, str]:
    """Return what the operation's scope adds to its ID and to its path."""
    for suffix, _, prefix in gateway.SCOPES:
        if suffix and operation.id.endswith(suffix):
            return suffix, prefix
    return "", ""


def words(operation: gateway.Operation) -> list[str]:
    """Return the words of the operation's ID without its scope: `getTopicACLInGroup` is get, topic, acl."""
    suffix, _ = scope(operation)
    # One word.
    name = operation.id.removesuffix(suffix).replace("OpenAPI", "Openapi")
    return [each.lower() for each in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def queries(operation: gateway.Operation, document: Mapping[str, Any]) -> set[str]:
    """Return the names of the query parameters that a document promises for an operation."""
    parameters = document["paths"][operation.path][operation.method.lower()]["parameters"]
    resolved = [
        document["components"]["parameters"][each["$ref"].rpartition("/")[2]] if "$ref" in each else each
        for each in parameters
    ]
    return {each["name"] for each in resolved if each["in"] == "query"}


def misnamed(table: Mapping[str, Operation], served: Mapping[str, list[gateway.Operation]]) -> Iterator[str]:
    """Yield the functions of a table that are not called as the IDs that they serve.

    One that serves several IDs is called by words that all of them have: `subscribe` serves
    `subscribeUserToTopic` and `subscribeThingToBucket`. HEAD may be served by GET's function.
    """
    ids: dict[str, set[tuple[str, ...]]] = {}
    for name, operation in table.items():
        method, _, path = name.partition(" ")
        if method != "HEAD" or table.get(f"GET {path}") != operation:
            ids.setdefault(operation.call.__name__, set()).update(tuple(words(each)) for each in served[name])
    for name, all_ids in ids.items():
        if not all(_fits(name, each, alone=len(all_ids) == 1) for each in all_ids):
            yield f"{name} serves {', '.join('_'.join(each) for each in sorted(all_ids))}"


def _fits(name: str, one_id: tuple[str, ...], *, alone: bool) -> bool:
    rest = iter(one_id)
    return (name == "_".join(one_id)) == alone and all(word in rest for word in name.split("_"))


def differences(function: str, table: Mapping[str, Operation], document: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a function's table of operations."""
    served: dict[str, list[gateway.Operation]] = {}
    for each in gateway.OPERATIONS:
        if each.function == function:
            served.setdefault(key(each), []).append(each)
    if table.keys() != served.keys():
        return [f"not in both tables: {each}" for each in sorted(table.keys() ^ served.keys())]
    unlike = [
        f"{each.id} takes {sorted(table[name].query)}, and promises {sorted(queries(each, document))}"
        for name, operations in served.items()
        for each in operations
        if set(table[name].query) != queries(each, document)
    ]
    return [*misnamed(table, served), *unlike]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_serves_the_gateways_operations_by_their_names_and_queries(
    function: str, app: ModuleType
) -> None:
    assert differences(function, app.OPERATIONS, DOCUMENT) == []


@pytest.mark.parametrize("operation", gateway.OPERATIONS, ids=lambda each: each.id)
def test_the_gateways_event_finds_its_operation(
    operation: gateway.Operation, load: Callable[[str], ModuleType]
) -> None:
    event = {
        "httpMethod": operation.method,
        "resource": operation.path,
        "multiValueQueryStringParameters": {"noSuchParameter": ["1"]},
        "requestContext": request_context(),
    }

    answer = load(operation.function).handler(event, None)

    # Refused by the operation that was found; another event would be a fault.
    assert answer["statusCode"] == 400
    assert "noSuchParameter" in answer["body"]


def without(table: dict[str, Operation]) -> None:
    del table["GET /topics"]


def with_another(table: dict[str, Operation]) -> None:
    table["PATCH /topics/{topicID}"] = table["PUT /topics/{topicID}"]


def served_by_another(table: dict[str, Operation]) -> None:
    table["GET /topics/{topicID}/acl"] = table["GET /topics/{topicID}"]


def head_served_by_put(table: dict[str, Operation]) -> None:
    table["HEAD /topics/{topicID}"] = table["PUT /topics/{topicID}"]


def exchanged(table: dict[str, Operation]) -> None:
    put, delete = "PUT /topics/{topicID}", "DELETE /topics/{topicID}"
    table[put], table[delete] = table[delete], table[put]


def taking_no_query(table: dict[str, Operation]) -> None:
    table["GET /topics"] = replace(table["GET /topics"], query=())


def taking_another_query(table: dict[str, Operation]) -> None:
    table["PUT /topics/{topicID}"] = replace(table["PUT /topics/{topicID}"], query=("dryRun",))


@pytest.mark.parametrize("function", ["topics"])
@pytest.mark.parametrize(
    "change",
    [
        without,
        with_another,
        served_by_another,
        head_served_by_put,
        exchanged,
        taking_no_query,
        taking_another_query,
    ],
)
def test_a_table_that_differs_from_the_gateways_is_found(
    app: ModuleType, function: str, change: Callable[[dict[str, Operation]], None]
) -> None:
    table = dict(app.OPERATIONS)
    change(table)

    assert differences(function, table, DOCUMENT) != []


def test_a_document_that_promises_another_query_parameter_is_found(load: Callable[[str], ModuleType]) -> None:
    document = json.loads(json.dumps(DOCUMENT))
    document["components"]["parameters"]["ofUser"]["name"] = "user"
    app = load("installations")

    assert differences("installations", app.OPERATIONS, document) == [
        "listInstallations takes ['thingID', 'userID'], and promises ['thingID', 'user']"
    ]
