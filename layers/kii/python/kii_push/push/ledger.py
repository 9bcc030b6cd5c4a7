"""The ledger: which push came to which outcome, so that none is sent twice. A DynamoDB table.

An item (`common.table.push_key`) holds no message text and no target: `fingerprint` is a hash of both.
`outcome` is `in_flight` from the claim until the end is recorded. The other attributes: `claim` (who holds
it), `heldUntil` (Unix seconds when the holder can no longer be alive), `attempts`, `pushMessageID` or
`objectID`, `errorCode`, `reason`, `updatedAt` (ISO 8601), `broadcastShard` (see `table.broadcast_shard`), and
`expires`.
"""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import Struct

from kii_push.common import aws, table
from kii_push.common.decode import wire_name
from kii_push.errors import IDConflict, InFlight, LedgerError, NoAnswer, Outcome, PushError
from kii_push.kii.objects import ObjectWrite
from kii_push.push.request import PushRequest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Timeout of the slowest function that sends: a claim older than this was abandoned.
MAX_SENDER_SECONDS = 60
# Retry-After for a push whose sender may still be alive.
_LOOK_AGAIN_SECONDS = 30


@dataclass(frozen=True)
class Receipt:
    """A push that Kii accepted: now, or `replayed` because it was sent earlier under the same ID.

    Kii's `pushMessageID`, or what it wrote, whose ID alone is kept for a replay; None if Kii did not say.
    """

    push_message_id: str | None = None
    replayed: bool = False
    written: ObjectWrite | None = None

    @property
    def outcome(self) -> Outcome:
        """`sent`, or `duplicate` for a replay."""
        return Outcome.DUPLICATE if self.replayed else Outcome.SENT


@dataclass(frozen=True)
class Claim:
    """The right to send one push, held by one sender until the end is recorded or the claim is too old.

    `doubt`: an earlier try, which is now repeated, may have reached Kii.
    """

    push_id: str
    token: str
    doubt: bool = False


class PushRecord(Struct, frozen=True, rename=wire_name, omit_defaults=True):
    """What the ledger knows of a push. `updated_at` is ISO 8601.

    `outcome` is an Outcome, but never `duplicate`, which belongs to a call; or `in_flight` while there is
    none.
    """

    id: str
    outcome: Literal["in_flight", "sent", "rejected", "not_sent", "unknown", "expired"]
    attempts: int
    updated_at: str
    push_message_id: str | None = None
    object_id: str | None = None
    error_code: str | None = None
    reason: str | None = None


