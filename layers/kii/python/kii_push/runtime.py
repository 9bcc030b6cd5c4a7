"""What a function makes once per environment, from its environment variables.

To be called while `app.py` loads: importing and TLS set-up then fall into Lambda's INIT phase, which has a
full CPU whatever the memory size. Secrets and tokens are looked up at the first push, not before.
"""

import os
from typing import TYPE_CHECKING

from kii_push.common import aws
from kii_push.common.calls import CallCounter
from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource
from kii_push.kii.shared_token import SharedToken
from kii_push.kii.stored_token import StoredToken
from kii_push.kii.token_lease import TokenLease

if TYPE_CHECKING:
    from kii_push.push.delivery import Delivery
    from kii_push.push.ledger import Ledger


def call_counter() -> CallCounter:
    """Return the counter of the calls of Kii, in the table LEDGER_TABLE."""
    return CallCounter(aws.dynamodb(), os.environ["LEDGER_TABLE"])


def kii_client(calls: CallCounter) -> KiiClient:
    """Return the client for the app in the secret KII_SECRET_ID; `calls` counts its calls.

    It shares its token by the secret KII_TOKEN_SECRET_ID and a lease in the table LEDGER_TABLE.
    """
    credentials = CredentialsSource(os.environ["KII_SECRET_ID"], aws.secrets_manager())
    shared = SharedToken(
        StoredToken(aws.secrets_manager(), os.environ["KII_TOKEN_SECRET_ID"]),
        TokenLease(aws.dynamodb(), os.environ["LEDGER_TABLE"]),
    )
    return KiiClient(credentials, http_client(on_request=calls), shared)


def ledger() -> "Ledger":
    """Return the ledger in the table LEDGER_TABLE."""
    from kii_push.push.ledger import Ledger  # noqa: PLC0415 (most functions have no ledger)

    return Ledger(
        aws.dynamodb(),
        os.environ["LEDGER_TABLE"],
        in_flight_seconds=int(os.environ["IN_FLIGHT_SECONDS"]),
        days=int(os.environ["LEDGER_DAYS"]),
    )


def delivery(kii: KiiClient) -> "Delivery":
    """Return the delivery by `kii`, at most PUSHES_PER_SECOND over all environments (0: no limit)."""
    # Functions that only manage topics and devices load none of this.
    from kii_push.push.delivery import Delivery  # noqa: PLC0415
    from kii_push.push.preflight import Preflight  # noqa: PLC0415
    from kii_push.push.stop_switch import StopSwitch  # noqa: PLC0415
    from kii_push.push.throttle import Throttle  # noqa: PLC0415

    table_name = os.environ["LEDGER_TABLE"]
    return Delivery(
        kii,
        ledger(),
        Throttle(aws.dynamodb(), table_name, int(os.environ["PUSHES_PER_SECOND"])),
        StopSwitch(aws.dynamodb(), table_name),
        Preflight.from_settings(os.environ["KII_DEFAULT_NETWORKS"], os.environ["KII_RULES"]),
    )
