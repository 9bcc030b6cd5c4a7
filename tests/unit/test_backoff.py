"""How long calls that failed wait before they are made again."""

from collections.abc import Callable

import pytest

from kii_push.common.backoff import equal_jitter, full_jitter


@pytest.mark.parametrize(("jitter", "shortest"), [(full_jitter, 0), (equal_jitter, 4)])
def test_a_wait_is_random_and_within_its_bounds(jitter: Callable[[float], float], shortest: float) -> None:
    waits = [jitter(8) for _ in range(1000)]
    assert min(waits) >= shortest
    assert max(waits) <= 8
    # All of the range is used.
    assert min(waits) < shortest + 0.5
    assert max(waits) > 7.5