class Ledger:
    """Claims pushes and records how they end. Safe to share between threads.

    `in_flight_seconds` is how long a claim holds: longer than any function that sends can live. `days` is how
    long an outcome is kept. Every method raises LedgerError if the table cannot be used.
    """

    def __init__(
        self, client: "DynamoDBClient", table_name: str, *, in_flight_seconds: int, days: int
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._in_flight_seconds = in_flight_seconds
        self._days = days

    def claim(self, request: PushRequest) -> Claim | Receipt:
        """Return the claim on a push, or the receipt of the time it was sent.

        Raises IDConflict if the ID was used for another push, InFlight while someone else is sending it, and
        NoAnswer if an earlier try ended `unknown` and the request does not say `onUnknown: resend`.
        """
        token = uuid.uuid4().hex
        now = int(time.time())
        claimed, held = self._put_claim(token, request, now)
        if claimed:
            return Claim(
                request.id, token, doubt=_text(held, "outcome") in {Outcome.UNKNOWN, table.IN_FLIGHT}
            )
        # boto3 repeats a call whose answer does not come. Then our own claim is what is in the way; what was
        # there before it can only be guessed.
        if _text(held, "claim") == token:
            return Claim(request.id, token, doubt=_is_repeated(held) and request.on_unknown == "resend")
        outcome = held["outcome"]["S"]
        if held["fingerprint"]["S"] != request.fingerprint:
            raise IDConflict(f"the id {request.id} was used for another push")
        if outcome == Outcome.SENT:
            written = (
                ObjectWrite(created=False, object_id=_text(held, "objectID")) if "objectID" in held else None
            )
            return Receipt(_text(held, "pushMessageID"), replayed=True, written=written)
        left = int(held["heldUntil"]["N"]) - now
        if outcome == table.IN_FLIGHT and left > 0:
            wait = (
                left
                if self._in_flight_seconds - left > MAX_SENDER_SECONDS
                else min(left, _LOOK_AGAIN_SECONDS)
            )
            raise InFlight(f"the push {request.id} is being sent", retry_after=wait)
        error = NoAnswer("an earlier try of this push may have reached Kii")
        if outcome == table.IN_FLIGHT:
            # The sender that held the claim died before it recorded the end.
            self.record(Claim(request.id, held["claim"]["S"]), error)
        raise error

    def record(self, claim: Claim, end: Receipt | PushError) -> bool:
        """Record how the push ended; return False if the claim was no longer held.

        After a try that may have reached Kii the push stays `unknown` unless a later one is `sent`: that Kii
        refused the later one says nothing about the first.
        """
        outcome = Outcome.UNKNOWN if claim.doubt and end.outcome != Outcome.SENT else end.outcome
        values = {":outcome": {"S": str(outcome)}, ":now": table.now()}
        changes = "SET outcome = :outcome, updatedAt = :now"
        facts: dict[str, str | None]
        if isinstance(end, Receipt):
            object_id = end.written.object_id if end.written else None
            facts = {"pushMessageID": end.push_message_id, "objectID": object_id}
        else:
            doubt = "" if outcome == end.outcome else "; an earlier try may have reached Kii"
            facts = {"errorCode": end.error_code, "reason": end.reason + doubt}
        for name, value in facts.items():
            if value is not None:
                changes += f", {name} = :{name}"
                values[f":{name}"] = {"S": value}
        values |= {":claim": {"S": claim.token}, ":in_flight": {"S": table.IN_FLIGHT}}
        recorded, _ = self._update(claim.push_id, changes, "claim = :claim AND outcome = :in_flight", values)
        return recorded

    def reject(self, push_id: str, broadcast: str, error: PushError) -> None:
        """Record as `rejected` a push of a broadcast for which no request can be made."""
        values = {
            ":rejected": {"S": Outcome.REJECTED},
            ":reason": {"S": error.reason},
            ":shard": {"S": table.broadcast_shard(broadcast, push_id)},
            ":now": table.now(),
            ":expires": table.expires(days=self._days),
            ":one": {"N": "1"},
        }
        changes = (
            "SET outcome = :rejected, reason = :reason, broadcastShard = :shard, updatedAt = :now,"
            " expires = :expires ADD attempts :one"
        )
        self._update(push_id, changes, "attribute_not_exists(pk)", values)

    def find(self, push_id: str) -> PushRecord | None:
        """Return what is known of a push, None if nothing is, or no longer."""
        with aws.failing_as(LedgerError, "the ledger"):
            answer = self._client.get_item(
                TableName=self._table_name, Key=table.push_key(push_id), ConsistentRead=True
            )
        item = answer.get("Item")
        if item is None:
            return None
        outcome = item["outcome"]["S"]
        if outcome == table.IN_FLIGHT and int(item["heldUntil"]["N"]) <= time.time():
            outcome = Outcome.UNKNOWN
        return PushRecord(
            id=push_id,
            outcome=cast("Any", outcome),
            attempts=int(item["attempts"]["N"]),
            updated_at=item["updatedAt"]["S"],
            push_message_id=_text(item, "pushMessageID"),
            object_id=_text(item, "objectID"),
            error_code=_text(item, "errorCode"),
            reason=_text(item, "reason"),
        )

    def _put_claim(self, token: str, request: PushRequest, now: int) -> tuple[bool, Mapping[str, Any]]:
        """Take the claim if the push is new, or open and the same; return as `_update`."""
        may_repeat = "outcome IN (:not_sent, :expired)"
        values = {
            ":fingerprint": {"S": request.fingerprint},
            ":in_flight": {"S": table.IN_FLIGHT},
            ":claim": {"S": token},
            ":until": {"N": str(now + self._in_flight_seconds)},
            ":expires": table.expires(days=self._days),
            ":now": table.now(),
            ":one": {"N": "1"},
            ":rejected": {"S": Outcome.REJECTED},
            ":not_sent": {"S": Outcome.NOT_SENT},
            ":expired": {"S": Outcome.EXPIRED},
        }
        if request.on_unknown == "resend":
            may_repeat += " OR outcome = :unknown OR (outcome = :in_flight AND heldUntil <= :time)"
            values |= {":unknown": {"S": Outcome.UNKNOWN}, ":time": {"N": str(now)}}
        changes = (
            "SET fingerprint = :fingerprint, outcome = :in_flight, claim = :claim, heldUntil = :until,"
            " expires = :expires, updatedAt = :now"
        )
        if request.broadcast:
            changes += ", broadcastShard = :shard"
            values[":shard"] = {"S": table.broadcast_shard(request.broadcast, request.id)}
        # `rejected` proves that Kii never accepted it, so the corrected push may reuse the ID.
        condition = (
            "attribute_not_exists(pk) OR outcome = :rejected"
            f" OR (fingerprint = :fingerprint AND ({may_repeat}))"
        )
        changes += " REMOVE errorCode, reason ADD attempts :one"
        return self._update(request.id, changes, condition, values)

    def _update(
        self, push_id: str, changes: str, condition: str, values: dict[str, Any]
    ) -> tuple[bool, Mapping[str, Any]]:
        """Change an item if `condition` holds; return whether it did, and the item as it was before."""
        with aws.failing_as(LedgerError, "the ledger"):
            try:
                answer = self._client.update_item(
                    TableName=self._table_name,
                    Key=table.push_key(push_id),
                    UpdateExpression=changes,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as error:
                # ALL_OLD puts the item beside the error, where boto3's stubs do not expect it.
                return False, cast("dict[str, Any]", error.response)["Item"]
        return True, answer.get("Attributes", {})


def _is_repeated(item: Mapping[str, Any]) -> bool:
    return int(item["attempts"]["N"]) > 1


def _text(item: Mapping[str, Any], name: str) -> str | None:
    return item[name]["S"] if name in item else None
