"""The reckoning of a fault run finds every promise that was not kept."""

from collections import Counter
from typing import Any

import pytest

from local.faults.verdict import Facts, strangers, tally

EARLIER = "an earlier try of this push may have reached Kii"


def facts(
    delivered: int = 0,
    outcome: str | None = None,
    letters: list[str] | None = None,
    reason: str | None = None,
) -> Facts:
    """Return what is known of the one push `p`."""
    return Facts(
        deliveries=Counter({"p": delivered}),
        outcomes={} if outcome is None else {"p": outcome},
        dead_letters={"p": letters} if letters else {},
        reasons={"p": reason} if reason else {},
    )


@pytest.mark.parametrize(
    ("on_unknown", "known"),
    [
        ("hold", facts(1, "sent")),
        ("hold", facts(0, "unknown", ["unknown"])),
        ("hold", facts(1, "unknown", ["unknown"])),
        ("hold", facts(1, "unknown", ["unknown"], "Kii gave no whole answer (ReadTimeout)")),
        ("hold", facts(1, "unknown", ["unknown"], "Kii answered 500 without an error code")),
        ("hold", facts(0, "unknown", ["unknown"], f"Kii answered 429 RATE; {EARLIER}")),
        ("hold", facts(1, "unknown", ["unknown", "unknown"])),
        ("resend", facts(1, "sent")),
        ("resend", facts(3, "sent")),
        ("resend", facts(3, "unknown", ["unknown"])),
    ],
)
def test_a_promise_that_was_kept(on_unknown: str, known: Facts) -> None:
    found = tally(["p"], on_unknown, known)
    assert found.broken == []
    assert found.lost == 0


@pytest.mark.parametrize(
    ("on_unknown", "known", "wrong", "lost"),
    [
        ("hold", facts(2, "sent"), "delivered 2 times", 0),
        ("hold", facts(2, "unknown", ["unknown"]), "delivered 2 times", 0),
        ("hold", facts(0, "sent"), "lost: sent by the ledger, never delivered", 1),
        ("hold", facts(0, "unknown"), "lost: unknown, and no dead letter tells a person so", 1),
        (
            "hold",
            facts(0, "unknown", ["exhausted"]),
            "lost: unknown, and no dead letter tells a person so",
            1,
        ),
        (
            "hold",
            facts(0, "unknown", ["unknown", "exhausted"]),
            "lost: unknown, and no dead letter tells a person so",
            1,
        ),
        *(
            (
                "hold",
                facts(0, "unknown", ["unknown"], reason),
                f"unknown, though Kii cannot have accepted it: {reason}",
                0,
            )
            for reason in (
                "Kii answered 503 without an error code",
                "Kii answered 429 without an error code",
                "Kii cannot be reached (ConnectError)",
                "Kii gave no whole answer (ConnectTimeout)",
            )
        ),
        ("hold", facts(0), "lost: no outcome, delivered 0 times", 1),
        ("hold", facts(1), "lost: no outcome, delivered 1 times", 1),
        ("hold", facts(1, "in_flight"), "ended as in_flight, delivered 1 times", 0),
        ("hold", facts(1, "not_sent"), "ended as not_sent, delivered 1 times", 0),
        ("hold", facts(1, "sent", ["unknown"]), "sent, and a dead letter as well (unknown)", 0),
        ("resend", facts(0, "sent"), "lost: sent by the ledger, never delivered", 1),
        ("resend", facts(4, "sent"), "delivered 4 times", 0),
        ("resend", facts(4, "unknown", ["unknown"]), "delivered 4 times", 0),
        ("resend", facts(1, "unknown"), "lost: unknown, and no dead letter tells a person so", 1),
        ("hold", facts(0, "exhausted", ["exhausted"]), "ended as exhausted, delivered 0 times", 0),
        ("resend", facts(1, "sent", ["exhausted"]), "sent, and a dead letter as well (exhausted)", 0),
    ],
)
def test_a_promise_that_was_broken(on_unknown: str, known: Facts, wrong: str, lost: int) -> None:
    found = tally(["p"], on_unknown, known)
    assert found.broken == [f"p: {wrong}"]
    assert found.lost == lost


def test_all_are_counted() -> None:
    known = Facts(
        deliveries=Counter({"a": 1, "b": 3, "c": 1, "d": 0}),
        outcomes={"a": "sent", "b": "sent", "c": "unknown", "d": "unknown"},
        dead_letters={"c": ["unknown"], "d": ["unknown"]},
        reasons={},
    )
    found = tally(["a", "b", "c", "d"], "hold", known)
    assert (found.pushes, found.outcomes) == (4, {"sent": 2, "unknown": 2})
    assert (found.unknown_delivered, found.extra) == (1, 2)


@pytest.mark.parametrize(
    "seen",
    [{"deliveries": Counter({"q": 1})}, {"outcomes": {"q": "sent"}}, {"dead_letters": {"q": ["unknown"]}}],
)
def test_a_push_that_nobody_sent_is_noticed(seen: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"deliveries": Counter(), "outcomes": {}, "dead_letters": {}, "reasons": {}}
    assert strangers(["p"], Facts(**{**nothing, **seen})) == ["q: nobody sent it"]
