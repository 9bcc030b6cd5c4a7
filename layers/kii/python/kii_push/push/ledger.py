"""The ledger: which push came to which outcome, so that none is sent twice. A DynamoDB table.

An item (`common.table.push_key`) holds no message text and no target: `fingerprint` is a hash of both.
docs/architecture.md lists its attributes ("The ledger's items") and who may change what ("States").
"""

import contextlib
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from msgspec import Struct

from kii_push.common import aws, observability, table
from kii_push.common.decode import wire_name
from kii_push.errors import (
    Cancelled,
    DoubtRemains,
    Exhausted,
    IDConflict,
    InFlight,
    LedgerError,
    NoAnswer,
    Outcome,
    PushError,
)
from kii_push.kii.objects import ObjectWrite
from kii_push.push.request import Door, PushRequest

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Timeout of the slowest function that sends: a claim older than this was abandoned.
MAX_SENDER_SECONDS = 60
# Tries that ask Kii; after the last one a push that was not sent is `exhausted`.
MAX_TRIES = 50
# Tries that may have reached Kii: with `onUnknown: resend` a push arrives this often at most.
MAX_DOUBTS = 3
# Put back, an exhausted push has all its tries again; the others leave the ID to another push.
_ENDS_THE_TRIES = frozenset({Outcome.EXHAUSTED, Outcome.REJECTED, Outcome.EXPIRED})
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

    `doubt`: an earlier try, which is now repeated, may have reached Kii. `tries` counts this one.
    """

    push_id: str
    token: str
    doubt: bool = False
    tries: int = 1


class PushRecord(Struct, frozen=True, rename=wire_name, omit_defaults=True):
    """What the ledger knows of a push. Times are ISO 8601.

    `outcome` is an Outcome, but never `duplicate`, which belongs to a call; or the state of a push that has
    none yet: `scheduled` or `in_flight`. `attempts` counts the times it was begun. `sender` is the caller's
    ARN by HTTPS, the sender ID that SQS gives for a queue message, and absent for a schedule.
    """

    id: str
    outcome: Literal[
        "scheduled",
        "in_flight",
        "sent",
        "rejected",
        "not_sent",
        "exhausted",
        "unknown",
        "expired",
        "cancelled",
    ]
    attempts: int
    updated_at: str
    created_at: str | None = None
    door: Door | None = None
    sender: str | None = None
    push_message_id: str | None = None
    object_id: str | None = None
    error_code: str | None = None
    reason: str | None = None


class Ledger:
    """Claims pushes and records how they end. Safe to share between threads.

    `in_flight_seconds` is how long a claim holds: longer than any function that sends can live. `days` is how
    long an outcome is kept. Every method but `record` raises LedgerError if the table cannot be used.
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

        Raises IDConflict if the ID was used for another push, InFlight while someone else is sending it,
        Cancelled if it was cancelled, and DoubtRemains if an earlier try ended `unknown` and the request does
        not say `onUnknown: resend`, or MAX_DOUBTS tries did.
        """
        token = uuid.uuid4().hex
        now = int(time.time())
        try:
            claimed, held = self._put_claim(token, request, now)
        except LedgerError as error:
            self._give_back(request.id, token, error)
            raise
        if claimed:
            doubt = table.text(held, "outcome") in {Outcome.UNKNOWN, table.IN_FLIGHT}
            return Claim(request.id, token, doubt, tries=table.number(held, "tries") + 1)
        # boto3 repeats a call whose answer does not come. Then our own claim is in the way. Its own doubt is
        # counted already; any other is of an earlier try.
        if table.text(held, "claim") == token:
            return Claim(
                request.id, token, doubt=table.number(held, "doubts") > 1, tries=table.number(held, "tries")
            )
        return self._held(request, held, now)

    def record(self, request: PushRequest, claim: Claim, end: Receipt | PushError) -> Receipt | PushError:
        """Record how the push ended; return the end that is on record.

        After a try that may have reached Kii the push stays `unknown` unless a later one is `sent`: that Kii
        refused the later one says nothing about the first. The MAX_TRIES-th that was not sent is `exhausted`,
        except by HTTPS, where the caller decides whether to retry. A claim that was lost changes nothing. If
        the table cannot be used, that is logged: the claim lapses, and the push is then `unknown`.
        """
        final = _final(request, claim, end)
        try:
            self._record(claim, end, final)
        except LedgerError as error:
            observability.unsettled(claim.push_id, final.outcome, error)
        return final

    def reject(self, push_id: str, broadcast: str, error: PushError) -> None:
        """Record as `rejected` a push of a broadcast for which no request can be made."""
        values = {
            ":rejected": {"S": Outcome.REJECTED},
            ":reason": {"S": error.reason},
            ":shard": {"S": table.broadcast_shard(broadcast, push_id)},
            ":now": table.now(),
            ":expires": table.expires(days=self._days),
            ":one": {"N": "1"},
            ":v": {"N": str(table.PUSH_VERSION)},
        }
        changes = (
            "SET outcome = :rejected, reason = :reason, broadcastShard = :shard, updatedAt = :now,"
            " createdAt = :now, expires = :expires, v = :v ADD attempts :one"
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
            attempts=table.number(item, "attempts"),
            updated_at=item["updatedAt"]["S"],
            created_at=table.text(item, "createdAt"),
            door=cast("Any", table.text(item, "door")),
            sender=table.text(item, "sender"),
            push_message_id=table.text(item, "pushMessageID"),
            object_id=table.text(item, "objectID"),
            error_code=table.text(item, "errorCode"),
            reason=table.text(item, "reason"),
        )

    def _held(self, request: PushRequest, held: Mapping[str, Any], now: int) -> Receipt:
        """Return the receipt of a push that cannot be claimed, or raise why it cannot."""
        outcome = held["outcome"]["S"]
        if table.number(held, "v") > table.PUSH_VERSION:
            # Whether it is the same push, only that release can tell.
            raise InFlight(f"a later release holds the push {request.id}", retry_after=_LOOK_AGAIN_SECONDS)
        if not _is_same(held, request):
            raise IDConflict(f"the id {request.id} was used for another push")
        if outcome == Outcome.SENT:
            object_id = table.text(held, "objectID")
            written = None if object_id is None else ObjectWrite(created=False, object_id=object_id)
            return Receipt(table.text(held, "pushMessageID"), replayed=True, written=written)
        if outcome == Outcome.CANCELLED:
            raise Cancelled(table.text(held, "reason") or f"the push {request.id} was cancelled")
        if outcome not in {table.IN_FLIGHT, Outcome.UNKNOWN}:
            # `scheduled` and not due, or a state that a later release has written.
            raise InFlight(f"the push {request.id} is {outcome}", retry_after=_LOOK_AGAIN_SECONDS)
        left = int(held["heldUntil"]["N"]) - now
        if outcome == table.IN_FLIGHT and left > 0:
            abandoned = self._in_flight_seconds - left > MAX_SENDER_SECONDS
            wait = left if abandoned else min(left, _LOOK_AGAIN_SECONDS)
            raise InFlight(f"the push {request.id} is being sent", retry_after=wait)
        times = "an earlier try of this push may"
        if request.on_unknown == "resend":
            times = f"{table.number(held, 'doubts')} tries of this push may"
        error = DoubtRemains(f"{times} have reached Kii")
        if outcome == table.IN_FLIGHT:
            # The sender that held the claim died before it recorded the end.
            self._record(Claim(request.id, held["claim"]["S"]), error, error)
        raise error

    def _give_back(self, push_id: str, token: str, error: LedgerError) -> None:
        """End a claim that the table may have and gave no answer to. Nothing was sent, which only we know.

        A push that was in doubt before stays so.
        """
        with contextlib.suppress(LedgerError):
            self._record(Claim(push_id, token), error, error, without_doubt=True)

    def _record(
        self,
        claim: Claim,
        end: Receipt | PushError,
        final: Receipt | PushError,
        *,
        without_doubt: bool = False,
    ) -> None:
        """Record the end if the claim still holds; `without_doubt`: and no earlier try is in doubt."""
        values = {
            ":outcome": {"S": str(final.outcome)},
            ":now": table.now(),
            ":claim": {"S": claim.token},
            ":in_flight": {"S": table.IN_FLIGHT},
        }
        changes = "SET outcome = :outcome, updatedAt = :now"
        facts: dict[str, str | None]
        if isinstance(final, Receipt):
            object_id = final.written.object_id if final.written else None
            facts = {"pushMessageID": final.push_message_id, "objectID": object_id}
        else:
            facts = {"errorCode": final.error_code, "reason": final.reason}
        for name, value in facts.items():
            if value is not None:
                changes += f", {name} = :{name}"
                values[f":{name}"] = {"S": value}
        # The claim counted a try, and that it may have reached Kii: what is not true is taken back.
        wrong = [] if end.outcome == Outcome.UNKNOWN else ["doubts"]
        if final.outcome in _ENDS_THE_TRIES:
            changes += ", tries = :none"
            values[":none"] = {"N": "0"}
        elif not isinstance(end, Receipt) and not end.is_try:
            wrong.append("tries")
        if wrong:
            changes += " ADD " + ", ".join(f"{name} :minus_one" for name in wrong)
            values[":minus_one"] = {"N": "-1"}
        own = "claim = :claim AND outcome = :in_flight"
        if without_doubt:
            own += " AND doubts = :one"
            values[":one"] = {"N": "1"}
        self._update(claim.push_id, changes, own, values)

    def _put_claim(self, token: str, request: PushRequest, now: int) -> tuple[bool, Mapping[str, Any]]:
        """Take the claim if the push is new, or open and the same; return as `_update`."""
        condition, values = _claimable(request, now)
        values |= {
            ":claim": {"S": token},
            ":until": {"N": str(now + self._in_flight_seconds)},
            ":expires": table.expires(days=self._days),
            ":now": table.now(),
            ":one": {"N": "1"},
        }
        changes = (
            "SET fingerprint = :fingerprint, v = :v, outcome = :in_flight, claim = :claim,"
            " heldUntil = :until, expires = :expires, updatedAt = :now,"
            " createdAt = if_not_exists(createdAt, :now)"
        )
        # What another push may have left under an ID that it did not need.
        stale = ["errorCode", "reason"]
        if request.broadcast:
            changes += ", broadcastShard = :shard"
            values[":shard"] = {"S": table.broadcast_shard(request.broadcast, request.id)}
        else:
            stale.append("broadcastShard")
        origin = request.origin
        if origin:
            changes += ", door = :door"
            values[":door"] = {"S": origin.door}
        if origin and origin.sender:
            changes += ", sender = :sender"
            values[":sender"] = {"S": origin.sender}
        elif not (origin and (origin.redriven or origin.door == "broadcast")):
            # A dead letter that does not name its sender is still that sender's push.
            stale.append("sender")
        changes += f" REMOVE {', '.join(stale)} ADD attempts :one, tries :one, doubts :one"
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
                return False, table.item_that_refused(error)
        return True, answer.get("Attributes", {})


def _claimable(request: PushRequest, now: int) -> tuple[str, dict[str, Any]]:
    """Return the condition on an item that lets the push be begun, and the values in it."""
    values: dict[str, Any] = {
        ":fingerprint": {"S": request.fingerprint},
        ":before_v": {"S": request.fingerprint_before_v},
        ":v": {"N": str(table.PUSH_VERSION)},
        ":in_flight": {"S": table.IN_FLIGHT},
        ":scheduled": {"S": table.SCHEDULED},
        ":rejected": {"S": Outcome.REJECTED},
        ":expired": {"S": Outcome.EXPIRED},
        ":not_sent": {"S": Outcome.NOT_SENT},
        ":exhausted": {"S": Outcome.EXHAUSTED},
        ":time": {"N": str(now)},
    }
    same = "(v = :v AND fingerprint = :fingerprint) OR (attribute_not_exists(v) AND fingerprint = :before_v)"
    is_open = "outcome IN (:not_sent, :exhausted) OR (outcome = :scheduled AND dueAt <= :time)"
    if request.on_unknown == "resend":
        in_doubt = "outcome = :unknown OR (outcome = :in_flight AND heldUntil <= :time)"
        is_open += f" OR (({in_doubt}) AND (attribute_not_exists(doubts) OR doubts < :max_doubts))"
        values |= {":unknown": {"S": Outcome.UNKNOWN}, ":max_doubts": {"N": str(MAX_DOUBTS)}}
    # `rejected` and `expired` prove that Kii never accepted it, so another push may use the ID.
    free = "attribute_not_exists(pk) OR outcome IN (:rejected, :expired)"
    return f"{free} OR (({same}) AND ({is_open}))", values


def _is_same(held: Mapping[str, Any], request: PushRequest) -> bool:
    """Say whether an item is of this very push."""
    fingerprint = request.fingerprint if "v" in held else request.fingerprint_before_v
    return table.text(held, "fingerprint") == fingerprint


def _final(request: PushRequest, claim: Claim, end: Receipt | PushError) -> Receipt | PushError:
    """Return what an end amounts to, with what was there before."""
    if isinstance(end, Receipt) or end.outcome == Outcome.UNKNOWN:
        return end
    is_by_https = request.origin is None or request.origin.door == "https"
    tries_are_left = claim.tries < MAX_TRIES or not end.is_try or is_by_https
    if claim.doubt:
        kind = NoAnswer if end.outcome == Outcome.NOT_SENT and tries_are_left else DoubtRemains
        unknown = kind(f"{end.reason}; an earlier try may have reached Kii")
        unknown.error_code, unknown.retry_after = end.error_code, end.retry_after
        return unknown
    if end.outcome == Outcome.NOT_SENT and not tries_are_left:
        return Exhausted(f"{end.reason}; this was try {claim.tries}")
    return end
