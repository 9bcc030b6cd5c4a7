"""What goes wrong during a fault run, one thing after the other, while pushes are on the queue."""

import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import batched
from typing import Any

from local.faults.bundle import Bundle
from local.faults.kii import Kii, wait_for
from local.stack import LocalStack

# How long a fault may take to strike as often as it should.
_TIMEOUT_SECONDS = 240
# Longer than the 10 s that the client waits for an answer.
_TOO_SLOW_MS = 11_000
# How long Kii's answers are delayed, so that senders can be killed while they wait.
_DELAY_MS = 3_000
# More sends at once than the ten of one environment: then every sender is in the middle of a batch.
_BUSY_SENDS = 11
# The queue has two environments with ten threads each. Each thread holds one push.
_SENDER_THREADS = 20
_STORM_SECONDS = 10
_DOWN_SECONDS = 5
# All phases happen once for so many pushes.
_ROUND_PUSHES = 4000


@dataclass(frozen=True)
class Passed:
    """A phase that is over: seconds it took, and Kii's answers to the sends that reached it meanwhile.

    The answers are counted by status; None stands for those that got none.
    """

    name: str
    seconds: float
    answers: Counter[int | None]

    def __str__(self) -> str:
        """Say it in one line."""
        said = ", ".join(f"{count} x {status or 'no answer'}" for status, count in self.answers.most_common())
        return f"{self.name}: {self.seconds:.1f} s, sends that reached Kii: {said or 'none'}"


class Phases:
    """The phases of one run, in their order, and the pushes that they meet.

    `may_be_unknown` counts the pushes that have met a fault which leaves it open whether Kii took them, at
    the most; `killed` how often the senders were killed while they waited for Kii.
    """

    def __init__(
        self, stack: LocalStack, kii: Kii, bundle: Bundle, requests: Sequence[dict[str, Any]]
    ) -> None:
        """Plan the run: `requests` go on the queue a share a phase, so that none lacks pushes to meet."""
        self._stack = stack
        self._kii = kii
        self._bundle = bundle
        self._phases = (
            self._senders_killed,
            self._too_slow,
            self._cut,
            self._failed,
            self._token_expired,
            self._unavailable,
            self._refused,
            self._too_many,
        )
        self._rounds = max(1, len(requests) // _ROUND_PUSHES)
        each = math.ceil(len(requests) / self._rounds / len(self._phases))
        self._shares = batched(requests, each, strict=False)
        # The most frequent fault, 503, strikes five times as often, which is a third of a share.
        self._times = max(10, each // 14)
        self._kills = 3 * self._rounds
        self.may_be_unknown = self.killed = 0
        self._passed: list[Passed] = []

    def run(self) -> Iterator[Passed]:
        """Let every phase happen, as often as there are pushes for all of them."""
        for _ in range(self._rounds):
            for phase in self._phases:
                phase()
                yield self._passed[-1]

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun, before = time.monotonic(), self._kii.last()
        yield
        answers = Counter(each["status"] for each in self._kii.sends(before))
        self._passed.append(Passed(name, time.monotonic() - begun, answers))
        self._kii.fault()

    def _feed(self) -> None:
        """Put the phase's share of the pushes on the queue."""
        self._bundle.enqueue(next(self._shares))

    def _strike(self, *rules: dict[str, Any]) -> None:
        """Let each rule strike its `times`."""
        self._kii.fault(*rules)
        self._feed()
        wait_for(self._kii.exhausted, "The fault did not strike often enough", within=_TIMEOUT_SECONDS)

    def _senders_killed(self) -> None:
        with self._phase(f"senders killed in mid-batch, {self._kills} times"):
            self._feed()
            for number in range(self._kills):
                self._kii.fault({"delayMs": _DELAY_MS, "after": number % 2 == 0})
                self._wait_until_busy()
                if number % 3:
                    self.killed += 1
                else:
                    # Not while they wait for Kii, but at any moment: claiming, settling, answering.
                    self._kii.fault()
                    time.sleep(random.uniform(0, _DELAY_MS / 1000))  # noqa: S311 (no secret)
                wait_for(self._bundle.kill_senders, "No sender is running", within=_TIMEOUT_SECONDS)
                self.may_be_unknown += _SENDER_THREADS

    def _wait_until_busy(self) -> None:
        before = self._kii.last()

        def busy() -> bool:
            return [each["status"] for each in self._kii.sends(before)].count(None) >= _BUSY_SENDS

        wait_for(busy, "The senders are not busy", within=_TIMEOUT_SECONDS)

    def _too_slow(self) -> None:
        with self._phase("no answer in time"):
            times = max(10, self._times // 2)
            self._strike(
                {"delayMs": _TOO_SLOW_MS, "times": times},
                {"delayMs": _TOO_SLOW_MS, "times": times, "after": True},
            )
            self.may_be_unknown += 2 * times
            # The last ones act now, and nobody waits for their answers any more.
            time.sleep(_TOO_SLOW_MS / 1000)

    def _cut(self) -> None:
        with self._phase("connection cut"):
            self._strike(
                {"drop": "after", "times": 2 * self._times}, {"drop": "before", "times": self._times}
            )
            self.may_be_unknown += 3 * self._times

    def _failed(self) -> None:
        with self._phase("500, 502 and 504, half of them after delivering"):
            times = max(2, self._times // 4)
            rules = [
                {"status": status, "times": times, "after": after}
                for status in (500, 502, 504)
                for after in (True, False)
            ]
            self._strike(*rules)
            self.may_be_unknown += len(rules) * times

    def _token_expired(self) -> None:
        with self._phase("token expired"):
            before = self._kii.last()
            self._kii.expire_tokens()
            self._feed()
            wait_for(
                lambda: _went_on(self._kii.sends(before), self._times),
                "No push was sent with a new token",
                within=_TIMEOUT_SECONDS,
            )
            self._kii.right_clock()

    def _unavailable(self) -> None:
        with self._phase("503"):
            self._strike({"status": 503, "headers": {"Retry-After": "1"}, "times": 5 * self._times})

    def _refused(self) -> None:
        with self._phase("connection refused"), self._stack.sandbox_stopped():
            self.may_be_unknown += _SENDER_THREADS
            before = self._bundle.ended_for("Kii cannot be reached")
            self._feed()
            wait_for(
                lambda: self._bundle.ended_for("Kii cannot be reached") >= before + self._times,
                "Nobody found Kii gone",
                within=_TIMEOUT_SECONDS,
            )
            time.sleep(_DOWN_SECONDS)

    def _too_many(self) -> None:
        with self._phase(f"429 for {_STORM_SECONDS} s"):
            before = self._kii.last()
            self._kii.fault({"status": HTTPStatus.TOO_MANY_REQUESTS})
            self._feed()
            wait_for(
                lambda: HTTPStatus.TOO_MANY_REQUESTS in {each["status"] for each in self._kii.sends(before)},
                "Nobody met a 429",
                within=_TIMEOUT_SECONDS,
            )
            time.sleep(_STORM_SECONDS)


def _went_on(sends: Sequence[dict[str, Any]], count: int) -> bool:
    """Say whether Kii took `count` pushes after it had refused a token."""
    statuses = [each["status"] for each in sends]
    return HTTPStatus.FORBIDDEN in statuses and statuses.count(HTTPStatus.CREATED) >= count
