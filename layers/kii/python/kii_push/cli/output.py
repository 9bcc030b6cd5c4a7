"""What commands print: lines and tables for people, JSON for programs."""

import json
from collections.abc import Sequence
from typing import Any

import typer
from msgspec import UNSET

from kii_push.errors import InvalidRequest, printable
from kii_push.push.dry_run import DryRunReport, NetworkUse


def line(text: str, *, error: bool = False) -> None:
    """Print a line on standard output, or on standard error; a text with line ends is several.

    What could control the terminal is replaced, for much of the text comes from elsewhere.
    """
    typer.echo("\n".join(map(printable, text.split("\n"))), err=error)


def as_json(value: Any) -> None:
    """Print JSON on standard output, with escapes for what could control the terminal."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    line("".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text))


def table(*rows: Sequence[object]) -> None:
    """Print a table whose first row is the head; columns of numbers stand to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(str(cell)) for cell in column) for column in columns]
    right = [any(isinstance(cell, int) for cell in column) for column in columns]
    for row in rows:
        cells = [
            printable(str(cell)).rjust(width) if number else printable(str(cell)).ljust(width)
            for cell, width, number in zip(row, widths, right, strict=True)
        ]
        line(f"  {'  '.join(cells).rstrip()}")


def violations(error: InvalidRequest, *, to_error: bool = False) -> None:
    """Print each rule that is broken, with its field."""
    width = max(len(each.field) for each in error.violations)
    for each in error.violations:
        line(f"  {each.field:<{width}}  {each.reason}" if width else f"  {each.reason}", error=to_error)


def used(report: DryRunReport) -> None:
    """Print what of Kii's limits a push uses, and the devices that each network reaches if known."""
    if report.object is not UNSET:
        line(f"  The object has {report.object.characters} of {report.object.limit} characters.")
    if report.networks is UNSET or not report.networks:
        return
    head = ("network", "bytes", "limit", "left", "devices")
    rows = [_row(network, use) for network, use in report.networks.items()]
    columns = len(head) - any(use.installations is UNSET for use in report.networks.values())
    table(*(row[:columns] for row in (head, *rows)))


def _row(network: str, use: NetworkUse) -> tuple[object, ...]:
    left = ("-", "-") if use.limit is None else (use.limit, use.limit - use.bytes)
    return (network, use.bytes, *left, use.installations)
