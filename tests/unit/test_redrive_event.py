"""The event of the redrive function: taken, or answered with what would be right."""

import json
from typing import Any

import pytest

from kii_push.dead_letters import redrive_event
from kii_push.dead_letters.redrive_event import RedriveEvent
from tests import apps


@pytest.mark.parametrize(
    ("event", "asked"),
    [
        ({"action": "list"}, RedriveEvent("list")),
        ({"action": "redrive", "cause": "unknown"}, RedriveEvent("redrive", "unknown")),
        ({"action": "drop", "cause": "c", "before": 7}, RedriveEvent("drop", "c", 7.0)),
        ({"action": "drop", "cause": "c", "before": 1763942400.25}, RedriveEvent("drop", "c", 1763942400.25)),
        ({"action": "drop", "cause": "c", "before": None}, RedriveEvent("drop", "c")),
    ],
)
def test_what_can_be_asked_for(event: Any, asked: RedriveEvent) -> None:
    assert redrive_event.read(event) == asked


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("list", "Expected `object`, got `str`"),
        ({}, "action: must be given"),
        ({"action": 5}, "action: Expected `str`, got `int`"),
        ({"action": "empty"}, "action: is not one of the possible values"),
        ({"action": "redrive"}, "cause: must be given to redrive letters"),
        ({"action": "drop", "cause": ""}, "cause: must be given to drop letters"),
        ({"action": "drop", "cause": ["c"]}, "cause: Expected `str`, got `array`"),
        ({"action": "drop", "cause": "c" * 1000}, "cause: Expected `str` of length <= 273"),
        (
            {"action": "drop", "cause": "c", "before": "2026-11-24"},
            "before: Expected `float | null`, got `str`",
        ),
        ({"action": "drop", "cause": "c", "before": True}, "before: Expected `float | null`, got `bool`"),
        ({"action": "drop", "cause": "c", "before": float("nan")}, "before: Expected `float` >= 0.0"),
        ({"action": "drop", "cause": "c", "before": 10**30}, "before: Expected `float` < 100000000000.0"),
        ({"action": "drop", "cause": "c", "befor": 5}, "befor: is not a known field"),
    ],
)
def test_another_event_is_answered_with_what_would_be_right(
    event: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Context:
        def get_remaining_time_in_millis(self) -> int:
            raise AssertionError("no queue is looked at")

    answer = apps.load("redrive", monkeypatch).handler(event, Context())

    assert answer == {"error": f"{what}; {redrive_event.HELP}"}
    assert json.dumps(answer)
