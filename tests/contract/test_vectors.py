"""The conformance vectors of the fact sheet, section 14, against the running sandbox, each by its number."""

from typing import TYPE_CHECKING

import pytest

from tests.contract.vectors import direct, installations, subscriptions, tokens, topics
from tests.contract.vectors.steps import Run, Vector

if TYPE_CHECKING:
    from tests.contract.demo import Demo

VECTORS = (
    *tokens.VECTORS,
    *direct.VECTORS,
    *topics.VECTORS,
    *subscriptions.VECTORS,
    *installations.VECTORS,
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"vector-{vector.number}")
def test_vector(vector: Vector, request: pytest.FixtureRequest) -> None:
    demo: Demo = request.getfixturevalue("odd_demo" if vector.odd else "demo")
    run = Run(demo)
    for step in vector.steps:
        step(run)


def test_no_vector_is_missing() -> None:
    assert [vector.number for vector in VECTORS] == [
        *(1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 16),
        *(17, 18, 21, 22, 23, 25, 26, 27, 28, 29, 30, 31, 32, 34, 35, 36, 39, 41, 42, 44, 45, 48, 49, 50),
        *(51, 52, 53, 55, 56, 58, 59, 60, 61, 63, 64, 66, 68, 69, 70, 73, 74),
        *(77, 78, 79, 81, 82, 84, 85, 87, 88),
        *(89, 91, 92, 93, 96, 98, 99, 101),
    ]
