"""The throttle in front of Kii, shared by all environments: a breaker for 429, and a rate of our own."""

import math
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.circuit_breaker.circuit_breaker import circuit_breaker
from aws_lambda_powertools.utilities.circuit_breaker.config import CircuitBreakerConfig
from aws_lambda_powertools.utilities.circuit_breaker.persistence.dynamodb import (
    CircuitBreakerDynamoDBPersistence,
)
from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws, table
from kii_push.errors import BreakerOpen, KiiError, LedgerError, RateExceeded, TooManyRequests

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker.states import CircuitInfo
    from mypy_boto3_dynamodb import DynamoDBClient

# How long the breaker stays open after a 429; then one sender probes.
RECOVERY_SECONDS = 30
# An environment notices after this long that another one opened the breaker.
STATE_AGE_SECONDS = 1
# Retry-After while another sender is probing.
PROBE_SECONDS = 5
# How long a push waits for room in the rate before it ends `not_sent`.
MAX_WAIT_SECONDS = 3

type Send[T] = Callable[[], T]


class _Store(CircuitBreakerDynamoDBPersistence):
    """Powertools' store, which does not catch errors of the table when it elects a prober."""

    def try_acquire_half_open(self, name: str, owner: str, opened_at: int) -> bool:
        try:
            return super().try_acquire_half_open(name, owner, opened_at)
        except (ClientError, BotoCoreError):
            # It is unknown who may probe, so this sender does not: its push ends `not_sent` and is retried.
            return False


class Throttle:
    """Lets a send through, or raises BreakerOpen or RateExceeded. Safe to share between threads.

    The breaker opens for all environments at the first 429: Kii asks not to retry
    (docs/kii-push-api.md §9.5). `per_second` is the rate over all environments; 0 means no limit. Both are
    kept in the table. Broadcasts may use 80 % of the rate; the rest is kept for single pushes, whose callers
    are waiting.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str, per_second: int) -> None:
        self._client = client
        self._table_name = table_name
        self._per_second = per_second
        self._guarded = circuit_breaker(
            name=table.BREAKER_PK,
            persistence_store=_Store(table_name, key_attr="pk", expiry_attr="expires", boto3_client=client),
            config=CircuitBreakerConfig(
                failure_threshold=1,
                success_threshold=1,
                recovery_timeout=RECOVERY_SECONDS,
                handled_exceptions=TooManyRequests,
                local_cache_max_age=STATE_AGE_SECONDS,
            ),
            on_circuit_open=_refuse,
        )(self._at_our_rate)

    def send[T](self, send: Send[T], *, broadcast: bool = False) -> T:
        """Call `send` and return what it returns, unless the breaker is open or the rate is used up.

        `broadcast`: the push is one of a broadcast's. Raises BreakerOpen, RateExceeded, LedgerError if the
        rate cannot be read, and what `send` raises.
        """
        places = max(1, self._per_second * 4 // 5) if broadcast else self._per_second
        sent: T | KiiError = self._guarded(send, places)
        if isinstance(sent, KiiError):
            raise sent
        return sent

    def _at_our_rate[T](self, send: Send[T], places: int) -> T | KiiError:
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while self._per_second and not self._take_place(int(time.time()), places):
            wait = 1 - time.time() % 1 + random.uniform(0, 0.2)  # noqa: S311 (no secret)
            if time.monotonic() + wait > deadline:
                raise RateExceeded(f"the rate of {self._per_second} pushes a second is used up")
            time.sleep(wait)
        try:
            return send()
        except TooManyRequests:
            raise
        except KiiError as answered:
            # Whatever Kii says about this push, it takes calls again: an answered probe closes the breaker.
            return answered

    def _take_place(self, second: int, places: int) -> bool:
        """Count one push in this second; return False if `places` pushes are in it already."""
        with aws.failing_as(LedgerError, "the ledger"):
            try:
                self._client.update_item(
                    TableName=self._table_name,
                    Key=table.rate_key(second),
                    UpdateExpression="SET expires = :expires ADD used :one",
                    ConditionExpression="attribute_not_exists(used) OR used < :limit",
                    ExpressionAttributeValues={
                        ":one": {"N": "1"},
                        ":limit": {"N": str(places)},
                        ":expires": table.expires(seconds=table.RATE_SECONDS),
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
        return True


def _refuse(_send: Send[Any], _places: int, *, circuit: "CircuitInfo") -> Any:
    opened = circuit.opened_at or time.time()
    left = math.ceil(opened + RECOVERY_SECONDS - time.time())
    raise BreakerOpen(left if left > 0 else PROBE_SECONDS)
