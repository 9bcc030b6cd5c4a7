"""The one DynamoDB table: the keys, states and lifetimes of its items.

| `pk` | Holds | Written by | Read by too | Kept for |
| --- | --- | --- | --- | --- |
| `push#ID` | what became of a push | `push.ledger` | `broadcast.progress` | `LedgerDays` |
| `broadcast#ID` | how far a broadcast is | `broadcast.store` | `push.stop_switch` | `LedgerDays` |
| `rate#SECOND` | pushes begun in a second | `push.throttle` | | RATE_SECONDS |
| `breaker#kii` | whether the breaker is open | Powertools, for `push.throttle` | | an hour unchanged |
| `calls#YYYY-MM` | calls of Kii in a month (UTC) | `common.calls` | | CALLS_DAYS |
| `lease#token` | who is logging in for all | `kii.token_lease` | | LEASE_DAYS |

Every item ends by its attribute `expires` (Unix seconds), which is the table's TTL attribute.
docs/architecture.md lists the attributes.
"""

import time
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, cast

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

# How long the items that are not pushes or broadcasts are kept.
RATE_SECONDS = 3600
CALLS_DAYS = 400
LEASE_DAYS = 1

# A push's `outcome` before it has one: accepted for later, and claimed by a sender.
SCHEDULED: Final = "scheduled"
IN_FLIGHT: Final = "in_flight"
# The attribute `v` of a push: which fingerprint it has. Items of release 0.1.0 have none.
PUSH_VERSION = 2
# A broadcast's `phase`.
Phase = Literal["accepted", "queueing", "queued", "stopped", "failed"]

BREAKER_PK = "breaker#kii"
# The sparse index of the pushes that belong to a broadcast.
BROADCAST_INDEX = "broadcast"
# A push writes to the index about three times, and DynamoDB takes 1,000 writes a second for one key. One
# shard would limit a broadcast to 330 pushes a second; these allow 5,000.
BROADCAST_SHARDS = 16

_DAY_SECONDS = 86_400

type Key = dict[str, Any]
type Item = Mapping[str, Any]


def push_key(push_id: str) -> Key:
    """Return the key of a push."""
    return _key(f"push#{push_id}")


def broadcast_key(broadcast_id: str) -> Key:
    """Return the key of a broadcast."""
    return _key(f"broadcast#{broadcast_id}")


def rate_key(second: int) -> Key:
    """Return the key of the pushes begun in one Unix second."""
    return _key(f"rate#{second}")


def calls_key() -> Key:
    """Return the key of the calls of Kii in this month (UTC)."""
    return _key(f"calls#{datetime.now(UTC):%Y-%m}")


def lease_key() -> Key:
    """Return the key of the lease on the shared admin token."""
    return _key("lease#token")


def broadcast_shard(broadcast_id: str, push_id: str) -> str:
    """Return the index key under which a push of a broadcast is counted."""
    return shard_name(broadcast_id, zlib.crc32(push_id.encode()) % BROADCAST_SHARDS)


def shard_name(broadcast_id: str, shard: int) -> str:
    """Return the index key of one of a broadcast's shards."""
    return f"{broadcast_id}#{shard}"


def expires(*, days: int = 0, seconds: int = 0) -> dict[str, str]:
    """Return the attribute value for an item that is kept so long from now."""
    return {"N": str(int(time.time()) + days * _DAY_SECONDS + seconds)}


def now() -> dict[str, str]:
    """Return the attribute value for this moment: ISO 8601, to the millisecond."""
    return {"S": datetime.now(UTC).isoformat(timespec="milliseconds")}


def text(item: Item, name: str) -> str | None:
    """Return an item's attribute that holds text, None if it has none of this name."""
    return item[name]["S"] if name in item else None


def number(item: Item, name: str) -> int:
    """Return an item's attribute that holds a whole number, 0 if it has none of this name."""
    return int(item[name]["N"]) if name in item else 0


def item_that_refused(error: "ClientError") -> Item:
    """Return the item for which a condition did not hold, for a write that asked for ALL_OLD then.

    It is empty if there is no such item any more.
    """
    # boto3 puts the item beside the error, where its stubs do not expect it.
    return cast("Item", cast("dict[str, Any]", error.response).get("Item", {}))


def _key(pk: str) -> Key:
    return {"pk": {"S": pk}}
