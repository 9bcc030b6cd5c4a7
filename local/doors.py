"""The three ways to send a push through the deployed bundle: HTTPS, the queue, a schedule."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from botocore.credentials import Credentials

from kii_push.cli.signature import SigV4
from local import loopback
from local.access_key import access_key
from local.deploy import aws_session
from local.settings import REGION
from local.stack import LocalStack

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef


class Doors:
    """Senders for one local stack; safe to use from several threads."""

    def __init__(self, stack: LocalStack) -> None:
        self._outputs = stack.outputs
        session = aws_session()
        key = access_key()
        signed = SigV4(Credentials(key.id, key.secret), REGION)
        self.http = loopback.client(base_url=stack.api_url, auth=signed, timeout=35)
        self._sqs = session.client("sqs", endpoint_url=stack.endpoint)
        self._scheduler = session.client("scheduler", endpoint_url=stack.endpoint)
        self._lambda = session.client("lambda", endpoint_url=stack.endpoint)

    def post(self, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
        """Send a signed POST to the HTTPS door; `path` is Kii's own, from `/users` or `/topics` on."""
        return self.http.post(path, json=body, headers=headers)

    def enqueue(self, *bodies: str, group: str | None = None) -> list[str]:
        """Put up to ten message bodies on the push queue at once; returns their message IDs.

        With a `group` they go to the FIFO queue, to be sent in this order.
        """
        url = self._outputs.PushFifoQueueUrl if group else self._outputs.PushQueueUrl
        entries: list[SendMessageBatchRequestEntryTypeDef] = []
        for index, body in enumerate(bodies):
            entries.append({"Id": str(index), "MessageBody": body})
            if group:
                entries[-1] |= {"MessageGroupId": group, "MessageDeduplicationId": uuid4().hex}
        return [
            each["MessageId"]
            for each in self._sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]
        ]

    def schedule(self, name: str, when: datetime, request: dict[str, Any]) -> None:
        """Make a schedule that sends the push request once, at `when`, and then deletes itself.

        Its name is the push's ID, unless the request has its own.
        """
        self._scheduler.create_schedule(
            Name=name,
            GroupName=self._outputs.ScheduleGroupName,
            ScheduleExpression=f"at({when.astimezone(UTC):%Y-%m-%dT%H:%M:%S})",
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={
                "Arn": self._outputs.ScheduledPushFunctionArn,
                "RoleArn": self._outputs.SchedulerRoleArn,
                "Input": json.dumps({"id": name, **request}),
            },
        )

    def run_schedule(self, request: dict[str, Any]) -> None:
        """Run the function of schedules with the push request as a schedule's input, to its end."""
        self._lambda.invoke(
            FunctionName=self._outputs.ScheduledPushFunctionArn, Payload=json.dumps(request).encode()
        )

    def close(self) -> None:
        """Close the connections."""
        self.http.close()
        self._sqs.close()
        self._scheduler.close()
        self._lambda.close()
