"""Sign httpx requests the way an API Gateway with IAM authorisation wants them."""

from collections.abc import Generator

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.access_key import access_key
from local.settings import REGION


class SigV4(httpx.Auth):
    """AWS Signature Version 4 for the service `execute-api`, with the local stack's key."""

    requires_request_body = True

    def __init__(self) -> None:
        key = access_key()
        self._signer = SigV4Auth(Credentials(key.id, key.secret), "execute-api", REGION)

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
