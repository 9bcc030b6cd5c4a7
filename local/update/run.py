"""One update run from the deployment of the last release to the report: `make update-test`."""

import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Self, override

import boto3
import httpx
from botocore.exceptions import ClientError

from local.build import build
from local.deploy import Outputs, aws_session
from local.doors import Doors
from local.faults.bundle import Bundle
from local.faults.kii import SENDS, USER, Kii, push_request, wait_for
from local.faults.run import PARAMETERS
from local.faults.verdict import Facts
from local.process import LocalError
from local.progress import Step
from local.settings import REGION, USER_ID
from local.stack import LocalStack
from local.update.flow import Flow
from local.update.release import Release
from local.update.verdict import Broadcast, broken_broadcast, broken_order, broken_pushes, unsent

# Kii is so slow that pushes are under way at any time, and the broadcast through most of the update.
_PUSH_MS = 200
_BROADCAST_PUSH_MS = 5_000
_RECIPIENTS = 200
_BROADCAST_ID = "update"
_MARK = "broadcast-{:04}"
# Its pushes alone go to this user.
_BROADCAST_USER = "LOGIN_NAME:alice"
# Sent before the update, and once more after it.
_REPEATED = "repeated"
# Dead letters of the last release: refused, and in doubt.
_DEAD = _REFUSED, _UNKNOWN = "refused", "in-doubt"
_TOPIC = "/groups/team/topics/late"
# A push that a killed sender held comes back after a minute; this leaves time for several.
_TIMEOUT_SECONDS = 300
_PROGRESS_SECONDS = 5
# For what takes seconds unless the machine is busy.
_START_SECONDS = 120
# Sent to start the environments, while Kii is slow.
_WARM = [f"warm-{number}" for number in range(4)]
_WARM_UP_MS = 2_000
# So many have been delivered when the update begins.
_FLOWING_PUSHES = 50

type Say = Callable[[str], None]


class ReleasedStack(LocalStack):
    """A local stack that starts as the last release; `deploy` then updates it."""

    release: Release

    @classmethod
    def of(cls, release: Release, step: Step) -> Self:
        """Prepare it. It evaluates no policies yet: the release's may be such as only AWS can evaluate."""
        stack = cls.new("update", step, parameters=PARAMETERS, evaluate_iam=False)
        stack.release = release
        return stack

    @override
    def _provision(self) -> None:
        self.deploy(build(self._step, self.release.export()), older=True)


@dataclass(frozen=True)
class Report:
    """What came out: what was delivered when, the HTTPS door's answers, and each broken promise."""

    release: str
    update_seconds: float
    before: int
    meanwhile: int
    after: int
    answers: Counter[int]
    broken: list[str]

    def __str__(self) -> str:
        """Say it in a few lines."""
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(self.answers.items()))
        return (
            f"Release {self.release} was updated in {self.update_seconds:.1f} s.\n"
            f"Delivered before it {self.before:,}, meanwhile {self.meanwhile:,}, after it {self.after:,}.\n"
            f"The HTTPS door answered {answers}."
        )


def run(stack: ReleasedStack, built: Path, pushes: int, say: Say) -> Report:
    """Let so many pushes and a broadcast flow through the stack while `built` is deployed over it.

    Raises LocalError when something goes wrong that is not about what became of a push.
    """
    doors = Doors(stack)
    try:
        with Kii(stack.sandbox_url) as kii, Bundle(stack) as bundle:
            return _Run(stack, doors, kii, bundle, say).run(built, pushes)
    finally:
        doors.close()


