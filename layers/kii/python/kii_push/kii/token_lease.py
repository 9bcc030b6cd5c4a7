"""The lease on the shared token: whoever holds it logs in, and the others wait. One item of the table.

Its attributes: `holder` and `heldUntil` (Unix seconds); `version`, the version of the secret that holds the
latest token; `failedUntil` (Unix seconds) and `failedCredentials` (a fingerprint) after a failed login.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kii_push.common import aws, table
from kii_push.errors import LedgerError, LoginFailed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

# Longer than a login, which takes 13 s at most. If its holder dies, the others wait so long.
LEASE_SECONDS = 15
# A login that failed is not repeated for so long.
FAILURE_SECONDS = 10

# Many environments ask for the one item at a time. The lease is not free then, but the table works.
_THROTTLED = {"ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"}


@dataclass(frozen=True)
class Lease:
    """The right to log in. `version` is that of the token that the last holder stored."""

    holder: str
    version: str | None


class TokenLease:
    """Takes the lease and gives it back. Every method raises LedgerError if the table cannot be used."""

    def __init__(
        self, client: "DynamoDBClient", table_name: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._clock = clock

    def take(self, credentials: str) -> Lease | None:
        """Return the lease, None while another environment holds it.

        Raises LoginFailed if a login with these `credentials` (a fingerprint) failed a moment ago.
        """
        holder = uuid.uuid4().hex
        now = int(self._clock())
        try:
            with aws.failing_as(LedgerError, "the ledger"):
                item = self._taken(holder, credentials, now)
        except LedgerError as error:
            if error.aws_code in _THROTTLED:
                return None
            raise
        # boto3 repeats a call whose answer does not come. Then our own lease is what is in the way.
        if table.text(item, "holder") == holder:
            return Lease(holder, table.text(item, "version"))
        if table.number(item, "failedUntil") > now and table.text(item, "failedCredentials") == credentials:
            raise login_failed_recently(table.number(item, "failedUntil") - now)
        return None

    def release(self, lease: Lease, *, version: str | None, failed: str | None) -> None:
        """Give the lease back, unless it ran out and someone else has it.

        `version` is that of the latest token; `failed` is the fingerprint of credentials that did not do.
        """
        values = {
            ":holder": {"S": lease.holder},
            ":expires": table.expires(days=table.LEASE_DAYS),
        }
        changes = ["expires = :expires"]
        removed = ["holder", "heldUntil"]
        if version is not None:
            changes.append("version = :version")
            values[":version"] = {"S": version}
        if failed is None:
            removed += ["failedUntil", "failedCredentials"]
        else:
            changes.append("failedUntil = :until, failedCredentials = :failed")
            values[":until"] = {"N": str(int(self._clock()) + FAILURE_SECONDS)}
            values[":failed"] = {"S": failed}
        with aws.failing_as(LedgerError, "the ledger"):
            try:
                self._client.update_item(
                    TableName=self._table_name,
                    Key=table.lease_key(),
                    UpdateExpression=f"SET {', '.join(changes)} REMOVE {', '.join(removed)}",
                    ConditionExpression="holder = :holder",
                    ExpressionAttributeValues=values,
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return

    def _taken(self, holder: str, credentials: str, now: int) -> table.Item:
        """Try to take the lease; return the item as it is then, whoever holds it."""
        try:
            answer = self._client.update_item(
                TableName=self._table_name,
                Key=table.lease_key(),
                UpdateExpression="SET holder = :holder, heldUntil = :until, expires = :expires",
                ConditionExpression="(attribute_not_exists(heldUntil) OR heldUntil <= :now) AND "
                "(attribute_not_exists(failedUntil) OR failedUntil <= :now "
                "OR failedCredentials <> :credentials)",
                ExpressionAttributeValues={
                    ":holder": {"S": holder},
                    ":until": {"N": str(now + LEASE_SECONDS)},
                    ":now": {"N": str(now)},
                    ":credentials": {"S": credentials},
                    ":expires": table.expires(days=table.LEASE_DAYS),
                },
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except self._client.exceptions.ConditionalCheckFailedException as refused:
            return table.item_that_refused(refused)
        return answer["Attributes"]


def login_failed_recently(seconds: int) -> LoginFailed:
    """Return the error in place of a login that is not tried again before so many seconds have passed."""
    error = LoginFailed(f"a login failed a moment ago; the next one is in {seconds} s")
    error.retry_after = seconds
    return error
