"""`/_sandbox/rate`: beyond a contract rate Kii answers 429, counted in one of three ways."""

import json
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.settings.rate import (
    BucketCount,
    ContractRate,
    Count,
    FixedCount,
    RateCounter,
    SlidingCount,
)
from tests.sandbox.kii import PATH_TO_BOB, Kii

EMPTY: list[Count] = [FixedCount(), SlidingCount(), BucketCount()]
RATES = st.integers(1, 12)
# Times of requests in milliseconds: bursts, pauses and a few seconds' worth, from any time on.
TIMES = st.builds(
    lambda start, steps: [start + sum(steps[:end]) for end in range(1, len(steps) + 1)],
    st.integers(0, 2 * 10**12),
    st.lists(st.sampled_from([0, 0, 0, 1, 7, 90, 100, 333, 999, 1000, 1001, 2500]), min_size=1, max_size=80),
)


def accepted(count: Count, per_second: int, times: Iterable[int]) -> list[int]:
    """Return which of the times were accepted."""
    found = []
    for now in times:
        after = count.take(now, per_second)
        if after is not None:
            found.append(now)
            count = after
    return found


def busiest(times: list[int], length_ms: int) -> int:
    """Return the most times that any window of this length has, its end left out."""
    return max((sum(start <= at < start + length_ms for at in times) for start in times), default=0)


