"""What a request needs a right to: AWS's action names and DynamoDB's condition keys."""

import json
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_actions
from ministack.services import dynamodb

from local.aws_emulator.patching import replace

# A batch is no action of its own.
_SQS_BATCHES = {
    f"sqs:{action}Batch": f"sqs:{action}"
    for action in ("SendMessage", "DeleteMessage", "ChangeMessageVisibility")
}
_PARTIQL = {"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"}

type Key = tuple[str, Any]
"""A table's name and the value of a partition key in it, in DynamoDB's typed form."""

_extract_iam_action = iam_actions.extract_iam_action
_dynamodb_transaction_checks = iam_actions.dynamodb_transaction_checks
_dynamodb_service_context = iam_actions.dynamodb_service_context


def apply() -> None:
    """Let policies be evaluated against what AWS evaluates them against."""
    replace(iam_actions, "extract_iam_action", action)
    replace(iam_actions, "dynamodb_transaction_checks", checks_of_items)
    replace(iam_actions, "dynamodb_service_context", with_leading_keys)


def action(  # noqa: PLR0913, PLR0917 (MiniStack's parameters)
    service: str, method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
) -> str | None:
    """Return the action that a request needs a right to; MiniStack's are named after the API's operations."""
    found: str | None = _extract_iam_action(service, method, path, headers, body, query_params)
    return _SQS_BATCHES.get(found, found) if found else None


def checks_of_items(iam_action: str, body: bytes, region: str, account_id: str) -> list[tuple[str, str]]:
    """Return the action and table of each item of a transaction, or of each PartiQL statement."""
    if iam_action.removeprefix("dynamodb:") not in _PARTIQL:
        found: list[tuple[str, str]] = _dynamodb_transaction_checks(iam_action, body, region, account_id)
        return found
    tables = f"arn:aws:dynamodb:{region}:{account_id}:table"
    return [
        (
            f"dynamodb:PartiQL{each['op'].capitalize()}",
            f"{tables}/{each['table']}" + (f"/index/{each['index']}" if each.get("index") else ""),
        )
        for each in _parsed(_decoded(body))
    ]


def with_leading_keys(body: bytes) -> dict[str, Any]:
    """Return a DynamoDB request's condition keys with the values of the partition keys that it names."""
    context: dict[str, Any] = _dynamodb_service_context(body)
    # As on AWS there is no such key for a request that names none, such as a scan.
    values = [str(next(iter(value.values()))) for _, value in _partition_keys(_decoded(body))]
    return context | ({"dynamodb:LeadingKeys": values} if values else {})


def _decoded(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _partition_keys(request: dict[str, Any]) -> Iterator[Key]:
    """Yield the partition keys of items, wherever in a request they are."""
    if "TableName" in request:
        yield from _of_table(request["TableName"], request)
    for table, asked in request.get("RequestItems", {}).items():
        for each in asked["Keys"] if isinstance(asked, dict) else asked:
            yield from _of_table(table, each if not isinstance(asked, dict) else {"Key": each})
    for item in request.get("TransactItems", []):
        for member in item.values():
            yield from _of_table(member["TableName"], member)
    for each in _parsed(request):
        name = _partition_key(each["table"])
        if name in (item := _inserted(each)):
            yield each["table"], item[name]
        for attribute, operator, value in each.get("conditions") or []:
            if attribute == name and operator == "=":
                yield each["table"], value


def _of_table(table: str, request: dict[str, Any]) -> Iterator[Key]:
    """Yield the partition keys in one operation on a table, or in one write of a batch."""
    name = _partition_key(table, request.get("IndexName"))
    for part in (request, *(request.get(kind, {}) for kind in ("PutRequest", "DeleteRequest"))):
        for item in (part.get("Key"), part.get("Item")):
            if item and name in item:
                yield table, item[name]
    if value := _queried(request, name):
        yield table, value


def _queried(request: dict[str, Any], name: str) -> Any:
    """Return the partition key that a query's condition names."""
    names, values = (request.get(f"ExpressionAttribute{kind}", {}) for kind in ("Names", "Values"))
    for condition in request.get("KeyConditionExpression", "").split(" AND "):
        left, _, right = (part.strip(" ()") for part in condition.partition("="))
        if names.get(left, left) == name:
            return values.get(right)
    return None


def _partition_key(table: str, index: str | None = None) -> str:
    """Return the name of a table's partition key, or of an index's; nothing for one that does not exist."""
    found = dynamodb._tables.get(table.rpartition("/")[2]) or {}
    indexes = found.get("GlobalSecondaryIndexes") or []
    schemas = [each["KeySchema"] for each in indexes if each["IndexName"] == index]
    for schema in (*schemas, found.get("KeySchema", [])):
        for each in schema:
            if each["KeyType"] == "HASH":
                return str(each["AttributeName"])
    return ""


def _parsed(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the PartiQL statements of a request; DynamoDB itself refuses those that cannot be read."""
    alone = [request] if "Statement" in request else []
    for each in alone + request.get("Statements", []) + request.get("TransactStatements", []):
        try:
            yield dynamodb._parse_partiql(each["Statement"], each.get("Parameters", []))
        except ValueError:
            continue


def _inserted(statement: dict[str, Any]) -> dict[str, Any]:
    item: dict[str, Any] = statement.get("item") or {}
    return item["M"] if set(item) == {"M"} else item
