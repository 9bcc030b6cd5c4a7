"""SQS as a sweep of the dead letters asks it: queues that a test can fill and break, and a clock."""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.exceptions import ClientError

DEAD, DEAD_FIFO, PUSHES, PUSHES_FIFO, BROADCASTS = (
    f"https://sqs.example/{name}" for name in ("dead", "dead.fifo", "pushes", "pushes.fifo", "broadcasts")
)
# Milliseconds that a call takes.
COST = Counter(receive_message=100, change_message_visibility_batch=50)


class OverLimit(ClientError):
    """SQS hides no more messages."""


@dataclass
class Sqs:
    """SQS, as far as a sweep asks it; time passes with each call. `broken` are stand-ins for calls."""

    visible: dict[str, deque[dict[str, Any]]] = field(
        default_factory=lambda: {DEAD: deque(), DEAD_FIFO: deque()}
    )
    hidden: dict[str, tuple[str, float, dict[str, Any]]] = field(default_factory=dict)
    sent: list[dict[str, Any]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    broken: dict[str, Callable[..., Any]] = field(default_factory=dict)
    padding: int = 0
    most_hidden: int = 120_000
    says_over_limit: bool = False
    now: float = 0
    left: int = 120_000
    _lock: threading.RLock = field(default_factory=threading.RLock)

    class exceptions:  # noqa: N801 (boto3's name)
        OverLimit: ClassVar = OverLimit

    def put(self, url: str, count: int, *, outcome: str = "rejected", **more: Any) -> None:
        """Put letters on a queue."""
        for number in range(count):
            push_id = f"{outcome}-{number}"
            attributes = {"pushID": {"StringValue": push_id}, "outcome": {"StringValue": outcome}}
            body = {"id": push_id, "target": {"user": "bob"}, "message": {"title": "t", "body": "b"}, **more}
            self.visible[url].append(
                {
                    "MessageId": push_id,
                    "Body": json.dumps(body),
                    "MessageAttributes": attributes,
                    "Attributes": {"SentTimestamp": str(int(time.time() * 1000) - 60_000)},
                    "ReceiptHandle": f"{url} {push_id}",
                }
            )

    def invoke[T](self, call: Callable[[Callable[[], int]], T]) -> T:
        """Let the function do something within its two minutes."""
        self.left = 120_000
        return call(lambda: self.left)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for handle, (url, until, message) in list(self.hidden.items()):
            if until <= self.now:
                del self.hidden[handle]
                self.visible[url].append(message)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**given: Any) -> Any:
            with self._lock:
                self.left -= COST[name]
                return self.broken.get(name, getattr(self, f"do_{name}"))(**given)

        return call

    def do_receive_message(self, **given: Any) -> Any:
        url = given["QueueUrl"]
        if self.visible[url] and len(self.hidden) + 10 > self.most_hidden:
            if self.says_over_limit:
                raise OverLimit({"Error": {"Code": "OverLimit"}}, "ReceiveMessage")
            return {}
        messages = [self.visible[url].popleft() for _ in range(min(10, len(self.visible[url])))]
        for each in messages:
            self.hidden[each["ReceiptHandle"]] = (url, self.now + given["VisibilityTimeout"], each)
        padding = " " * self.padding
        found = [{**each, "Body": each["Body"] + padding} for each in messages]
        return {"Messages": found} if found else {}

    def do_send_message_batch(self, **given: Any) -> Any:
        self.sent += [{"QueueUrl": given["QueueUrl"], **each} for each in given["Entries"]]
        self.batches.append(len(given["Entries"]))
        return {"Successful": [{"Id": each["Id"]} for each in given["Entries"]]}

    def do_delete_message_batch(self, **given: Any) -> Any:
        for each in given["Entries"]:
            del self.hidden[each["ReceiptHandle"]]
        return {"Successful": [{"Id": each["Id"]} for each in given["Entries"]]}

    def do_change_message_visibility_batch(self, **given: Any) -> Any:
        for each in given["Entries"]:
            assert each["VisibilityTimeout"] == 0
            url, _, message = self.hidden.pop(each["ReceiptHandle"])
            self.visible[url].append(message)
        return {"Successful": [{"Id": each["Id"]} for each in given["Entries"]]}

    def do_get_queue_attributes(self, **given: Any) -> Any:
        url = given["QueueUrl"]
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(len(self.visible[url])),
                "ApproximateNumberOfMessagesNotVisible": str(
                    sum(of_queue == url for of_queue, _, _ in self.hidden.values())
                ),
            }
        }
