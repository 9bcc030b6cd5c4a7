"""Who may do what with a broadcast's objects and records: each function only what it calls."""

import pytest

from tests.template.model import functions, references, statements

FUNCTIONS = functions()
PREFIXES = ("jobs", "inline", "lists")


def actions(function: str, service: str) -> set[tuple[str, str]]:
    """Return (action, place) for what a function may do: a prefix of the bucket's keys, or the resource."""
    [role] = references(FUNCTIONS[function]["Role"])
    return {
        (action, place(resource))
        for statement in statements(role)
        for action in statement["Action"]
        for resource in statement["Resource"]
        if action.startswith(f"{service}:")
    }


def place(resource: object) -> str:
    text = str(resource)
    return next((prefix for prefix in PREFIXES if f"/{prefix}/*" in text), "".join(set(references(resource))))


@pytest.mark.parametrize(
    ("function", "objects"),
    [
        (
            "BroadcastsFunction",
            {
                *(("s3:PutObject", prefix) for prefix in ("jobs", "inline")),
                *(("s3:GetObject", prefix) for prefix in ("jobs", "lists")),
            },
        ),
        ("FanOutFunction", {("s3:GetObject", prefix) for prefix in PREFIXES}),
    ],
)
def test_a_function_reads_and_writes_the_objects_that_it_must(
    function: str, objects: set[tuple[str, str]]
) -> None:
    # Without ListBucket what is not there would be 403, as if it were forbidden.
    assert actions(function, "s3") == objects | {("s3:ListBucket", "BroadcastBucket")}


def test_the_fan_out_makes_no_new_items() -> None:
    assert actions("FanOutFunction", "dynamodb") == {
        ("dynamodb:GetItem", "Ledger"),
        ("dynamodb:UpdateItem", "Ledger"),
    }
