"""Faults are tested on the deployed bundle: every test starts with empty queues and an empty ledger."""

from collections.abc import Iterator

import pytest

from local.doors import Doors
from local.faults.bundle import Bundle
from local.faults.kii import Kii, push_request
from local.stack import LocalStack
from tests.faults.three_doors import ThreeDoors
from tests.support import empty_tables, wait_until

WARM_UP = [f"warm-{number}" for number in range(60)]


@pytest.fixture(scope="session")
def bundle(stack: LocalStack) -> Iterator[Bundle]:
    """The queue door from outside."""
    with Bundle(stack) as bundle:
        yield bundle


@pytest.fixture
def kii(stack: LocalStack, doors: Doors, bundle: Bundle) -> Iterator[Kii]:
    """The sandbox with a device of bob's and no faults."""
    bundle.purge()
    with Kii(stack.sandbox_url) as kii:
        if not kii.remembers(WARM_UP[0]):
            warm_up(kii, doors, bundle)
        empty_tables(stack.endpoint)
        kii.count_from_now()
        try:
            yield kii
        finally:
            kii.fault()
            kii.right_clock()


def warm_up(kii: Kii, doors: Doors, bundle: Bundle) -> None:
    """Let every environment have a token: a fault would otherwise meet the first call after a reset's 403.

    Tests of other folders reset the sandbox, which then no longer remembers what was sent here.
    """
    kii.reset()
    # Slow enough for every environment that takes from the queue to get its share.
    kii.fault({"delayMs": 300})
    bundle.enqueue(push_request(push_id) for push_id in WARM_UP)
    assert ThreeDoors(doors, bundle).send().status_code == 201
    assert wait_until(lambda: not bundle.waiting().all, within=120)
    kii.fault()


@pytest.fixture
def three(doors: Doors, bundle: Bundle) -> ThreeDoors:
    """A push for each of the three doors."""
    return ThreeDoors(doors, bundle)
