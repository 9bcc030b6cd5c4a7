"""The deployed API keeps what its published document says, whatever it is asked: schemathesis asks."""

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, Phase, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance, unsupported_method

from local.access_key import access_key
from local.settings import REGION, ROOT

if TYPE_CHECKING:
    from local.stack import LocalStack
    from tests.support import Sandbox

DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text())
# The signature is not schemathesis's to make up or leave out: test_api.py sends unsigned calls.
CONFIG = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
# One scope stands for the others, one send for the others, and a broadcast would go on into other tests.
ASKED = (
    schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)
    .exclude(path_regex="^/(groups|things)/")
    .exclude(operation_id=["sendToTopic", "sendToTopicInUser", "startBroadcast"])
)
EXCLUDED = [
    ignored_auth,
    # Kii's rules go beyond what a schema can say: sizes, reserved keys, what there is.
    positive_data_acceptance,
    # API Gateway answers 403 for a method it does not serve.
    unsupported_method,
]


class Signed(requests.auth.AuthBase):
    """Signs a request for the local stack's API."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        key = access_key()
        # requests writes a blank as `+`, which a signature takes for a plus sign.
        request.url = (request.url or "").replace("+", "%20")
        signed = AWSRequest(request.method, request.url, data=request.body)
        SigV4Auth(Credentials(key.id, key.secret), "execute-api", REGION).add_auth(signed)
        request.headers.update(dict(signed.headers))
        return request


@ASKED.parametrize()
# With a parameter of pytest's schemathesis puts the operation into the test's ID; else all have the same.
@pytest.mark.parametrize("auth", [Signed()], ids=["signed"])
@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_an_operation_answers_as_the_document_says(
    case: schemathesis.Case[Any],
    auth: Signed,
    stack: "LocalStack",
    sandbox: "Sandbox",  # noqa: ARG001 (empty before)
) -> None:
    case.call_and_validate(base_url=stack.api_url, auth=auth, excluded_checks=EXCLUDED)
