"""The tests' view of Kii and of queues: what reached whom, and what was left where."""

import functools
import time
from collections.abc import Callable, Sequence
from itertools import batched
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from kii_push.queues import sqs
from local import loopback
from local.deploy import STACK_NAME, aws_session
from local.faults.kii import SENDS
from local.settings import APP_ID, CLIENT_ID, CLIENT_SECRET
from tests.doubles.aws_clients import patched

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef, SendMessageBatchRequestEntryTypeDef

    from local.stack import LocalStack


class Sandbox:
    """A running sandbox: Kii's REST API as the app's admin, and the control calls."""

    def __init__(self, origin: str) -> None:
        self.kii_url = f"{origin}/api"
        self._control = loopback.client(base_url=f"{origin}/_sandbox")
        self._kii = loopback.client(base_url=f"{self.kii_url}/apps/{APP_ID}")

    def reset(self) -> None:
        """Go back to the seed, with no faults."""
        self._control.put("/faults", json=[]).raise_for_status()
        self._control.delete("/state").raise_for_status()
        login = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
        token = self._kii.post(f"{self.kii_url}/oauth2/token", json=login).raise_for_status().json()
        self._kii.headers["Authorization"] = f"Bearer {token['access_token']}"

    def subscribe(self, scope: str, topic: str, user_id: str) -> None:
        """Make a topic in a scope such as `/groups/team` and subscribe a user to it."""
        self._kii.put(f"{scope}/topics/{topic}").raise_for_status()
        self._kii.put(f"{scope}/topics/{topic}/push/subscriptions/users/{user_id}").raise_for_status()

    def subscribe_to_bucket(self, scope: str, bucket: str, user_id: str) -> None:
        """Subscribe a user to the changes of a bucket, which is made if it is not there."""
        path = f"{scope}/buckets/{bucket}/filters/all/push/subscriptions/users/{user_id}"
        self._kii.put(path).raise_for_status()

    def make_topic(self, scope: str, topic: str) -> None:
        """Make a topic in a scope such as `/groups/team`."""
        self._kii.put(f"{scope}/topics/{topic}").raise_for_status()

    def thing_id(self, vendor_thing_id: str) -> str:
        """Return a thing's ID."""
        found = self._kii.get(f"/things/VENDOR_THING_ID:{vendor_thing_id}").raise_for_status()
        return str(found.json()["_thingID"])

    def user_id(self, login_name: str) -> str:
        """Return a user's ID."""
        found = self._kii.get(f"/users/LOGIN_NAME:{login_name}").raise_for_status()
        return str(found.json()["userID"])

    def deliveries(self) -> list[dict[str, Any]]:
        """Return what every device was sent, newest last."""
        answer = self._control.get("/deliveries").raise_for_status()
        deliveries: list[dict[str, Any]] = answer.json()["deliveries"]
        return deliveries

    def calls(self) -> list[str]:
        """Return what Kii was asked since it went back to the seed, logins apart: `METHOD path`."""
        prefix = f"/api/apps/{APP_ID}"
        return [
            f"{each['method']} {each['path'].removeprefix(prefix)}"
            for each in self._requests()
            if not _is_login(each)
        ]

    def logins(self) -> int:
        """Return how many logins there were since it went back to the seed, the test's own among them."""
        return sum(_is_login(each) for each in self._requests())

    def _requests(self) -> list[dict[str, Any]]:
        answer = self._control.get("/requests").raise_for_status()
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found

    def fail_sends(self, **rule: Any) -> None:
        """Let sends fail by this rule of the sandbox's, such as `status=503, times=1`."""
        self._control.put("/faults", json=[{"match": SENDS, **rule}]).raise_for_status()

    def close(self) -> None:
        self._control.close()
        self._kii.close()


def _is_login(request: dict[str, Any]) -> bool:
    return str(request["path"]).endswith("/oauth2/token")


