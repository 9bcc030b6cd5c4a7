"""The deployed bundle during a fault run: its queue, its ledger, its dead letters, its senders' processes."""

import json
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import batched
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from local.deploy import aws_session, deployed_function, untouched
from local.process import LocalError
from local.stack import LocalStack

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_PUSH = "push#"
# The most that SendMessageBatch takes.
_BATCH_SIZE = 10


@dataclass(frozen=True)
class Waiting:
    """Messages of a queue: to be taken, and hidden because they were taken or put off."""

    visible: int
    hidden: int

    @property
    def all(self) -> int:
        """How many there are."""
        return self.visible + self.hidden

    def __str__(self) -> str:
        """Say it in a few words."""
        return f"{self.all:,} messages wait, {self.hidden:,} of them hidden"


class Bundle:
    """The queue door of a running local stack, from outside."""

    def __init__(self, stack: LocalStack) -> None:
        self._stack = stack
        session = aws_session()
        self._sqs = session.client("sqs", endpoint_url=stack.endpoint)
        self._lambda = session.client("lambda", endpoint_url=stack.endpoint)
        self._dynamodb = session.client("dynamodb", endpoint_url=stack.endpoint)
        self._names: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for client in (self._sqs, self._lambda, self._dynamodb):
            client.close()

    def enqueue(self, requests: Iterable[dict[str, Any]]) -> None:
        """Put push requests on the push queue."""
        for some in batched(requests, _BATCH_SIZE, strict=False):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(place), "MessageBody": json.dumps(each)} for place, each in enumerate(some)
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._stack.outputs.PushQueueUrl, Entries=entries)
            if answer.get("Failed"):
                raise LocalError(f"The push queue did not take a message: {answer['Failed'][0]}.")

    def purge(self) -> None:
        """Take everything off the push queues and the dead-letter queue."""
        outputs = self._stack.outputs
        urls = {"PushQueue": outputs.PushQueueUrl, "PushFifoQueue": outputs.PushFifoQueueUrl}
        for queue, url in urls.items():
            # MiniStack's poller rewrites a queue's list without a lock: what is purged meanwhile is back.
            with untouched(self._stack.endpoint, queue):
                self._sqs.purge_queue(QueueUrl=url)
        self._sqs.purge_queue(QueueUrl=outputs.DeadLetterQueueUrl)

    def waiting(self, url: str | None = None) -> Waiting:
        """Return how many messages a queue holds, the push queue unless told."""
        url = url or self._stack.outputs.PushQueueUrl
        found = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return Waiting(
            visible=int(found["ApproximateNumberOfMessages"]),
            hidden=int(found["ApproximateNumberOfMessagesNotVisible"])
            + int(found["ApproximateNumberOfMessagesDelayed"]),
        )

    def outcomes(self) -> dict[str, str]:
        """Return each push's outcome by its ID, as `GET /pushes/{id}` would tell it."""
        return self.ends()[0]

    def ends(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return each push's outcome by its ID, and the reasons for those that have one."""
        outcomes: dict[str, str] = {}
        reasons: dict[str, str] = {}
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.outputs.LedgerTable, ConsistentRead=True
        )
        for page in pages:
            for item in page["Items"]:
                key = item["pk"]["S"]
                if not key.startswith(_PUSH):
                    continue
                outcome = item["outcome"]["S"]
                if outcome == "in_flight" and int(item["heldUntil"]["N"]) <= time.time():
                    outcome = "unknown"
                push_id = key.removeprefix(_PUSH)
                outcomes[push_id] = outcome
                if "reason" in item:
                    reasons[push_id] = item["reason"]["S"]
        return outcomes, reasons

    def ended_for(self, reason: str) -> int:
        """Return of how many pushes the ledger has a reason that begins so."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._stack.outputs.LedgerTable,
            FilterExpression="begins_with(reason, :reason)",
            ExpressionAttributeValues={":reason": {"S": reason}},
            Select="COUNT",
            ConsistentRead=True,
        )
        return sum(page["Count"] for page in pages)

    def dead_letters(self) -> dict[str, list[str]]:
        """Return the outcomes on each push's dead letters by the push's ID, and hide the letters."""
        found: dict[str, list[str]] = defaultdict(list)
        while True:
            answer = self._sqs.receive_message(
                QueueUrl=self._stack.outputs.DeadLetterQueueUrl,
                MaxNumberOfMessages=10,
                VisibilityTimeout=3600,
                MessageAttributeNames=["All"],
            )
            if not answer.get("Messages"):
                return dict(found)
            for message in answer["Messages"]:
                given = {
                    name: each["StringValue"] for name, each in message.get("MessageAttributes", {}).items()
                }
                push_id = given.get("pushID") or json.loads(message["Body"])["id"]
                found[push_id].append(given.get("outcome", "exhausted"))

    def environments(self, function: str) -> list[int]:
        """Return the process IDs of the environments of a function, by its name in the template."""
        name = self._deployed_name(function)
        listed = subprocess.run(
            ["ps", "-axwwo", "pid=,ppid=,args="],  # noqa: S607 (its place differs from system to system)
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        ministack = str(self._stack.ministack_pid)
        rows = [line.split(None, 2) for line in listed.splitlines()]
        return [
            int(pid) for pid, parent, command in rows if parent == ministack and f"-lambda-{name}-" in command
        ]

    def kill(self, function: str) -> bool:
        """Kill all environments of a function without a chance to clean up; return False if there is none."""
        running = self.environments(function)
        for pid in running:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(running)

    def kill_senders(self) -> bool:
        """Kill all environments that send what is on the queue; return False if there is none."""
        return self.kill("QueuePushFunction")

    def _deployed_name(self, function: str) -> str:
        if function not in self._names:
            configuration = deployed_function(self._stack.endpoint, function)
            self._names[function] = configuration["FunctionName"]
        return self._names[function]
