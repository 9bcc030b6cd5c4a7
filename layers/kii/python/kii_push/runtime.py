"""What a function makes once per environment, from its environment variables."""

import os

from kii_push.client import KiiClient, http_client
from kii_push.secrets import CredentialsSource, secrets_manager


def kii_client() -> KiiClient:
    """Return the client for the app in the secret KII_SECRET_ID; nothing is looked up before its first call.

    To be called while a module loads: importing and TLS set-up then fall into Lambda's INIT phase, which has
    a full CPU whatever the memory size.
    """
    return KiiClient(CredentialsSource(os.environ["KII_SECRET_ID"], secrets_manager()), http_client())
