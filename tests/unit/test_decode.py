"""Values decoded into structs, and the field that an error names."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from kii_push.common.decode import decode, wire_name
from kii_push.errors import InvalidRequest, Violation
from tests.source import modules


class Inner(Struct, forbid_unknown_fields=True):
    numbers: dict[str, int] = {}


class Outer(Struct, forbid_unknown_fields=True):
    inner: Inner | None = None
    names: list[str] = []


@pytest.mark.parametrize(
    ("name", "on_the_wire"),
    [("send_app_id", "sendAppID"), ("data", "data"), ("loc_args", "locArgs"), ("topic_id", "topicID")],
)
def test_names_are_kii_s_own(name: str, on_the_wire: str) -> None:
    assert wire_name(name) == on_the_wire


def violation(value: Any, prefix: str = "") -> Violation:
    """Return what is wrong with a value that is no Outer."""
    with pytest.raises(InvalidRequest) as caught:
        decode(value, Outer, prefix)
    [found] = caught.value.violations
    return found


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (5, ""),
        ({"x": 1}, "x"),
        ({"inner": {"x": 1}}, "inner.x"),
        ({"names": ["a", 5]}, "names[1]"),
        ({"inner": {"numbers": {"a": "b"}}}, "inner.numbers[...]"),
    ],
)
def test_the_field_that_does_not_fit_is_named(value: Any, field: str) -> None:
    assert violation(value).field == field
    assert violation(value, "outer").field == f"outer.{field}".rstrip(".")


@pytest.mark.parametrize("where", ["", "inner."])
@pytest.mark.parametrize("end", ["$KKK", "$", "$.", "$.a b", "$[x]"])
def test_a_field_whose_name_looks_like_a_path_is_a_name_all_the_same(where: str, end: str) -> None:
    name = f"x` - at `{end}\n\x1b{'k' * 100_000}"
    found = violation({"inner": {name: 1}} if where else {name: 1})
    assert found.reason == "is not a known field"
    assert found.field.startswith(f"{where}x` - at `{end}??k")
    assert len(found.field) < 80


def test_a_field_that_claims_a_path_of_ours_is_named_in_few_characters() -> None:
    found = violation({f"x` - at `$.inner{'.k' * 100_000}": 1})
    assert found.reason == "is not a known field"
    assert found.field.isprintable()
    assert len(found.field) < 300


# Decodes each of many new shapes in several threads that begin at the same time.
THREADS = """
import sys, threading
from msgspec import defstruct
from kii_push.common.decode import decode

sys.setswitchinterval(1e-6)

def first_use(shape, start):
    start.wait()
    decode({"inner": {"text": "a"}}, shape)

for _ in range(300):
    inner = defstruct("Inner", [("text", str), ("number", int, 0)])
    shape = defstruct("Shape", [("inner", inner), ("more", str | None, None)])
    start = threading.Barrier(10)
    threads = [threading.Thread(target=first_use, args=(shape, start)) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


LAYER = modules("layers")


@pytest.mark.parametrize("path", [path for path in LAYER if path.parent.name != "cli"], ids=str)
def test_every_shape_is_prepared_for_several_threads(path: Path) -> None:
    """The command line has one."""
    unprepared = [
        ast.unparse(call)
        for call in ast.walk(LAYER[path])
        if isinstance(call, ast.Call)
        and ast.unparse(call.func) in {"msgspec.convert", "msgspec.json.decode"}
        and "ready(" not in ast.unparse(call)
    ]
    assert not unprepared


def test_several_threads_may_be_the_first_to_decode_a_shape() -> None:
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (this file's own)

    assert (done.returncode, done.stderr) == (0, "")
