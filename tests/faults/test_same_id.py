"""One push asked for many times at once, over the deployed HTTPS door.

By fifty threads it is asked for in tests/delivery: so many environments at once are too much for two cores.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.faults.three_doors import ThreeDoors

if TYPE_CHECKING:
    from local.doors import Doors
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii

CALLERS = 12
# Seconds that so many environments may take to start at once.
COLD = 150


@pytest.fixture
def many_environments(bundle: "Bundle") -> Iterator[None]:
    """Free their memory afterwards."""
    yield
    bundle.kill("DirectPushFunction")


def at_once(call: Callable[[int], httpx.Response]) -> list[httpx.Response]:
    """Call so many times at the same moment."""
    start = threading.Barrier(CALLERS)

    def called(number: int) -> httpx.Response:
        start.wait()
        return call(number)

    with ThreadPoolExecutor(CALLERS) as threads:
        return list(threads.map(called, range(CALLERS)))


@pytest.mark.timeout(400)
@pytest.mark.usefixtures("many_environments")
def test_many_requests_with_one_id_are_one_push(
    kii: "Kii", doors: "Doors", bundle: "Bundle", three: "ThreeDoors"
) -> None:
    # Each has an environment of its own from here on, so that nobody is held up by starting one.
    others = [ThreeDoors(doors, bundle) for _ in range(CALLERS)]
    at_once(lambda number: others[number].post(timeout=COLD))
    assert kii.deliveries() == dict.fromkeys((each.http for each in others), 1)

    kii.fault({"delayMs": 3000})
    answers = at_once(lambda _: three.post())

    statuses = Counter(each.status_code for each in answers)
    assert kii.deliveries()[three.http] == 1
    assert statuses.keys() == {201, 409}
    sent = [each for each in answers if each.status_code == 201]
    assert [each.headers.get("Idempotent-Replayed") for each in sent].count(None) == 1
    assert len({each.json()["pushMessageID"] for each in sent}) == 1
    waiting = [each for each in answers if each.status_code == 409]
    assert all(int(each.headers["Retry-After"]) > 0 for each in waiting)
    assert {each.json()["outcome"] for each in waiting} == {"not_sent"}
