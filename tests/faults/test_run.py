"""The fault run of `make faults`, at a tenth of its size."""

from typing import TYPE_CHECKING

import pytest

from local.faults.run import run

if TYPE_CHECKING:
    from local.stack import LocalStack

PUSHES = 1000


# Seconds. What a killed sender held is hidden for 60, the breaker is open for 30, a 429 is waited out for 60,
# and what met several faults comes back later each time.
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("kii")
def test_nothing_is_lost_and_nothing_sent_twice(stack: "LocalStack") -> None:
    report = run(stack, PUSHES, print)
    print(report.table())  # noqa: T201 (shown when it fails, or with -s)

    assert report.broken == []
    assert report.hold.pushes == PUSHES
    assert report.hold.outcomes["sent"] + report.hold.outcomes["unknown"] == PUSHES
    assert report.hold.extra == 0
    assert report.resend.outcomes == {"sent": PUSHES // 10}
    assert report.hold.unknown_delivered > 0, "the faults that must not lead to a second push were met"
