"""Count a broadcast's pushes by outcome, in the ledger's index."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from kii_push.common import table
from kii_push.errors import Outcome

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# `sent` comes first and what lapsed in flight last: a push that ends meanwhile is missed rather than counted
# twice, so that nothing looks done too early.
_COUNTED = (
    Outcome.SENT,
    Outcome.REJECTED,
    Outcome.NOT_SENT,
    Outcome.EXHAUSTED,
    Outcome.UNKNOWN,
    Outcome.EXPIRED,
    Outcome.CANCELLED,
)


def count(client: "DynamoDBClient", table_name: str, broadcast_id: str) -> dict[str, int]:
    """Return the number of the broadcast's pushes that came to each outcome.

    A push whose sender can no longer be alive (`heldUntil`) is `unknown`, as Ledger.find says.

    DynamoDB reads 1 MB at a time, about 10,000 pushes: a million are six such pages per shard, and the shards
    are read side by side. That is enough for some ten million within the 28 s that the API has.
    """
    # As many as aws.py's pool has connections.
    with ThreadPoolExecutor(table.BROADCAST_SHARDS) as threads:
        shards = threads.map(
            lambda shard: _count(client, table_name, table.shard_name(broadcast_id, shard)),
            range(table.BROADCAST_SHARDS),
        )
        total = sum(shards, Counter[str]())
    return {str(outcome): total[outcome] for outcome in _COUNTED}


def _count(client: "DynamoDBClient", table_name: str, key: str) -> Counter[str]:
    def matching(outcome: str, values: dict[str, Any], **more: str) -> int:
        pages = client.get_paginator("query").paginate(
            TableName=table_name,
            IndexName=table.BROADCAST_INDEX,
            KeyConditionExpression="broadcastShard = :key AND outcome = :outcome",
            ExpressionAttributeValues={":key": {"S": key}, ":outcome": {"S": outcome}, **values},
            Select="COUNT",
            **more,  # type: ignore[arg-type]
        )
        return sum(page["Count"] for page in pages)

    counts = Counter({str(outcome): matching(outcome, {}) for outcome in _COUNTED})
    now = {":now": {"N": str(int(time.time()))}}
    counts[Outcome.UNKNOWN] += matching(table.IN_FLIGHT, now, FilterExpression="heldUntil <= :now")
    return counts
