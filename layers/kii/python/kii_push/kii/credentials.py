"""The app's credentials, from one Secrets Manager secret."""

import hashlib
import ipaddress
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from kii_push.common import aws
from kii_push.common.single_flight import SingleFlight
from kii_push.errors import SecretError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# See docs/kii-push-api.md §1.1. Append /apps/{appID}/...
SITES = {
    "us": "https://api.kii.com/api",
    "jp": "https://api-jp.kii.com/api",
    "sg": "https://api-sg.kii.com/api",
    "eu": "https://api-eu.kii.com/api",
    "cn3": "https://api-cn3.kii.com/api",
}
# What would change the path that it stands in is none.
_APP_ID = re.compile(r"(?!\.{1,2}$)[^/\\\s]{1,250}")
# A rotated secret is noticed after this long even if Kii accepts the old one.
MAX_AGE_SECONDS = 300


@dataclass(frozen=True)
class Credentials:
    """The secret's content. `base_url` ends in `/api` without a slash after it."""

    app_id: str
    client_id: str
    client_secret: str = field(repr=False)
    base_url: str

    @property
    def fingerprint(self) -> str:
        """A hash that tells these credentials from all others."""
        said = json.dumps([self.app_id, self.client_id, self.client_secret, self.base_url])
        return hashlib.sha256(said.encode()).hexdigest()


class CredentialsSource:
    """Looks the credentials up once and keeps them for MAX_AGE_SECONDS. Safe to share between threads."""

    def __init__(
        self, secret_id: str, client: "SecretsManagerClient", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._secret_id = secret_id
        self._client = client
        self._clock = clock
        self._known: SingleFlight[tuple[Credentials, float]] = SingleFlight()

    def get(self, *, afresh: bool = False) -> Credentials:
        """Return the credentials, from Secrets Manager if `afresh` or if those at hand are too old.

        Raises SecretError, whose `detail` names the secret, and the key that is missing from it or wrong.
        """
        credentials, _ = self._known.get(
            lambda known: not afresh and self._clock() - known[1] <= MAX_AGE_SECONDS,
            lambda: (self._look_up(), self._clock()),
        )
        return credentials

    def _look_up(self) -> Credentials:
        with aws.failing_as(SecretError, f"the secret {self._secret_id}"):
            answer = self._client.get_secret_value(SecretId=self._secret_id)
        try:
            secret = json.loads(answer.get("SecretString", ""))
        except (ValueError, RecursionError):
            # Without the cause: a JSON error carries the text, and so the secret, with it.
            raise self._error("is not JSON") from None
        if not isinstance(secret, dict):
            raise self._error("is not a JSON object")
        return self._credentials(secret)

    def _credentials(self, secret: dict[str, object]) -> Credentials:
        texts: dict[str, str] = {}
        for key in ("appID", "clientID", "clientSecret"):
            value = secret.get(key)
            if not isinstance(value, str) or not value:
                raise self._error(f"has no {key!r}")
            if not value.isprintable():
                raise self._error(f"has a character in {key!r} that cannot be printed")
            texts[key] = value
        if not _APP_ID.fullmatch(texts["appID"]):
            raise self._error("has an 'appID' that cannot be one")
        base_url = secret.get("baseURL") or SITES.get(str(secret.get("site")).lower())
        if not isinstance(base_url, str) or not base_url.startswith(("https://", "http://")):
            sites = ", ".join(SITES)
            raise self._error(f"has neither a 'baseURL' (http or https) nor a 'site' (one of {sites})")
        base_url = base_url.rstrip("/")
        if not _is_base(base_url):
            raise self._error("has a 'baseURL' that is no URL to put a path behind")
        if base_url.startswith("http://") and not _is_loopback(base_url):
            raise self._error("has a 'baseURL' without TLS that is not on this machine")
        return Credentials(texts["appID"], texts["clientID"], texts["clientSecret"], base_url)

    def _error(self, what: str) -> SecretError:
        return SecretError(f"the secret {self._secret_id} {what}")


def _is_base(url: str) -> bool:
    """Say whether a URL has a host and perhaps a port and a path, and nothing else."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a ValueError if it is none
    except ValueError:
        return False
    plain = parts.hostname and "@" not in parts.netloc and not set("?#\\ ") & set(url)
    return bool(plain) and url.isprintable()


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
