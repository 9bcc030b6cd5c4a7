"""The conformance vectors of docs/kii-push-api.md §14 against the running sandbox, each by its number."""

import re
from typing import TYPE_CHECKING

import pytest

from local.settings import ROOT
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
    _, _, documented = (ROOT / "docs/kii-push-api.md").read_text().partition("\n## 14. ")
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", documented, re.MULTILINE)]

    assert numbers
    assert [vector.number for vector in VECTORS] == numbers
