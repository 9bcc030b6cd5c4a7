"""The gate in front of Kii, shared by all environments: a breaker for its 429, and a rate of our own."""

import math
import os
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

from kii_push.common import aws
from kii_push.errors import BreakerOpen, KiiError, LedgerError, RateExceeded, TooManyRequests

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.circuit_breaker.states import CircuitInfo
    from mypy_boto3_dynamodb import DynamoDBClient

# Seconds that nobody asks Kii after a 429, and after which one sender probes.
RECOVERY = 30
# Seconds that an environment may go on before it sees that another one opened the breaker.
STATE_AGE = 1
# Seconds after which to come back while somebody probes.
PROBE = 5
# Seconds that a push waits for room in the rate before it is given back.
LONGEST_WAIT = 3

type Send[T] = Callable[[], T]


class _Store(CircuitBreakerDynamoDBPersistence):
    """Powertools' store, which lets an error of the table's through when a prober is elected."""

    def try_acquire_half_open(self, name: str, owner: str, opened_at: int) -> bool:
        try:
            return super().try_acquire_half_open(name, owner, opened_at)
        except (ClientError, BotoCoreError):
            # Nobody knows who may probe, so this one does not: its push is not sent, and comes back.
            return False


class Gate:
    """Lets a send through, or raises BreakerOpen or RateExceeded. Safe to share between threads.

    The breaker opens for everyone at the first 429: Kii asks not to retry (fact sheet 9.5). `per_second` is
    the bundle's rate over all environments; 0 is no limit. Both live in the ledger's table. Of each second's
    places broadcasts leave a fifth to single pushes, which somebody may be waiting for.
    """

    def __init__(self, client: "DynamoDBClient", table: str, per_second: int) -> None:
        self._client = client
        self._table = table
        self._per_second = per_second
        self._guarded = circuit_breaker(
            name="breaker#kii",
            persistence_store=_Store(table, key_attr="pk", expiry_attr="expires", boto3_client=client),
            config=CircuitBreakerConfig(
                failure_threshold=1,
                success_threshold=1,
                recovery_timeout=RECOVERY,
                handled_exceptions=TooManyRequests,
                local_cache_max_age=STATE_AGE,
            ),
            on_circuit_open=_refuse,
        )(self._at_our_rate)

    def send[T](self, send: Send[T], *, broadcast: bool = False) -> T:
        """Call `send` and return what it returns, unless the breaker is open or the rate is used up.

        `broadcast`: it is one push of many. Raises BreakerOpen, RateExceeded, LedgerError if the rate cannot
        be read, and what `send` raises.
        """
        places = max(1, self._per_second * 4 // 5) if broadcast else self._per_second
        sent: T | KiiError = self._guarded(send, places)
        if isinstance(sent, KiiError):
            raise sent
        return sent

    def _at_our_rate[T](self, send: Send[T], places: int) -> T | KiiError:
        deadline = time.monotonic() + LONGEST_WAIT
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
            # Whatever Kii thinks of this push, it takes calls: a probe that is answered closes the breaker.
            return answered

    def _take_place(self, second: int, places: int) -> bool:
        """Count one push in this second; return False if so many have a place in it."""
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": f"rate#{second}"}},
                UpdateExpression="SET expires = :expires ADD used :one",
                ConditionExpression="attribute_not_exists(used) OR used < :limit",
                ExpressionAttributeValues={
                    ":one": {"N": "1"},
                    ":limit": {"N": str(places)},
                    ":expires": {"N": str(second + 3600)},
                },
            )
        except self._client.exceptions.ConditionalCheckFailedException:
            return False
        except (ClientError, BotoCoreError) as error:
            raise LedgerError(f"the rate cannot be read: {type(error).__name__}") from None
        return True


def from_environment() -> Gate:
    """Return the gate with the rate PUSHES_PER_SECOND (0: none), in the table LEDGER_TABLE."""
    return Gate(aws.dynamodb(), os.environ["LEDGER_TABLE"], int(os.environ["PUSHES_PER_SECOND"]))


def _refuse(_send: Send[Any], _places: int, *, circuit: "CircuitInfo") -> Any:
    opened = circuit.opened_at or time.time()
    left = math.ceil(opened + RECOVERY - time.time())
    raise BreakerOpen(left if left > 0 else PROBE)
