"""Kii's 429 closes all doors at once; after a while one push tries, and the others follow."""

import time
from typing import TYPE_CHECKING

import pytest

from kii_push.push.throttle import RECOVERY_SECONDS, STATE_AGE_SECONDS

if TYPE_CHECKING:
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii
    from tests.faults.three_doors import ThreeDoors


@pytest.mark.timeout(300)
def test_one_429_keeps_every_door_from_asking_until_a_probe_succeeds(
    kii: "Kii", bundle: "Bundle", three: "ThreeDoors"
) -> None:
    kii.fault({"status": 429, "headers": {"Retry-After": "5"}, "times": 1})
    asking = time.time()
    refused = three.post()
    opened = time.time()
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    assert refused.json()["outcome"] == "not_sent"
    # Until then another environment may still go by what it last read.
    time.sleep(STATE_AGE_SECONDS + 1)

    before = kii.last()
    answer = three.send()
    assert three.all_end_as("not_sent")
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["Retry-After"]) <= RECOVERY_SECONDS
    while (answer := three.post()).status_code == 503:
        assert time.time() < opened + RECOVERY_SECONDS + 90
        time.sleep(0.5)

    assert answer.status_code == 201, "the probe"
    sends = [each["at"] / 1000 for each in kii.sends(before)]
    # It opened between asking and the answer; its clock counts whole seconds.
    assert min(sends) >= asking + RECOVERY_SECONDS - 1, "nobody asked Kii while the breaker was open"
    # The queue's own, and the schedule's, which was put on the queue.
    assert three.all_end_as("sent", within=120)
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
    assert bundle.dead_letters() == {}
