"""Sign requests for an API Gateway with IAM authorisation."""

import os
from collections.abc import Generator
from typing import TYPE_CHECKING

import botocore.session
import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError, ClientError

from kii_push.cli.failure import Failure, Status

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials


class SigV4(httpx.Auth):
    """AWS Signature Version 4 for the service `execute-api`."""

    requires_request_body = True

    def __init__(self, credentials: "Credentials | ReadOnlyCredentials", region: str) -> None:
        """Sign with these credentials for the API of this region."""
        self._signer = SigV4Auth(credentials, "execute-api", region)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        """Add the signature's headers to the request."""
        signed = AWSRequest(
            request.method,
            str(request.url),
            data=request.content,
            headers={"Host": request.url.netloc.decode()},
        )
        self._signer.add_auth(signed)
        request.headers.update(dict(signed.headers))
        yield request


def from_environment(region: str | None) -> SigV4:
    """Return the signature by the credentials that the AWS command line would find, the region too if None.

    Raises Failure if either is not found.
    """
    try:
        session = botocore.session.get_session()
        found = session.get_credentials()
        credentials = found and found.get_frozen_credentials()
        region = region or os.environ.get("AWS_REGION") or session.get_config_variable("region")
    except (BotoCoreError, ClientError) as error:
        raise Failure(f"The AWS settings cannot be used: {error}", status=Status.USAGE) from None
    if credentials is None:
        next_step = "Log in as for the AWS command line, or set AWS_PROFILE."
        raise Failure("There are no AWS credentials to sign with.", next_step, Status.USAGE)
    if region is None:
        raise Failure("The API's region is not known.", "Give it as --region.", Status.USAGE)
    return SigV4(credentials, region)