@given(TIMES, RATES)
def test_fixed_takes_no_more_in_any_second_of_the_clock(times: list[int], per_second: int) -> None:
    taken = accepted(FixedCount(), per_second, times)

    for second in {at // 1000 for at in times}:
        asked = sum(at // 1000 == second for at in times)
        assert sum(at // 1000 == second for at in taken) == min(asked, per_second)


@given(TIMES, RATES)
def test_sliding_takes_no_more_in_any_second_wherever_it_begins(times: list[int], per_second: int) -> None:
    taken = accepted(SlidingCount(), per_second, times)

    assert busiest(taken, 1000) <= per_second
    for refused in set(times) - set(taken):  # never without need
        assert sum(refused - 1000 < at <= refused for at in taken) == per_second


@given(TIMES, RATES)
def test_a_bucket_takes_no_more_than_it_holds_and_fills(times: list[int], per_second: int) -> None:
    taken = accepted(BucketCount(), per_second, times)

    for first, begin in enumerate(taken):
        for last, end in enumerate(taken[first:], first):
            assert (last - first + 1) * 1000 <= per_second * (1000 + end - begin)


@given(RATES, st.integers(0, 2 * 10**12))
def test_a_bucket_fills_evenly(per_second: int, start: int) -> None:
    taken = accepted(BucketCount(), per_second, range(start, start + 5000))

    assert taken[:per_second] == list(range(start, start + per_second))
    assert len(taken) == per_second + (per_second * 4999) // 1000
    assert {after - before for before, after in pairwise(taken[per_second:])} <= {
        1000 // per_second,
        1000 // per_second + 1,
    }


@pytest.mark.parametrize("count", EMPTY)
@given(times=TIMES, per_second=RATES, back=st.integers(1000, 10**12))
def test_a_clock_that_is_set_back_begins_anew(
    count: Count, times: list[int], per_second: int, back: int
) -> None:
    used: Count = count
    for now in times:
        used = used.take(now, per_second) or used

    assert used.take(times[-1] - back, per_second) is not None


@pytest.mark.parametrize("count", EMPTY)
@given(times=TIMES, per_second=RATES)
def test_a_slow_sender_is_never_refused(count: Count, times: list[int], per_second: int) -> None:
    spread = [now + index * 1000 for index, now in enumerate(times)]

    assert accepted(count, per_second, spread) == spread


def test_each_app_has_the_rate_to_itself() -> None:
    counter = RateCounter()
    assert all(counter.take("a", 0) for _ in range(100))

    counter.set(ContractRate(per_second=1))

    assert [counter.take(app, 0) for app in ("a", "b", "a", "b")] == [True, True, False, False]


def rate(kii: Kii, per_second: int, **more: Any) -> None:
    """Set the rate."""
    kii.control("PUT", "/rate", json={"perSecond": per_second, **more})


@pytest.mark.parametrize("window", ["fixed", "sliding", "bucket"])
def test_beyond_the_rate_is_429_without_a_body(kii: Kii, window: str) -> None:
    kii.install("bob")
    rate(kii, 3, window=window)

    answers = [kii.send() for _ in range(20)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert [answer.status_code for answer in answers[:3]] == [201] * 3
    assert len(refused) >= 10
    for answer in refused:
        assert answer.content == b""
        assert "Content-Type" not in answer.headers
        assert "Retry-After" not in answer.headers
    assert len(kii.deliveries()) == 20 - len(refused)
    time.sleep(1.05)
    assert kii.send().status_code == 201


def test_retry_after_only_if_given(kii: Kii) -> None:
    rate(kii, 1, window="sliding", retryAfter=2)
    kii.send()

    assert kii.send().headers["Retry-After"] == "2"


def test_what_the_rate_counts(kii: Kii) -> None:
    kii.call("PUT", "/topics/t")
    kii.call("POST", "/buckets/box")
    message = {"data": {}, "gcm": {"enabled": True}, "apns": {"enabled": False}}
    counted: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", PATH_TO_BOB, {"json": message}),
        ("POST", "/topics/t/push/messages", {"json": message}),
        ("POST", "/buckets/box/objects", {"json": {}}),
        ("PUT", "/buckets/box/objects/one", {"json": {}}),
        ("PATCH", "/buckets/box/objects/one", {"json": {}}),
        ("PUT", "/buckets/box/objects/one/body", {"content": b"x"}),
        ("DELETE", "/buckets/box/objects/one/body", {}),
        ("DELETE", "/buckets/box/objects/one", {}),
    ]
    rate(kii, 1, window="sliding")
    assert kii.send({}).status_code == 400  # it counts, whatever it is answered

    for method, path, request in counted:
        assert kii.call(method, path, **request).status_code == 429, (method, path)
    for method, path in [("GET", "/topics"), ("GET", "/buckets/box/objects/one"), ("PUT", "/topics/u")]:
        assert kii.call(method, path).status_code != 429, (method, path)
    rate(kii, 0)
    for method, path, request in counted:
        assert kii.call(method, path, **request).is_success, (method, path)


def test_a_request_that_a_fault_answers_does_not_count(kii: Kii) -> None:
    kii.faults({"match": {"path": "*/push/messages"}, "times": 3, "status": 503})
    rate(kii, 1, window="sliding")

    assert [kii.send().status_code for _ in range(5)] == [503, 503, 503, 201, 429]


def test_the_rate_is_shown_and_taken_away(kii: Kii) -> None:
    none = {"perSecond": 0, "window": "fixed", "retryAfter": None}
    assert kii.control("GET", "/rate").json() == none
    rate(kii, 1)
    assert kii.control("GET", "/rate").json() == {**none, "perSecond": 1}
    rate(kii, 1, window="bucket", retryAfter=0)
    assert kii.control("GET", "/rate").json() == {"perSecond": 1, "window": "bucket", "retryAfter": 0}

    kii.reset()

    assert kii.control("GET", "/rate").json() == none
    assert [kii.send().status_code for _ in range(3)] == [201] * 3


def test_a_rate_set_again_counts_anew(kii: Kii) -> None:
    for _ in range(2):
        rate(kii, 1, window="sliding")
        assert kii.send().status_code == 201
    assert kii.send().status_code == 429


@pytest.mark.parametrize(
    "body",
    [
        *({}, [], {"perSecond": -1}, {"perSecond": 1.5}, {"perSecond": "1"}, {"perSecond": None}),
        *({"perSecond": 1, "window": "hour"}, {"perSecond": 1, "retryAfter": -1}, {"perSecond": 1, "per": 1}),
    ],
)
def test_a_rate_that_cannot_be(kii: Kii, body: object) -> None:
    answer = kii.http.put("/_sandbox/rate", content=json.dumps(body))

    assert answer.status_code == 400
    for word in ("perSecond", '"fixed", "sliding" or "bucket"', "retryAfter", "0 for no limit"):
        assert word in answer.json()["error"]
    assert kii.control("GET", "/rate").json()["perSecond"] == 0
