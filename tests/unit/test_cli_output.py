"""What commands print, whatever it is that they print: nothing that controls the terminal."""

import json
from typing import Any

import pytest

from kii_push.cli import output
from kii_push.errors import InvalidRequest, Violation

# Sets the title, clears the screen by a C1 control, and turns the direction round.
CONTROLS = "a\x1b]0;owned\x07\r\u009b2J\u202eé日本🎉"
SHOWN = "a?]0;owned???2J?é日本🎉"


@pytest.mark.parametrize("error", [False, True])
def test_a_line_shows_controls_as_replaced(capsys: pytest.CaptureFixture[str], *, error: bool) -> None:
    output.line(f"{CONTROLS}\n  {CONTROLS}", error=error)
    printed = capsys.readouterr()
    assert (printed.err if error else printed.out) == f"{SHOWN}\n  {SHOWN}\n"


def test_a_table_stays_one(capsys: pytest.CaptureFixture[str]) -> None:
    output.table(("cause", "letters"), (f"{CONTROLS}\n", 5))
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["cause", "letters"],
        [f"{SHOWN}?", "5"],
    ]


def test_violations_show_controls_as_replaced(capsys: pytest.CaptureFixture[str]) -> None:
    output.violations(InvalidRequest(Violation(CONTROLS, CONTROLS)))
    assert capsys.readouterr().out == f"  {SHOWN}  {SHOWN}\n"


@pytest.mark.parametrize("text", [CONTROLS, "\x7f\ud800\U000e0001\u3000\n"])
def test_json_has_escapes_and_the_same_value(capsys: pytest.CaptureFixture[str], text: str) -> None:
    value: Any = {text: [text, 1]}
    output.as_json(value)
    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert json.loads(printed) == value
