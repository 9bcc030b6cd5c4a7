"""A value made once for many threads: one attempt at a time, and its failure is everyone's who waited."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock, Semaphore

import pytest

from kii_push.common.single_flight import SingleFlight
from kii_push.errors import KiiUnreachable

THREADS = 16


def test_a_value_is_made_once_and_kept_while_it_is_good() -> None:
    kept: SingleFlight[int] = SingleFlight()
    made = iter([1, 2])

    assert [kept.get(lambda _: True, lambda: next(made)) for _ in range(3)] == [1, 1, 1]
    assert [kept.get(lambda value: value == 2, lambda: next(made)) for _ in range(2)] == [2, 2]


def test_threads_that_start_together_make_one_value() -> None:
    kept: SingleFlight[object] = SingleFlight()
    together = Barrier(THREADS)

    def get(_: int) -> object:
        together.wait()
        return kept.get(lambda _: True, object)

    with ThreadPoolExecutor(THREADS) as threads:
        assert len(set(threads.map(get, range(THREADS)))) == 1


class WatchedLock:
    """A lock that tells how many threads have asked for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.asked = Semaphore(0)

    def __enter__(self) -> None:
        self.asked.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def test_threads_that_waited_for_a_failure_share_it_and_the_next_caller_tries_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock = WatchedLock()
    with monkeypatch.context() as patch:
        patch.setattr("kii_push.common.single_flight.threading.Lock", lambda: lock)
        kept: SingleFlight[str] = SingleFlight()
    attempts: list[str] = []

    def fail_once_all_wait() -> str:
        attempts.append("failed")
        for _ in range(THREADS):
            assert lock.asked.acquire(timeout=10)
        raise KiiUnreachable("Kii cannot be reached")

    def get(_: int) -> KiiUnreachable | None:
        try:
            kept.get(lambda _: True, fail_once_all_wait)
        except KiiUnreachable as failure:
            return failure
        return None

    with ThreadPoolExecutor(THREADS) as threads:
        failures = set(threads.map(get, range(THREADS)))

    assert attempts == ["failed"]
    assert len(failures) == 1
    assert isinstance(failures.pop(), KiiUnreachable)
    assert kept.get(lambda _: True, lambda: "made") == "made"


def test_a_failure_leaves_the_kept_value_and_is_not_kept_itself() -> None:
    kept: SingleFlight[int] = SingleFlight()
    kept.get(lambda _: True, lambda: 1)

    def fail() -> int:
        raise KiiUnreachable("Kii cannot be reached")

    with pytest.raises(KiiUnreachable):
        kept.get(lambda _: False, fail)

    assert kept.get(lambda _: True, fail) == 1
    assert kept.get(lambda _: False, lambda: 2) == 2


def test_while_a_new_value_is_made_the_old_one_is_used_if_it_will_do() -> None:
    kept: SingleFlight[int] = SingleFlight()
    kept.get(lambda _: True, lambda: 1)
    begun, finish = Event(), Event()

    def make() -> int:
        begun.set()
        assert finish.wait(10)
        return 2

    with ThreadPoolExecutor(2) as threads:
        maker = threads.submit(kept.get, lambda _: False, make)
        assert begun.wait(10)
        assert kept.get(lambda value: value == 2, make, meanwhile=lambda value: value == 1) == 1
        waits = threads.submit(kept.get, lambda value: value == 2, make, lambda value: value != 1)
        finish.set()
        assert (maker.result(10), waits.result(10)) == (2, 2)

    assert kept.value == 2
