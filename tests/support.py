"""The tests' view of Kii and of queues: what reached whom, and what was left where."""

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from local.deploy import aws_session
from local.settings import APP_ID, CLIENT_ID, CLIENT_SECRET

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


class Sandbox:
    """A running sandbox: Kii's REST API as the app's admin, and the control calls."""

    def __init__(self, origin: str) -> None:
        self.kii_url = f"{origin}/api"
        self._control = httpx.Client(base_url=f"{origin}/_sandbox", trust_env=False)
        self._kii = httpx.Client(base_url=f"{self.kii_url}/apps/{APP_ID}", trust_env=False)

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

    def deliveries(self) -> list[dict[str, Any]]:
        """Return what every device was sent, newest last."""
        answer = self._control.get("/deliveries").raise_for_status()
        deliveries: list[dict[str, Any]] = answer.json()["deliveries"]
        return deliveries

    def close(self) -> None:
        self._control.close()
        self._kii.close()


class Queue:
    """A queue that nothing takes from but the test."""

    def __init__(self, endpoint: str) -> None:
        self._sqs = aws_session().client("sqs", endpoint_url=endpoint)
        self.url = self._sqs.create_queue(QueueName=f"test-{uuid4().hex}")["QueueUrl"]

    def messages(self) -> list["MessageTypeDef"]:
        """Take up to ten messages off the queue."""
        found = self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=600
        )
        return found.get("Messages", [])

    def reasons(self) -> list[dict[str, str]]:
        """Take up to ten dead letters off the queue; returns their attributes."""
        return [
            {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
            for message in self.messages()
        ]

    def close(self) -> None:
        self._sqs.delete_queue(QueueUrl=self.url)
        self._sqs.close()
