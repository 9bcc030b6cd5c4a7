"""What goes wrong during a fault run, one thing after the other, while the queue is being worked off."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from local.faults.bundle import Bundle
from local.faults.kii import Kii, wait_for
from local.stack import LocalStack

# Seconds in which a fault must have struck as often as it should.
_PATIENCE = 180
# Milliseconds: more than the 10 s that the client waits for an answer.
_TOO_SLOW = 11_000
# Milliseconds that an answer is held back so that a sender can be killed while it waits for it.
_HELD = 300
# Sends that are under way at once: more than one environment's ten, so that every sender is in mid-batch.
_BUSY = 11
# Seconds.
_STORM = 10
_DOWN = 5
# Pushes for which all phases happen once.
_ROUND = 2000


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
    """The phases of one run, in their order; `pushes` says how often each fault strikes."""

    def __init__(self, stack: LocalStack, kii: Kii, bundle: Bundle, pushes: int) -> None:
        self._stack = stack
        self._kii = kii
        self._bundle = bundle
        self._rounds = max(1, pushes // _ROUND)
        self._kills = 3
        self._times = max(10, pushes // self._rounds // 100)
        self._passed: list[Passed] = []

    def run(self) -> Iterator[Passed]:
        """Let every phase happen, and all of them again as the queue is worked off."""
        phases = (
            self._senders_killed,
            self._too_slow,
            self._cut,
            self._failed,
            self._token_expired,
            self._unavailable,
            self._refused,
            self._too_many,
        )
        queued = self._bundle.waiting().all
        for done in range(self._rounds):
            left = queued * (self._rounds - done) // self._rounds
            self._wait_until_worked_off(left)
            for phase in phases:
                phase()
                yield self._passed[-1]

    def _wait_until_worked_off(self, left: int) -> None:
        """Wait until no more pushes are on the queue than these: the rounds are spread over all of them."""
        wait_for(
            lambda: self._bundle.waiting().all <= left, f"The queue was not worked off to {left}", within=600
        )

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        begun, before = time.monotonic(), self._kii.last()
        yield
        answers = Counter(each["status"] for each in self._kii.sends(before))
        self._passed.append(Passed(name, time.monotonic() - begun, answers))
        self._kii.fault()

    def _strike(self, *rules: dict[str, Any]) -> None:
        """Let each rule strike its `times`."""
        self._kii.fault(*rules)
        wait_for(self._kii.exhausted, "The fault did not strike often enough", within=_PATIENCE)

    def _senders_killed(self) -> None:
        with self._phase(f"sender killed in mid-batch, {self._kills} times"):
            for number in range(self._kills):
                self._kii.fault({"delayMs": _HELD, "after": number % 2 == 0})
                self._wait_until_busy()
                if number % 3 == 0:
                    # Not while it waits for Kii, but at any moment: claiming, settling, answering.
                    self._kii.fault()
                    time.sleep(random.uniform(0, 0.5))  # noqa: S311 (no secret)
                wait_for(self._bundle.kill_sender, "No sender is running", within=_PATIENCE)

    def _wait_until_busy(self) -> None:
        before = self._kii.last()

        def busy() -> bool:
            return [each["status"] for each in self._kii.sends(before)].count(None) >= _BUSY

        wait_for(busy, "The senders are not busy", within=_PATIENCE)

    def _too_slow(self) -> None:
        with self._phase("no answer in time"):
            times = max(20, self._times)
            self._strike(
                {"delayMs": _TOO_SLOW, "times": times // 2},
                {"delayMs": _TOO_SLOW, "times": times // 2, "after": True},
            )
            # The last ones act now, and nobody waits for their answers any more.
            time.sleep(_TOO_SLOW / 1000)

    def _cut(self) -> None:
        with self._phase("connection cut"):
            self._strike(
                {"drop": "after", "times": 2 * self._times}, {"drop": "before", "times": self._times}
            )

    def _failed(self) -> None:
        with self._phase("500, 502 and 504, half of them after delivering"):
            self._strike(
                *(
                    {"status": status, "times": max(2, self._times // 4), "after": after}
                    for status in (500, 502, 504)
                    for after in (True, False)
                )
            )

    def _token_expired(self) -> None:
        with self._phase("token expired"):
            before = self._kii.last()
            self._kii.expire_tokens()
            wait_for(
                lambda: _went_on(self._kii.sends(before), self._times),
                "No push was sent with a new token",
                within=_PATIENCE,
            )
            self._kii.right_clock()

    def _unavailable(self) -> None:
        with self._phase("503"):
            self._strike({"status": 503, "headers": {"Retry-After": "1"}, "times": 5 * self._times})

    def _refused(self) -> None:
        with self._phase("connection refused"):
            self._stack.stop_sandbox()
            time.sleep(_DOWN)
            self._stack.start_sandbox()

    def _too_many(self) -> None:
        with self._phase(f"429 for {_STORM} s"):
            self._kii.fault({"status": 429})
            time.sleep(_STORM)


def _went_on(sends: Sequence[dict[str, Any]], count: int) -> bool:
    """Say whether Kii took `count` pushes after it had refused a token."""
    statuses = [each["status"] for each in sends]
    return HTTPStatus.FORBIDDEN in statuses and statuses.count(HTTPStatus.CREATED) >= count
