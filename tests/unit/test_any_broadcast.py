"""Whatever a broadcast is asked for with, and whatever a line of its list says: little time, short errors."""

import json
import tracemalloc
from collections.abc import Generator, Sequence
from typing import Any, cast

from hypothesis import example, given
from hypothesis import strategies as st

from kii_push.broadcast import request as broadcast_request
from kii_push.broadcast.fan_out import FanOut
from kii_push.broadcast.request import BroadcastRequest, Job
from kii_push.broadcast.store import MAX_LINE_BYTES, Line
from kii_push.common import strict_json
from kii_push.errors import PushError
from kii_push.push.preflight import Preflight
from kii_push.queues.sqs import OutgoingMessage
from tests.unit.any_input import ANY_INPUT, HOSTILE, JSON, SETTINGS, TEXT, bounded, check_error, near

pytestmark = ANY_INPUT

SHORT = {"title": "For ${x}", "body": "b"}
JPUSH = {
    "jpush": {"enabled": True, "data": {"m": "${x}"}},
    "gcm": {"enabled": False},
    "apns": {"enabled": False},
}
BROADCASTS = (
    {"id": "sale", "message": SHORT, "recipients": ["u-1", {"user": "u-2", "values": {"x": 1}}]},
    {"id": "sale", "template": JPUSH, "recipients": ["u-1"], "notAfter": "2036-01-01T00:00:00Z"},
    {"id": "sale", "template": SHORT, "recipientsKey": "lists/all", "confirm": True, "onUnknown": "resend"},
)
RECIPIENTS = ({"user": "u-1", "values": {"x": "v", "y": 1}},)
# As release 0.1.0 accepted them, too: it did not look at the size.
TEMPLATES = ({"m": "${x}"}, {"m": "${x}" * 4_000}, {"m": ["${x}${y}"] * 4_000}, {"m": "${x}" * 60_000})
MAX_BYTES_OF_MEMORY = 64_000_000


def read(value: Any) -> BroadcastRequest:
    return broadcast_request.from_json(value, default_id="sale", confirm_above=100, preflight=Preflight())


@SETTINGS
@given(near(*BROADCASTS).map(json.dumps) | JSON.map(json.dumps) | TEXT)
def test_any_broadcast(text: str) -> None:
    with bounded():
        try:
            job = read(strict_json.loads(text, broadcast_request.MAX_BYTES)).job
        except PushError as error:
            check_error(error)
            return
    assert len(json.dumps(job.message)) <= strict_json.MAX_BYTES
    assert len(job.id) <= 100


class Broadcasts:
    """A broadcast under way with these lines."""

    def __init__(self, job: Job, *lines: Line) -> None:
        self._job = job
        self._lines = lines
        self.recipients: int | None = None

    def job(self, _broadcast_id: str) -> Job:
        return self._job

    def lines(self, _job: Job, _offset: int) -> Generator[Line]:
        yield from self._lines

    def set_phase(self, _broadcast_id: str, _phase: str, recipients: int | None = None) -> None:
        self.recipients = recipients


class Ledger:
    """Notes what was rejected."""

    def __init__(self) -> None:
        self.rejected: list[PushError] = []

    def reject(self, _push_id: str, _broadcast: str, error: PushError) -> None:
        self.rejected.append(error)


class Queue:
    """Notes what was sent; also the switch that stops nothing."""

    def __init__(self) -> None:
        self.messages: list[OutgoingMessage] = []

    def send_batch(self, messages: Sequence[OutgoingMessage]) -> dict[int, str]:
        self.messages += messages
        return {}

    def check(self, _broadcast_id: str) -> None: ...


def as_line(text: str) -> Line:
    content = text.replace("\n", " ").encode(errors="surrogatepass") + b"\n"
    return Line(content if len(content) <= MAX_LINE_BYTES else None, len(content))


@SETTINGS
@given(
    st.sampled_from(TEMPLATES),
    near(*RECIPIENTS).map(json.dumps)
    | HOSTILE.map(lambda text: json.dumps({"user": "u-1", "values": {"x": text[:10_000], "y": 1}}))
    | JSON.map(json.dumps)
    | TEXT,
)
@example(TEMPLATES[1], json.dumps({"user": "u-1", "values": {"x": "v" * 60_000}}))
@example(TEMPLATES[3], '{"user": "u-1", "values": {"x": ""}}')
@example(TEMPLATES[0], '"u-1"')
def test_any_line_of_a_list(template: dict[str, Any], text: str) -> None:
    job = Job(id="sale", message=template, is_template=True, recipients_key="lists/all")
    broadcasts, ledger, queue = Broadcasts(job, as_line(text)), Ledger(), Queue()
    fan_out = FanOut(
        cast("Any", broadcasts),
        cast("Any", ledger),
        cast("Any", queue),
        pushes=cast("Any", queue),
        positions=cast("Any", None),
    )
    tracemalloc.start()
    with bounded():
        fan_out.run('{"broadcast": "sale"}', lambda: 900_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < MAX_BYTES_OF_MEMORY
    assert len(queue.messages) + len(ledger.rejected) == broadcasts.recipients
    for message in queue.messages:
        assert len(message.body) <= strict_json.MAX_BYTES
    for error in ledger.rejected:
        check_error(error)
