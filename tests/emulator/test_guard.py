"""The emulator runs code for who holds its key, and for no web page: a page's requests are played here."""

import io
import json
import zipfile
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.access_key import access_key
from local.settings import REGION

if TYPE_CHECKING:
    from tests.emulator.conftest import Aws

PATH = "/2015-03-31/functions/"
PAGE = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
ROLE = "arn:aws:iam::000000000000:role/any"


def code() -> bytes:
    """Return a function that says that it ran, zipped."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 'ran'\n")
    return file.getvalue()


def new_function(name: str = "evil") -> str:
    return json.dumps(
        {
            "FunctionName": name,
            "Runtime": "python3.13",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": b64encode(code()).decode()},
        }
    )


def signed(aws: "Aws", key: str, secret: str, *, body: str, path: str = PATH, in_query: bool = False) -> Any:
    """Return the request that makes a function, signed with this key."""
    request = AWSRequest("POST", f"{aws.endpoint}{path}", data=body, headers={"Content-Type": "text/plain"})
    auth = SigV4QueryAuth if in_query else SigV4Auth
    auth(Credentials(key, secret), "lambda", REGION).add_auth(request)
    return request.prepare()


def send(request: Any, **headers: str) -> httpx.Response:
    return httpx.post(
        request.url, content=request.body, headers={**request.headers, **headers}, trust_env=False
    )


@pytest.fixture(scope="module", autouse=True)
def _role(aws: "Aws") -> None:
    """The role that a function needs, or none could be made anyhow."""
    aws.client("iam").create_role(RoleName="any", AssumeRolePolicyDocument=TRUST)


@pytest.fixture(autouse=True)
def _no_function_is_made(aws: "Aws") -> Iterator[None]:
    yield
    names = [each["FunctionName"] for each in aws.client("lambda").list_functions()["Functions"]]
    assert "evil" not in names


def test_who_has_the_key_may_make_a_function(aws: "Aws") -> None:
    key = access_key()

    assert send(signed(aws, key.id, key.secret, body=new_function("good"))).status_code == 201

    answer = aws.client("lambda").invoke(FunctionName="good")
    assert json.load(answer["Payload"]) == "ran"


@pytest.mark.parametrize(
    "headers",
    [
        PAGE,
        {"Origin": "null", "Content-Type": "text/plain"},
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_a_page_is_refused_whatever_it_knows(aws: "Aws", headers: dict[str, str]) -> None:
    key = access_key()
    for request in (
        signed(aws, key.id, key.secret, body=new_function()),
        signed(aws, "test", "test", body=new_function()),
    ):
        answer = send(request, **headers)

        assert answer.status_code == 403
        assert "no web page" in answer.text
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_page_is_not_told_that_it_may_ask(aws: "Aws") -> None:
    preflight = {**PAGE, "Access-Control-Request-Method": "POST"}

    answer = httpx.options(f"{aws.endpoint}{PATH}", headers=preflight, trust_env=False)

    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("key", ["test", "", "000000000000", "123456789012", "AKIAIOSFODNN7EXAMPLE"])
@pytest.mark.parametrize("secret", ["test", "right"])
@pytest.mark.parametrize("in_query", [False, True], ids=["header", "query"])
def test_no_other_key_is_taken(aws: "Aws", key: str, secret: str, *, in_query: bool) -> None:
    secret = access_key().secret if secret == "right" else secret

    answer = send(signed(aws, key, secret, body=new_function(), in_query=in_query))

    assert answer.status_code == 403


def test_the_right_key_with_another_secret_is_refused(aws: "Aws") -> None:
    answer = send(signed(aws, access_key().id, "test", body=new_function()))

    assert answer.status_code == 403
    assert "signature" in answer.json()["message"]


def test_the_right_key_in_the_query_string_is_refused(aws: "Aws") -> None:
    key = access_key()

    assert send(signed(aws, key.id, key.secret, body=new_function(), in_query=True)).status_code == 403


def test_a_query_string_does_not_overrule_the_header(aws: "Aws") -> None:
    key = access_key()
    path = f"{PATH}?X-Amz-Credential=test/20260101/{REGION}/lambda/aws4_request&X-Amz-Signature=00"

    assert send(signed(aws, key.id, key.secret, body=new_function(), path=path)).status_code == 403


def test_a_signature_covers_the_body(aws: "Aws") -> None:
    key = access_key()
    request = signed(aws, key.id, key.secret, body=new_function("good"))
    request.body = new_function("evil")

    assert send(request).status_code == 403


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/_ministack/reset"),
        ("POST", "/_ministack/config"),
        ("GET", "/_aws/sqs/messages"),
        ("POST", PATH),
        ("GET", "/"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "any.execute-api.localhost", "any.s3.localhost"])
def test_an_unsigned_request_is_refused(aws: "Aws", method: str, path: str, host: str) -> None:
    answer = httpx.request(
        method,
        f"{aws.endpoint}{path}",
        content=new_function(),
        headers={"Host": f"{host}:{aws.port}"},
        trust_env=False,
    )

    assert answer.status_code == 403


def test_a_functions_session_cannot_be_computed(aws: "Aws") -> None:
    """MiniStack's own are hashes of the function's and the role's names."""
    functions = aws.client("lambda")
    made = functions.create_function(
        FunctionName="victim",
        Runtime="python3.13",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": code()},
    )
    assert json.load(functions.invoke(FunctionName="victim")["Payload"]) == "ran"

    digest = sha256(f"{made['FunctionArn']}:{ROLE}".encode()).hexdigest()
    forged = boto3.Session(
        f"ASIA{digest[:16].upper()}",
        sha256(f"secret:{digest}".encode()).hexdigest(),
        sha256(f"token:{digest}".encode()).hexdigest(),
        region_name=REGION,
    )
    with pytest.raises(ClientError) as refused:
        aws.client("lambda", forged).list_functions()

    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize("service", ["lambda", "sqs", "s3", "cloudformation", "dynamodb", "iam"])
def test_a_refusal_is_the_services_own(aws: "Aws", service: str) -> None:
    """Each service's SDK can read it, whatever its protocol."""
    call = {"lambda": "list_functions", "s3": "list_buckets", "dynamodb": "list_tables"}
    call |= {"sqs": "list_queues", "cloudformation": "list_stacks", "iam": "list_users"}
    stranger = boto3.Session("AKIAIOSFODNN7EXAMPLE", "secret", region_name=REGION)

    with pytest.raises(ClientError, match=r"security token|Access Key") as refused:
        getattr(aws.client(service, stranger), call[service])()

    # DynamoDB's errors are all 400.
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] in (400, 403)


def test_the_health_check_needs_no_key(aws: "Aws") -> None:
    assert httpx.get(f"{aws.endpoint}/_ministack/health", trust_env=False).status_code == 200


def test_buckets_have_hosts_of_their_own(aws: "Aws") -> None:
    """The form `*.localhost`, which leads nowhere but here."""
    key = access_key()
    session = boto3.Session(key.id, key.secret, region_name=REGION)
    client: Any = session.client("s3", endpoint_url=f"http://localhost:{aws.port}")
    bucket = client.create_bucket(Bucket="virtual", CreateBucketConfiguration={"LocationConstraint": REGION})

    assert bucket["ResponseMetadata"]["HTTPStatusCode"] == 200
