"""Which failure is which outcome, and what an error says."""

import inspect
import re
from collections.abc import Iterator

import pytest

# These define errors, too.
import kii_push.api.handler
import kii_push.broadcast.store
import kii_push.kii.stored_token  # noqa: F401
from kii_push import errors
from kii_push.errors import (
    BreakerOpen,
    InFlight,
    InvalidRequest,
    KiiError,
    KiiFailed,
    KiiUnavailable,
    NotFound,
    Outcome,
    PushError,
    TooManyRequests,
    Violation,
    WrongToken,
    kii_error,
)

ERRORS = [
    each
    for _, each in inspect.getmembers(errors, inspect.isclass)
    if issubclass(each, PushError) and each is not PushError
]


@pytest.mark.parametrize(
    ("status", "error_code", "kind", "outcome"),
    [
        (400, "INVALID_INPUT_DATA", KiiError, Outcome.REJECTED),
        (401, "UNAUTHORIZED", KiiError, Outcome.REJECTED),
        (403, None, KiiError, Outcome.REJECTED),
        (403, "WRONG_TOKEN", WrongToken, Outcome.NOT_SENT),
        (404, "USER_NOT_FOUND", KiiError, Outcome.REJECTED),
        (408, None, KiiUnavailable, Outcome.NOT_SENT),
        (409, "TOPIC_ALREADY_EXISTS", KiiError, Outcome.REJECTED),
        (425, None, KiiUnavailable, Outcome.NOT_SENT),
        (429, None, TooManyRequests, Outcome.NOT_SENT),
        (500, "UNKNOWN_ERROR", KiiFailed, Outcome.UNKNOWN),
        (502, None, KiiFailed, Outcome.UNKNOWN),
        (503, None, KiiUnavailable, Outcome.NOT_SENT),
        (504, None, KiiFailed, Outcome.UNKNOWN),
        (599, None, KiiFailed, Outcome.UNKNOWN),
        (302, None, KiiFailed, Outcome.UNKNOWN),
        (500, "WRONG_TOKEN", KiiFailed, Outcome.UNKNOWN),
        (404, "WRONG_TOKEN", KiiError, Outcome.REJECTED),
    ],
)
def test_each_answer_of_kiis_has_its_error_and_outcome(
    status: int, error_code: str | None, kind: type[KiiError], outcome: Outcome
) -> None:
    error = kii_error(status, error_code)

    assert type(error) is kind
    assert error.outcome is outcome
    assert (error.status, error.error_code) == (status, error_code)
    assert str(status) in error.reason
    assert (error_code or "without an error code") in error.reason


def test_the_wait_that_kii_asks_for_outranks_the_usual_one() -> None:
    assert kii_error(429, None, retry_after=7).retry_after == 7
    assert kii_error(503, None, retry_after=0).retry_after == 0


def test_the_wait_that_kii_asked_for_once_is_forgotten_with_its_error() -> None:
    kii_error(429, None, retry_after=7)

    assert kii_error(429, None).retry_after == TooManyRequests.retry_after != 7


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_ends_a_push_in_a_named_outcome(kind: type[PushError]) -> None:
    assert kind.outcome in Outcome
    assert kind.outcome is not Outcome.SENT


def needs_its_wait(kind: type[PushError]) -> bool:
    parameter = inspect.signature(kind.__init__).parameters.get("retry_after")
    return parameter is not None and parameter.default is inspect.Parameter.empty


@pytest.mark.parametrize(
    "kind",
    [each for each in ERRORS if each.outcome is Outcome.NOT_SENT and not needs_its_wait(each)],
    ids=lambda kind: kind.__name__,
)
def test_an_error_that_invites_another_try_says_when(kind: type[PushError]) -> None:
    assert kind.retry_after is not None
    assert kind.retry_after > 0


@pytest.mark.parametrize("error", [InFlight("another sender holds it", 12), BreakerOpen(12)])
def test_an_error_whose_end_is_known_says_when_to_come_back(error: PushError) -> None:
    assert error.outcome is Outcome.NOT_SENT
    assert error.retry_after == 12
    assert error.reason


def test_outcomes_are_the_eight_words_of_the_contract() -> None:
    assert [str(outcome) for outcome in Outcome] == [
        "sent",
        "rejected",
        "not_sent",
        "exhausted",
        "unknown",
        "expired",
        "cancelled",
        "duplicate",
    ]


def test_an_invalid_request_names_each_field_and_what_is_wrong_with_it() -> None:
    error = InvalidRequest(Violation("message.gcm.data.n", "must be a string"), Violation("", "is empty"))

    assert error.reason == "message.gcm.data.n: must be a string; is empty"
    assert [violation.field for violation in error.violations] == ["message.gcm.data.n", ""]
    assert error.error_code is None
    assert error.retry_after is None


HOSTILE = "a\n\x1b]0;owned\x07\u202e\ud800" + "x" * 500_000


def test_a_violation_is_short_and_printable_whatever_a_sender_called_the_field() -> None:
    found = Violation(HOSTILE, HOSTILE)
    assert (found.field[:20], found.reason[:20]) == ("a??]0;owned???xxxxxx",) * 2
    assert (len(found.field), len(found.reason)) == (257, 1001)
    assert f"{found}".isprintable()
    assert Violation(found.field, found.reason) == found, "it stays as it is"


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequest(*[Violation(HOSTILE, HOSTILE)] * 21),
        NotFound(HOSTILE),
        kii_error(400, HOSTILE),
        InFlight(HOSTILE, 1),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_gives_a_short_and_printable_reason_whatever_it_quotes(error: PushError) -> None:
    assert error.reason.isprintable()
    assert len(error.reason) == 1001
    assert error.reason.endswith("…")


def test_the_modules_tree_names_each_error_below_its_parent_with_its_outcome() -> None:
    tree: dict[str, tuple[str, str]] = {}
    parents = {0: "PushError"}
    for branch, name, outcome in re.findall(
        r"^    ([ │]*[├└]─ )(\w+) +(\w+)", errors.__doc__ or "", re.MULTILINE
    ):
        depth = len(branch) // 3
        tree[name] = (parents[depth - 1], outcome)
        parents[depth] = name

    assert tree == {each.__name__: (base_name(each), str(each.outcome)) for each in below(PushError)}


def base_name(kind: type[PushError]) -> str:
    [base] = kind.__bases__
    return base.__name__


def below(kind: type[PushError]) -> Iterator[type[PushError]]:
    """Yield the layer's errors below this one; those of other modules are there once these are imported."""
    for each in kind.__subclasses__():
        if each.__module__.startswith("kii_push."):
            yield each
            yield from below(each)
