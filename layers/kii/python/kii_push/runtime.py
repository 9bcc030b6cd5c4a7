"""The Kii client that a function makes once per environment, from its environment variables.

To be called while a module loads: importing and TLS set-up then fall into Lambda's INIT phase, which has a
full CPU whatever the memory size. Secrets and tokens are looked up at the first push, not before.
"""

import functools
import os

from kii_push.common import aws, calls
from kii_push.kii.client import KiiClient, http_client
from kii_push.kii.credentials import CredentialsSource


@functools.cache
def kii_client() -> KiiClient:
    """Return the client for the app in the secret KII_SECRET_ID."""
    credentials = CredentialsSource(os.environ["KII_SECRET_ID"], aws.secrets_manager())
    return KiiClient(credentials, http_client(on_request=calls.from_environment()))
