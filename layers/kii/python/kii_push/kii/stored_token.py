"""The admin token that all environments share, in a Secrets Manager secret of its own."""

from typing import TYPE_CHECKING, Annotated

import msgspec

from kii_push.common import aws
from kii_push.common.decode import ready
from kii_push.errors import Outcome, PushError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

# A token is not used for this long before its end, so that it does not expire on the way.
MARGIN_SECONDS = 60
# A token is due for replacement when this part of its use is over. The rest is for trying.
_DUE_FRACTION = 0.9


class SharedTokenError(PushError):
    """The token cannot be shared, so this environment logs in by itself."""

    outcome = Outcome.NOT_SENT
    retry_after = 10


class Token(msgspec.Struct, frozen=True, rename="camel"):
    """An admin token, and the fingerprint of the `credentials` it was minted with. Times are Unix seconds."""

    # RFC 6750 2.1, without which the token would not fit into a header.
    value: Annotated[str, msgspec.Meta(pattern=r"\A[\x21-\x7e]{1,4096}\Z")]
    credentials: str
    minted_at: float
    expires_at: float

    def __repr__(self) -> str:
        return f"Token(minted_at={self.minted_at}, expires_at={self.expires_at})"

    @property
    def usable_until(self) -> float:
        """When it is not used any more."""
        # If it lives shorter than the margin, half its life; otherwise every send would log in.
        return max(self.expires_at - MARGIN_SECONDS, (self.minted_at + self.expires_at) / 2)

    @property
    def due_at(self) -> float:
        """When one environment replaces it, while the others still use it."""
        return self.minted_at + (self.usable_until - self.minted_at) * _DUE_FRACTION

    def replaces(self, rejected: "Token | None") -> bool:
        """Say whether Kii may take this token where it rejected that one: an older one it rejects, too."""
        return rejected is None or (self.value != rejected.value and self.minted_at >= rejected.minted_at)


class StoredToken:
    """Reads and writes the secret. Raises SharedTokenError if Secrets Manager refuses or does not answer."""

    def __init__(self, client: "SecretsManagerClient", secret_id: str) -> None:
        self._client = client
        self._secret_id = secret_id

    def read(self, version: str | None = None) -> Token | None:
        """Return the current token, or the one of this version; None if there is none that can be read."""
        which = {} if version is None else {"VersionId": version}
        with aws.failing_as(SharedTokenError, f"the secret {self._secret_id}"):
            try:
                answer = self._client.get_secret_value(SecretId=self._secret_id, **which)
            except self._client.exceptions.ResourceNotFoundException:
                # Nothing was written yet. If the secret itself is missing, writing says so.
                return None
        try:
            return msgspec.json.decode(answer.get("SecretString", ""), type=ready(Token))
        except ValueError:
            return None

    def write(self, token: Token) -> str:
        """Make this the current token; return its version."""
        with aws.failing_as(SharedTokenError, f"the secret {self._secret_id}"):
            answer = self._client.put_secret_value(
                SecretId=self._secret_id, SecretString=msgspec.json.encode(token).decode()
            )
        return answer["VersionId"]
