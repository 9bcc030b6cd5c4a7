"""The reckoning of an update run finds every promise that was not kept."""

from collections import Counter
from typing import Any

import pytest

from local.faults.verdict import Facts
from local.update.verdict import Broadcast, broken_broadcast, broken_order, broken_pushes, unsent

IDS = ["a", "b"]


def facts(deliveries: dict[str, int], **outcomes: str) -> Facts:
    letters = {each: ["unknown"] for each, outcome in outcomes.items() if outcome == "unknown"}
    return Facts(Counter(deliveries), outcomes, letters)


def test_each_push_was_sent_once() -> None:
    assert broken_pushes(IDS, facts({"a": 1, "b": 1}, a="sent", b="sent")) == []


@pytest.mark.parametrize(
    "known",
    [
        facts({"a": 1, "b": 2}, a="sent", b="sent"),
        facts({"a": 1}, a="sent", b="sent"),
        facts({"a": 1}, a="sent"),
        facts({"a": 1}, a="sent", b="not_sent"),
        facts({"a": 1, "b": 1}, a="sent", b="unknown"),
        facts({"a": 1, "b": 1}, a="sent", b="in_flight"),
    ],
)
def test_a_push_that_was_not(known: Facts) -> None:
    broken = broken_pushes(IDS, known)

    assert broken
    assert all(line.startswith("b: ") for line in broken)


def test_a_push_in_doubt_is_not_sent() -> None:
    assert unsent([*IDS, "c"], {"a": "sent", "b": "unknown"}) == [
        "b: ended as unknown",
        "c: ended as no outcome",
    ]


@pytest.mark.parametrize("delivered", [["a", "b"], ["a", "c", "b"], ["a", "b", "a"]])
def test_the_order_of_a_group(delivered: list[str]) -> None:
    assert broken_order({"group": IDS}, delivered) == []


@pytest.mark.parametrize("delivered", [["b", "a"], ["a"], ["b", "a", "b"]])
def test_another_order_of_a_group(delivered: list[str]) -> None:
    assert broken_order({"group": IDS}, delivered) == ["group: its pushes came in another order"]


def progress(status: str, recipients: int = 2, **counts: int) -> dict[str, Any]:
    return {"status": status, "recipients": recipients, "counts": {"sent": 0, "rejected": 0, **counts}}


BEGUN, DONE = progress("sending", sent=1), progress("done", sent=2)


def test_a_broadcast_that_went_on() -> None:
    assert broken_broadcast(Broadcast(IDS, BEGUN, DONE), facts({"a": 1, "b": 1})) == []


@pytest.mark.parametrize(
    ("before", "after", "deliveries"),
    [
        (DONE, DONE, {"a": 1, "b": 1}),
        (BEGUN, BEGUN, {"a": 1, "b": 1}),
        (BEGUN, progress("done", 3, sent=2), {"a": 1, "b": 1}),
        (progress("sending", 3), DONE, {"a": 1, "b": 1}),
        (BEGUN, progress("done", sent=1, rejected=1), {"a": 1, "b": 1}),
        (BEGUN, DONE, {"a": 1, "b": 2}),
        (BEGUN, DONE, {"a": 1}),
    ],
)
def test_a_broadcast_that_did_not(
    before: dict[str, Any], after: dict[str, Any], deliveries: dict[str, int]
) -> None:
    assert broken_broadcast(Broadcast(IDS, before, after), facts(deliveries))