class Queue(sqs.Queue):
    """A queue of a test's own, from which nothing takes but the test."""

    def __init__(self, endpoint: str, *, fifo: bool = False) -> None:
        client = aws_session().client("sqs", endpoint_url=endpoint)
        attributes: dict[QueueAttributeNameType, str] = (
            {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if fifo else {}
        )
        name = f"test-{uuid4().hex}" + (".fifo" if fifo else "")
        super().__init__(client, client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])

    def messages(self, within: int = 0) -> list["MessageTypeDef"]:
        """Take up to ten messages off the queue, waiting up to `within` seconds (20 at most)."""
        found = self._client.receive_message(
            QueueUrl=self.url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
            VisibilityTimeout=600,
            WaitTimeSeconds=within,
        )
        return found.get("Messages", [])

    def drain(self) -> list[str]:
        """Take everything off the queue; return the bodies."""
        bodies: list[str] = []
        while messages := self.messages():
            bodies += [message["Body"] for message in messages]
            self.delete_batch(message["ReceiptHandle"] for message in messages)
        return bodies

    def send_entries(self, entries: Sequence["SendMessageBatchRequestEntryTypeDef"]) -> Any:
        """Send a batch as SQS itself takes it."""
        return self._client.send_message_batch(QueueUrl=self.url, Entries=entries)

    def patched(self, **calls: Callable[..., Any]) -> sqs.Queue:
        """Return the queue as it is for a client that makes these calls otherwise."""
        return sqs.Queue(patched(self._client, **calls), self.url)

    def missing(self) -> sqs.Queue:
        """Return a queue that is not there."""
        return sqs.Queue(self._client, f"{self.url}-missing")

    def limit(self, max_bytes: int) -> None:
        """Let it refuse longer messages."""
        self._client.set_queue_attributes(
            QueueUrl=self.url, Attributes={"MaximumMessageSize": str(max_bytes)}
        )

    def close(self) -> None:
        self._client.delete_queue(QueueUrl=self.url)
        self._client.close()


@functools.cache
def _deployed(endpoint: str) -> dict[str, tuple[str, str]]:
    """Return what is deployed: the name in the template, the type and the name that AWS gave."""
    client = aws_session().client("cloudformation", endpoint_url=endpoint)
    found = client.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    client.close()
    return {each["LogicalResourceId"]: (each["ResourceType"], each["PhysicalResourceId"]) for each in found}


def empty_tables(endpoint: str) -> None:
    """Make the deployed bundle forget what it has sent, and when Kii was not to be asked."""
    client = aws_session().client("dynamodb", endpoint_url=endpoint)
    for kind, name in _deployed(endpoint).values():
        if kind != "AWS::DynamoDB::Table":
            continue
        keys = [key["AttributeName"] for key in client.describe_table(TableName=name)["Table"]["KeySchema"]]
        pages = client.get_paginator("scan").paginate(TableName=name)
        items = [item for page in pages for item in page["Items"]]
        for some in batched(items, 25, strict=False):
            deletions: list[WriteRequestTypeDef] = [
                {"DeleteRequest": {"Key": {key: item[key] for key in keys}}} for item in some
            ]
            answer = client.batch_write_item(RequestItems={name: deletions})
            assert not answer["UnprocessedItems"]
    client.close()


def drop_dead_letters(endpoint: str) -> None:
    """Take away the dead letters that an earlier test has left."""
    client = aws_session().client("sqs", endpoint_url=endpoint)
    client.purge_queue(QueueUrl=_deployed(endpoint)["DeadLetterQueue"][1])
    client.close()


def dead_letters(stack: "LocalStack", *, count: int) -> list["MessageTypeDef"]:
    """Take `count` messages off the stack's dead-letter queue; fewer when they do not come within 60 s."""
    client = aws_session().client("sqs", endpoint_url=stack.endpoint)
    url = stack.outputs.DeadLetterQueueUrl
    found: list[MessageTypeDef] = []
    deadline = time.monotonic() + 60
    while len(found) < count and time.monotonic() < deadline:
        answer = client.receive_message(QueueUrl=url, WaitTimeSeconds=1, MessageAttributeNames=["All"])
        for message in answer.get("Messages", []):
            found.append(message)
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    client.close()
    return found


def ample_time() -> int:
    """Return as much time, in ms, as the layer wants to have left before it begins anything."""
    return 60_000


def wait_until(true: Callable[[], bool], *, within: float, every: float = 0.1) -> bool:
    """Ask every so many seconds until the answer is yes, at most `within`; returns the last answer."""
    deadline = time.monotonic() + within
    while not (answer := true()) and time.monotonic() < deadline:
        time.sleep(every)
    return answer
