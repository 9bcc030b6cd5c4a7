"""Who SQS says has sent a message, and what API Gateway says in answers of its own."""

import io
import json
import zipfile
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from local.settings import REGION
from tests.support import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.conftest import Aws

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"},
    }
)
MAY_SEND = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
    }
)
SENDER = """
import boto3

def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl=event, MessageBody="from a function")
"""


@pytest.fixture
def queue(aws: "Aws") -> "Iterator[Queue]":
    queue = Queue(aws.endpoint)
    yield queue
    queue.close()


@pytest.fixture(scope="module")
def role(aws: "Aws") -> dict[str, Any]:
    """A role that may send to queues."""
    iam = aws.client("iam")
    role = iam.create_role(RoleName="sender", AssumeRolePolicyDocument=TRUST)["Role"]
    iam.put_role_policy(RoleName="sender", PolicyName="send", PolicyDocument=MAY_SEND)
    found: dict[str, Any] = role
    return found


def sender_id(queue: Queue) -> str:
    (message,) = queue.messages(within=20)
    return message["Attributes"]["SenderId"]


def session(key: dict[str, str]) -> boto3.Session:
    return boto3.Session(
        key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"), region_name=REGION
    )


def test_the_account_is_its_own_sender(queue: Queue) -> None:
    queue.send_entries([{"Id": "1", "MessageBody": "from the account"}])

    assert sender_id(queue) == "000000000000"


def test_a_user_is_known_by_id(aws: "Aws", queue: Queue) -> None:
    iam = aws.client("iam")
    user = iam.create_user(UserName="alice")["User"]
    iam.put_user_policy(UserName="alice", PolicyName="send", PolicyDocument=MAY_SEND)
    alice = session(iam.create_access_key(UserName="alice")["AccessKey"])

    aws.client("sqs", alice).send_message(QueueUrl=queue.url, MessageBody="from alice")

    assert sender_id(queue) == user["UserId"]


def test_a_role_is_known_by_id_and_session(aws: "Aws", queue: Queue, role: dict[str, Any]) -> None:
    assumed = aws.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="backend")

    aws.client("sqs", session(assumed["Credentials"])).send_message_batch(
        QueueUrl=queue.url, Entries=[{"Id": "1", "MessageBody": "from a role"}]
    )

    assert sender_id(queue) == f"{role['RoleId']}:backend"


def send_by_function(aws: "Aws", name: str, role: dict[str, Any], queue: Queue) -> str:
    """Let a function with this role send to the queue; return its error, or nothing."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", SENDER)
    functions = aws.client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role["Arn"],
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": file.getvalue()},
    )
    answer = functions.invoke(FunctionName=name, Payload=json.dumps(queue.url))
    payload = json.load(answer["Payload"])
    return str(payload["errorMessage"]) if "FunctionError" in answer else ""


def test_a_functions_session_has_its_name(aws: "Aws", queue: Queue, role: dict[str, Any]) -> None:
    assert send_by_function(aws, "sender", role, queue) == ""

    assert sender_id(queue) == f"{role['RoleId']}:sender"


def test_a_function_may_do_what_its_role_may(aws: "Aws", queue: Queue) -> None:
    role = aws.client("iam").create_role(RoleName="powerless", AssumeRolePolicyDocument=TRUST)["Role"]

    assert "AccessDenied" in send_by_function(aws, "powerless", role, queue)
    assert queue.messages() == []


def test_a_gateways_own_answer_has_the_extended_request_id(aws: "Aws") -> None:
    gateway = aws.client("apigateway")
    api = gateway.create_rest_api(name="test")["id"]
    (root,) = gateway.get_resources(restApiId=api)["items"]
    gateway.put_method(restApiId=api, resourceId=root["id"], httpMethod="GET", authorizationType="AWS_IAM")
    gateway.put_integration(
        restApiId=api,
        resourceId=root["id"],
        httpMethod="GET",
        type="MOCK",
        requestTemplates={"application/json": '{"statusCode": 200}'},
    )
    template = '{"extended": "$context.extendedRequestId", "request": "$context.requestId"}'
    gateway.put_gateway_response(
        restApiId=api, responseType="DEFAULT_4XX", responseTemplates={"application/json": template}
    )
    gateway.create_deployment(restApiId=api, stageName="v1")

    url = f"{aws.endpoint}/restapis/{api}/v1/_user_request_/"
    answers = [
        httpx.get(url, trust_env=False),
        httpx.get(url, headers={"Authorization": "Bearer x"}, trust_env=False),
    ]

    for answer in answers:
        assert answer.status_code == 403
        assert answer.json()["extended"] == answer.headers["x-amz-apigw-id"]
        assert "$" not in answer.text
    assert answers[0].json()["extended"] != answers[1].json()["extended"]


def test_requests_count_as_come_by_tls(aws: "Aws", queue: Queue) -> None:
    """Or nobody could ever use a queue whose policy asks for it, not even to change the policy."""
    only_tls = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "sqs:*",
            "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    }
    sqs = aws.client("sqs")
    sqs.set_queue_attributes(QueueUrl=queue.url, Attributes={"Policy": json.dumps(only_tls)})

    sqs.send_message(QueueUrl=queue.url, MessageBody="by TLS")

    assert [message["Body"] for message in queue.messages(within=5)] == ["by TLS"]
