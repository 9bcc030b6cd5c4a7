"""A list of 20,000 lines, its fan-out interrupted wherever it can be: nothing skipped, shifted or doubled."""

import io
import json
import random
import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from kii_push.broadcast import fan_out
from kii_push.errors import LedgerError, QueueError
from kii_push.queues.sqs import Queue
from tests.delivery.broadcasting import Sale
from tests.doubles.aws_clients import batch_answer, patched

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

LINES = 20_000


class Killed(BaseException):
    """The function's environment is gone, as after its time or its memory ran out."""


class UnreliableSqs:
    """SQS, which now and then refuses a call, or some messages of one; keeps what it took."""

    def __init__(self, seed: int) -> None:
        self.pushes: list[str] = []
        self.positions: deque[str] = deque()
        self.errors: Counter[str] = Counter()
        self._seed = seed
        self._calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> Any:  # noqa: N803 (boto3's)
        assert QueueUrl == "pushes"
        with self._lock:
            chance = self._maybe_refuse("SendMessageBatch", Entries[0]["MessageBody"], 0.003)
            refused = [each for each in Entries if chance.random() < 0.05]
            self.errors["Failed"] += len(refused)
            self.pushes += [each["MessageBody"] for each in Entries if each not in refused]
            return batch_answer(Entries, failed=refused)

    def send_message(self, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> None:  # noqa: N803
        assert QueueUrl == "positions"
        assert 0 <= DelaySeconds <= 900
        with self._lock:
            self._maybe_refuse("SendMessage", MessageBody, 0.2)
            self.positions.append(MessageBody)

    def _maybe_refuse(self, operation: str, body: str, probability: float) -> random.Random:
        """Return the chances of this call, whichever thread makes it when."""
        self._calls[body] += 1
        chance = random.Random(f"{self._seed} {body} {self._calls[body]}")  # noqa: S311
        if chance.random() < probability:
            self.errors[operation] += 1
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, operation)
        return chance


class Breaking(io.RawIOBase):
    """An object of S3's that now and then breaks off, at any byte."""

    def __init__(self, body: Any, chance: random.Random, errors: Counter[str]) -> None:
        self._body = body
        self._errors = errors
        super().__init__()
        self._left = chance.randrange(400_000) if chance.random() < 0.5 else 10**9

    def close(self) -> None:
        self._body.close()
        super().close()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        got = self._body.read(min(len(buffer), 10_000))
        self._left -= len(got)
        if self._left < 0:
            self._errors["GetObject"] += 1
            raise ReadTimeoutError(endpoint_url="https://s3")
        buffer[: len(got)] = got
        return len(got)


def a_list(chance: random.Random) -> tuple[bytes, dict[int, str], set[int]]:
    """Return a list, who stands on which of its lines, and the lines of what cannot be sent to."""
    lines, users, bad = [], {}, set()
    for number in range(1, LINES + 1):
        values = {"n": "\u30d5" * chance.randrange(20)}
        text = json.dumps({"user": f"u-{number}", "values": values}, ensure_ascii=chance.random() < 0.5)
        kind = chance.random()
        if kind < 0.02:
            text = chance.choice(["", " ", "\t "])
        elif kind < 0.022:
            text = "{broken"
            bad.add(number)
        else:
            users[number] = f"u-{number}"
        lines.append(text)
    content = "".join(line + chance.choice(["\n", "\r\n"]) for line in lines)
    return b"\xef\xbb\xbf" + content.rstrip().encode(), users, bad


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_line_is_queued_as_itself_however_often_the_fan_out_is_interrupted(
    sale: Sale, s3: "S3Client", monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    # Apart, so that each is the same every time.
    chance, of_s3, of_the_end = (random.Random(f"{seed} {what}") for what in ("list", "s3", "end"))  # noqa: S311
    unreliable = UnreliableSqs(seed)
    monkeypatch.setattr(fan_out, "_BACKOFF_SECONDS", 0)

    def get_object(**call: Any) -> Any:
        found = s3.get_object(**call)
        if "Range" not in call:
            return found
        return found | {"Body": Breaking(found["Body"], of_s3, unreliable.errors)}

    sale.broadcasts = sale.store(s3=patched(s3, get_object=get_object))
    sale.pushes, sale.positions = (
        Queue(cast("SQSClient", unreliable), name) for name in ("pushes", "positions")
    )
    content, users, bad = a_list(chance)
    assert sale.accept_list(content)
    unreliable.positions.append('{"broadcast": "sale"}')
    ends: Counter[str] = Counter()

    def time_left() -> int:
        """Called after each chunk."""
        end = of_the_end.choice(["goes on"] * 3 + ["time is up"] * 2 + ["killed"])
        ends[end] += 1
        if end == "killed":
            raise Killed
        return 0 if end == "time is up" else 900_000

    while unreliable.positions:
        message = unreliable.positions.popleft()
        try:
            sale.run(message, time_left)
        except (Killed, QueueError, LedgerError) as error:
            ends[type(error).__name__] += 1
            unreliable.positions.append(message)  # it comes back
        assert ends.total() < 1_000, "it gets nowhere"

    assert ends.keys() >= {"goes on", "time is up", "killed"}
    assert unreliable.errors.keys() == {"SendMessageBatch", "Failed", "SendMessage", "GetObject"}
    queued = Counter(unreliable.pushes)
    sent = {push["id"]: push["target"]["user"] for push in map(json.loads, queued)}
    assert len(sent) == len(queued), "a push that comes again is the same, and so sent once"
    assert sent == {f"broadcast:sale:{line}": user for line, user in users.items()}
    progress = sale.progress()
    assert progress.recipients == len(users) + len(bad)
    assert progress.counts["rejected"] == len(bad)
    assert progress.pending == len(users)
    assert LINES < sum(queued.values()) < 5 * LINES, "it repeats what a message began, not the list"