class _Run:
    """One run, and what it finds broken on the way."""

    def __init__(self, stack: ReleasedStack, doors: Doors, kii: Kii, bundle: Bundle, say: Say) -> None:
        self._stack = stack
        self._doors = doors
        self._kii = kii
        self._bundle = bundle
        self._say = say
        self._broken: list[str] = []

    def run(self, built: Path, pushes: int) -> Report:
        self._kii.reset()
        self._kii.install("alice")
        flow = Flow(self._doors, pushes)
        self._warm_up()
        self._make_dead_letters()
        first = self._post()
        begun = self._begin_broadcast()
        with flow.flowing():
            self._await_deliveries(_FLOWING_PUSHES)
            self._say("pushes flow through all doors, and a broadcast")
            before, addresses = time.time(), self._stack.outputs
            self._stack.deploy(built)
            after = time.time()
            progress = self._progress()
            self._stack.evaluate_iam()
            self._await_evaluation()
        self._say("IAM policies are evaluated from now on")
        self._compare_addresses(addresses)
        self._kii.fault()
        self._await_the_end(flow)
        # Before dead letters are put back, which would send again what is in doubt.
        self._broken += unsent([*flow.ids, *_WARM], self._bundle.outcomes())
        self._repeat(first)
        self._redrive()
        self._await_the_end(flow)
        self._judge(flow, Broadcast(begun, progress, self._progress()))
        times = self._kii.delivery_times()
        report = Report(
            release=self._stack.release.version,
            update_seconds=after - before,
            before=sum(at < before for at in times),
            meanwhile=sum(before <= at < after for at in times),
            after=sum(after <= at for at in times),
            answers=flow.answers,
            broken=self._broken,
        )
        if not (report.before and report.meanwhile and report.after):
            self._broken.append("pushes did not flow all the time")
        return report

    def _warm_up(self) -> None:
        """Let environments of the senders start with a single push each.

        Release 0.1.0 may crash when several threads decode the first messages of an environment.
        """
        self._kii.fault({"delayMs": _WARM_UP_MS})
        for number, group in enumerate((None, "warm-1", None, "warm-3")):
            self._doors.enqueue(json.dumps(push_request(_WARM[number])), group=group)
            wait_for(
                lambda number=number: len(self._kii.sends()) > number,  # type: ignore[misc]
                "An environment does not start",
                within=_START_SECONDS,
            )
        self._await_deliveries(len(_WARM))

    def _make_dead_letters(self) -> None:
        """Let the last release give up two pushes, for two reasons."""
        self._kii.fault({"match": _sends_to(USER), "drop": "before", "times": 1})
        refused = push_request(_REFUSED, target={"group": "team", "topic": "late"})
        self._bundle.enqueue([refused, push_request(_UNKNOWN)])
        wanted = {_REFUSED: "rejected", _UNKNOWN: "unknown"}
        wait_for(
            lambda: wanted.items() <= self._bundle.outcomes().items(),
            "No dead letters of the last release",
            within=_START_SECONDS,
        )
        self._kii.fault(
            {"match": _sends_to(_BROADCAST_USER), "delayMs": _BROADCAST_PUSH_MS}, {"delayMs": _PUSH_MS}
        )

    def _begin_broadcast(self) -> list[str]:
        """Begin a broadcast; return the marks of its pushes."""
        marks = [_MARK.format(line) for line in range(_RECIPIENTS)]
        request = {
            "id": _BROADCAST_ID,
            "template": push_request("${mark}")["message"],
            "recipients": [{"user": _BROADCAST_USER, "values": {"mark": mark}} for mark in marks],
            "confirm": True,
        }
        answer = self._doors.post("/broadcasts", request)
        if answer.status_code != HTTPStatus.ACCEPTED:
            raise LocalError(f"The broadcast was not accepted: {answer.status_code} {answer.text}")
        return marks

    def _progress(self) -> dict[str, Any]:
        answer = self._doors.http.get(f"/broadcasts/{_BROADCAST_ID}")
        if not answer.is_success:
            raise LocalError(f"The broadcast's progress is not known: {answer.status_code} {answer.text}")
        progress: dict[str, Any] = answer.json()
        return progress

    def _await_deliveries(self, count: int) -> None:
        wait_for(
            lambda: len(self._kii.delivered()) >= count,
            f"{count} pushes were not delivered",
            within=_START_SECONDS,
        )

    def _await_evaluation(self) -> None:
        """Wait until a user without any right is refused."""
        iam = aws_session().client("iam", endpoint_url=self._stack.endpoint)
        iam.create_user(UserName="nobody")
        key = iam.create_access_key(UserName="nobody")["AccessKey"]
        nobody = boto3.client(
            "sqs",
            endpoint_url=self._stack.endpoint,
            region_name=REGION,
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

        wait_for(lambda: _is_denied(nobody.list_queues), "IAM policies are not evaluated", within=10)
        nobody.close()
        iam.close()

    def _compare_addresses(self, before: Outputs) -> None:
        """Hold the outputs against those of the last release: senders know them."""
        old, new = asdict(before), asdict(self._stack.outputs)
        self._broken += [
            f"the output {name} was {value} and is {new[name]}"
            for name, value in old.items()
            # For `!Ref` of a secret MiniStack gives the name, where AWS gives the ARN.
            if value and value != new[name] and f":secret:{value}-" not in new[name]
        ]

    def _await_the_end(self, flow: Flow) -> None:
        """Wait until everything is sent, or can no longer be; what is not is for `_judge`."""
        deadline, word = time.monotonic() + _TIMEOUT_SECONDS, 0.0
        outputs = self._stack.outputs
        queues = (outputs.PushQueueUrl, outputs.PushFifoQueueUrl, outputs.BroadcastQueueUrl)
        while True:
            outcomes = self._bundle.outcomes()
            waiting = sum(self._bundle.waiting(url).all for url in queues)
            over = sum(outcomes.get(each, "in_flight") != "in_flight" for each in flow.ids)
            if over == len(flow.ids) and not waiting and self._progress()["status"] == "done":
                return
            now = time.monotonic()
            if now > deadline:
                self._broken.append(
                    f"After {_TIMEOUT_SECONDS} s {over:,} of {len(flow.ids):,} pushes had an outcome, "
                    f"{waiting:,} messages waited, and the broadcast was {self._progress()}."
                )
                return
            if now > word:
                self._say(f"{over:,} of {len(flow.ids):,} pushes have an outcome; {waiting:,} messages wait")
                word = now + _PROGRESS_SECONDS
            time.sleep(0.5)

    def _post(self) -> httpx.Response:
        """Send the push that is sent again after the update."""
        request = {name: value for name, value in push_request(_REPEATED).items() if name != "target"}
        return self._doors.post(f"/users/{USER}/push/messages", request)

    def _repeat(self, first: httpx.Response) -> None:
        """Send a push again that the last release has sent: it is a duplicate."""
        again = self._post()
        if not (first.is_success and again.is_success):
            self._broken.append(f"{_REPEATED}: answered {first.status_code}, then {again.status_code}")
        elif not again.json().get("replayed") or _message_id(again) != _message_id(first):
            self._broken.append(f"{_REPEATED}: answered {again.text} after {first.text}")

    def _redrive(self) -> None:
        """Put the dead letters of the last release back, once what was wrong is mended."""
        for path in (_TOPIC, f"{_TOPIC}/push/subscriptions/users/{USER_ID}"):
            answer = self._doors.http.put(path)
            if not answer.is_success:
                raise LocalError(f"PUT {path} was answered {answer.status_code}: {answer.text}")
        causes = [group["cause"] for group in self._invoke_redrive({"action": "list"})["groups"]]
        put_back = sum(
            self._invoke_redrive({"action": "redrive", "cause": cause})["put_back"] for cause in causes
        )
        if put_back != len(_DEAD):
            self._broken.append(f"{put_back} dead letters were put back, of causes {', '.join(causes)}")

    def _invoke_redrive(self, event: dict[str, str]) -> dict[str, Any]:
        functions = aws_session().client("lambda", endpoint_url=self._stack.endpoint)
        answer = functions.invoke(
            FunctionName=self._stack.outputs.RedriveFunctionName, Payload=json.dumps(event).encode()
        )
        functions.close()
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        if answer.get("FunctionError") or "error" in result:
            raise LocalError(f"The redrive function answered {event} with {result}.")
        return result

    def _judge(self, flow: Flow, broadcast: Broadcast) -> None:
        """Hold what the ledger says against what was delivered."""
        outcomes, reasons = self._bundle.ends()
        facts = Facts(self._kii.deliveries(), outcomes, self._bundle.dead_letters(), reasons)
        self._broken += broken_pushes([*flow.ids, *_WARM, *_DEAD, _REPEATED], facts)
        self._broken += broken_order(flow.fifo, self._kii.delivered())
        self._broken += broken_broadcast(broadcast, facts)


def _sends_to(user: str) -> dict[str, str]:
    """Return what matches the sends to a user in a fault."""
    return {**SENDS, "path": f"*/users/{user}/push/messages"}


def _message_id(answer: httpx.Response) -> str:
    return str(answer.json()["pushMessageID"])


def _is_denied(call: Callable[[], object]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDenied"
    return False
