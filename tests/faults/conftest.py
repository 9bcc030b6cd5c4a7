"""Faults are tested on the deployed bundle: every test starts with empty queues and an empty ledger."""

from collections.abc import Iterator

import pytest

from local.doors import Doors
from local.faults.bundle import Bundle
from local.faults.kii import Kii, push_request
from local.stack import LocalStack
from tests.faults.three_doors import ThreeDoors
from tests.support import empty_tables, wait_until


@pytest.fixture(scope="session")
def bundle(stack: LocalStack) -> Iterator[Bundle]:
    """The queue door from outside."""
    with Bundle(stack) as bundle:
        yield bundle


@pytest.fixture(scope="session")
def warm(stack: LocalStack, doors: Doors, bundle: Bundle) -> None:
    """Let every environment have a token: a fault would otherwise meet the first call after a reset's 403."""
    bundle.purge()
    with Kii(stack.sandbox_url) as kii:
        kii.reset()
        # Slow enough for every environment that takes from the queue to get its share.
        kii.fault({"delayMs": 300})
        bundle.enqueue(push_request(f"warm-{number}") for number in range(60))
        assert ThreeDoors(doors, bundle).send().status_code == 201
        assert wait_until(lambda: not bundle.waiting().all, within=120)


@pytest.fixture
def kii(stack: LocalStack, bundle: Bundle, warm: None) -> Iterator[Kii]:  # noqa: ARG001 (once before)
    """The sandbox with a device of bob's and no faults."""
    bundle.purge()
    empty_tables(stack.endpoint)
    with Kii(stack.sandbox_url) as kii:
        kii.count_from_now()
        try:
            yield kii
        finally:
            kii.fault()
            kii.right_clock()


@pytest.fixture
def three(doors: Doors, bundle: Bundle) -> ThreeDoors:
    """A push for each of the three doors."""
    return ThreeDoors(doors, bundle)
