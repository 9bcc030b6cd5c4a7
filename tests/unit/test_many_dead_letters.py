"""Dead letters in numbers, and what SQS may refuse: against queues that a test can fill and break."""

import functools
import json
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from kii_push.dead_letters.actions import MAX_GROUPS, CauseList, DeadLetters, RedriveResult
from kii_push.queues.sqs import Queue
from tests.doubles.sqs import BROADCASTS, DEAD, DEAD_FIFO, PUSHES, PUSHES_FIFO, Sqs
from tests.unit.conftest import LogLines

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


type Act = Callable[[DeadLetters, str, Callable[[], int], float | None], RedriveResult]


@pytest.fixture
def sqs() -> Sqs:
    return Sqs()


def dead_letters(sqs: Sqs) -> DeadLetters:
    dead, dead_fifo, pushes, pushes_fifo, broadcasts = (
        Queue(cast("SQSClient", sqs), url) for url in (DEAD, DEAD_FIFO, PUSHES, PUSHES_FIFO, BROADCASTS)
    )
    return DeadLetters({dead: pushes, dead_fifo: pushes_fifo}, broadcasts)


def causes(sqs: Sqs) -> CauseList:
    """List the letters in one call of the function."""
    return sqs.invoke(lambda time_left: dead_letters(sqs).causes(time_left))


def redrive(sqs: Sqs, cause: str) -> RedriveResult:
    """Put the letters of a cause back in one call of the function."""
    return sqs.invoke(lambda time_left: dead_letters(sqs).redrive(cause, time_left))


def drop(sqs: Sqs, cause: str) -> RedriveResult:
    """Delete the letters of a cause in one call of the function."""
    return sqs.invoke(lambda time_left: dead_letters(sqs).drop(cause, time_left))


def refusal(code: str, **_: Any) -> Any:
    raise ClientError({"Error": {"Code": code}}, "Call")


def no_answer(**_: Any) -> Any:
    raise EndpointConnectionError(endpoint_url=DEAD)


def part(failing: str, call: Callable[..., Any], **given: Any) -> Any:
    """Refuse the entries that `failing` is in, and do the rest of a call."""
    failed = [each for each in given["Entries"] if failing in str(each)]
    answer = call(**{**given, "Entries": [each for each in given["Entries"] if each not in failed]})
    return {**answer, "Failed": [{"Id": each["Id"], "Code": "InternalError"} for each in failed]}


def all_rounds(sqs: Sqs, act: Act, cause: str) -> list[RedriveResult]:
    """Go on until it is complete, as the command does."""
    letters = dead_letters(sqs)
    rounds = [sqs.invoke(lambda time_left: act(letters, cause, time_left, None))]
    while not rounds[-1].complete:
        assert len(rounds) < 12
        sqs.pass_time(60)
        rounds.append(sqs.invoke(lambda time_left: act(letters, cause, time_left, rounds[0].before)))
    return rounds


@pytest.mark.no_cover
def test_a_few_letters_behind_very_many_are_put_back(sqs: Sqs) -> None:
    sqs.put(DEAD, 20_000)
    sqs.put(DEAD, 5, outcome="unknown")

    rounds = all_rounds(sqs, DeadLetters.redrive, "unknown")

    assert len(rounds) == 4
    assert sum(each.put_back for each in rounds) == 5
    assert sum(each.others for each in rounds) == 20_000, "none was looked at twice"
    assert {json.loads(each["MessageBody"])["id"] for each in sqs.sent} == {f"unknown-{n}" for n in range(5)}
    assert (rounds[0].hidden, rounds[1].hidden > 0) == (0, True)
    sqs.pass_time(900)
    assert len(sqs.visible[DEAD]) == 20_000, "all others show themselves again"


@pytest.mark.no_cover
def test_very_many_letters_are_put_back(sqs: Sqs) -> None:
    sqs.put(DEAD, 9_990)
    sqs.put(DEAD_FIFO, 10)

    rounds = all_rounds(sqs, DeadLetters.redrive, "rejected")

    assert sum(each.put_back for each in rounds) == 10_000
    assert Counter(each["QueueUrl"] for each in sqs.sent) == {PUSHES: 9_990, PUSHES_FIFO: 10}
    assert (dict.fromkeys(sqs.batches), sqs.hidden) == ({10: None}, {})


@pytest.mark.no_cover
def test_very_many_letters_are_dropped_beside_a_few_others(sqs: Sqs) -> None:
    sqs.put(DEAD, 20_000)
    sqs.put(DEAD, 3, outcome="unknown")

    rounds = all_rounds(sqs, DeadLetters.drop, "rejected")

    assert sum(each.deleted for each in rounds) == 20_000
    assert [(group.cause, group.count) for group in causes(sqs).groups] == [("unknown", 3)]
    assert sqs.sent == []


def test_a_list_of_very_many_says_what_it_has_not_seen(sqs: Sqs) -> None:
    sqs.put(DEAD, 20_000)
    sqs.put(DEAD, 5, outcome="unknown")

    listing = causes(sqs)

    assert (listing.complete, listing.about) == (False, 20_005)
    assert 5_000 < listing.count == sum(group.count for group in listing.groups) < 20_005
    assert sqs.hidden == {}, "in time they are shown again"


def test_a_list_that_sees_all_is_complete(sqs: Sqs) -> None:
    sqs.put(DEAD, 12)
    sqs.put(DEAD_FIFO, 3, outcome="unknown")

    listing = causes(sqs)

    assert (listing.complete, listing.count, listing.about) == (True, 15, 15)
    assert [(group.cause, group.count) for group in listing.groups] == [("rejected", 12), ("unknown", 3)]


def test_a_list_shows_so_many_causes_as_a_function_can_answer(sqs: Sqs) -> None:
    for number in range(MAX_GROUPS + 5):
        sqs.put(DEAD, 1, outcome=f"cause-{number:04}")
    sqs.put(DEAD, 2, outcome="unknown")

    listing = causes(sqs)

    assert (listing.groups[0].cause, len(listing.groups)) == ("unknown", MAX_GROUPS)
    assert (listing.count, listing.about, listing.complete) == (MAX_GROUPS + 1, MAX_GROUPS + 7, False)


def test_a_list_does_not_hold_the_bodies(sqs: Sqs) -> None:
    sqs.put(DEAD, 2_000)
    sqs.padding = 50_000
    tracemalloc.start()

    count = causes(sqs).count

    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 2_000
    assert most < 40_000_000, "bytes; all bodies have 100 million"


def test_letters_that_another_hides_are_counted(sqs: Sqs) -> None:
    sqs.put(DEAD, 30)
    sqs.receive_message(QueueUrl=DEAD, VisibilityTimeout=900)

    listing, done = causes(sqs), redrive(sqs, "unknown")

    assert (listing.complete, listing.count, listing.about) == (False, 20, 30)
    assert (done.put_back, done.hidden, done.complete) == (0, 10, True)


@pytest.mark.parametrize("says_so", [True, False])
def test_more_letters_than_sqs_can_hide_are_told(sqs: Sqs, *, says_so: bool) -> None:
    sqs.put(DEAD, 400)
    sqs.most_hidden, sqs.says_over_limit = 300, says_so
    if not says_so:
        sqs.broken["get_queue_attributes"] = lambda **_: {
            "Attributes": {
                "ApproximateNumberOfMessages": "100",
                "ApproximateNumberOfMessagesNotVisible": "119000",
            }
        }

    done = redrive(sqs, "unknown")

    assert (done.complete, done.full, done.others) == (False, True, 300)
    assert sqs.hidden == {}, "it cannot go on, so nothing stays hidden"


def test_one_letter_that_sqs_refuses_does_not_keep_the_others(sqs: Sqs, log_lines: LogLines) -> None:
    sqs.put(DEAD, 25)
    sqs.broken["send_message_batch"] = functools.partial(part, "rejected-7", sqs.do_send_message_batch)

    done = redrive(sqs, "rejected")

    assert (done.put_back, done.failed, done.complete) == (24, 1, True)
    assert [each["MessageId"] for each in sqs.visible[DEAD]] == ["rejected-7"]
    assert [line["error_code"] for line in log_lines()] == ["InternalError"]


def test_one_letter_with_which_sqs_refuses_the_whole_batch_does_not_keep_the_others(
    sqs: Sqs, log_lines: LogLines
) -> None:
    def send(**given: Any) -> Any:
        if "rejected-7" in str(given):
            refusal("InvalidMessageContents")
        return sqs.do_send_message_batch(**given)

    sqs.put(DEAD, 25)
    sqs.broken["send_message_batch"] = send

    done = redrive(sqs, "rejected")

    assert (done.put_back, done.failed) == (24, 1)
    assert [each["MessageId"] for each in sqs.visible[DEAD]] == ["rejected-7"]
    assert [line["error_code"] for line in log_lines()] == ["InvalidMessageContents"]


def test_a_queue_that_does_not_answer_gets_nothing_twice(sqs: Sqs, log_lines: LogLines) -> None:
    sqs.put(DEAD, 10)
    sqs.broken["send_message_batch"] = no_answer

    done = redrive(sqs, "rejected")

    assert (done.put_back, done.failed) == (0, 10)
    assert len(sqs.visible[DEAD]) == 10
    assert [line["error_code"] for line in log_lines()] == ["EndpointConnectionError"]


@pytest.mark.parametrize(
    ("break_", "left", "codes"),
    [
        (
            lambda sqs: functools.partial(part, "rejected-7", sqs.do_delete_message_batch),
            1,
            ["InternalError"],
        ),
        (lambda _: functools.partial(refusal, "RequestThrottled"), 10, ["RequestThrottled"]),
    ],
    ids=["one", "all"],
)
def test_a_letter_that_cannot_be_deleted_stays(
    sqs: Sqs, log_lines: LogLines, break_: Callable[[Sqs], Callable[..., Any]], left: int, codes: list[str]
) -> None:
    sqs.put(DEAD, 10)
    sqs.broken["delete_message_batch"] = break_(sqs)

    done = redrive(sqs, "rejected")

    assert (done.put_back, done.failed) == (10, left)
    assert len(sqs.visible[DEAD]) == left
    assert [line["error_code"] for line in log_lines()] == codes
    sqs.broken["delete_message_batch"] = break_(sqs)
    assert drop(sqs, "rejected").failed == left


@pytest.mark.parametrize(
    ("break_", "hidden", "codes"),
    [
        (
            lambda sqs: functools.partial(part, "ed-7'", sqs.do_change_message_visibility_batch),
            1,
            ["InternalError"],
        ),
        (lambda _: functools.partial(refusal, "RequestThrottled"), 10, ["RequestThrottled"]),
        (lambda _: no_answer, 10, ["EndpointConnectionError"]),
    ],
    ids=["one", "all", "no answer"],
)
def test_a_letter_that_cannot_be_shown_again_shows_itself_later(
    sqs: Sqs, log_lines: LogLines, break_: Callable[[Sqs], Callable[..., Any]], hidden: int, codes: list[str]
) -> None:
    sqs.put(DEAD, 10)
    sqs.broken["change_message_visibility_batch"] = break_(sqs)

    assert causes(sqs).complete

    assert len(sqs.hidden) == hidden
    assert [line["error_code"] for line in log_lines()] == codes
    sqs.pass_time(121)
    assert len(sqs.visible[DEAD]) == 10


def test_letters_for_which_no_time_is_left_show_themselves_later(sqs: Sqs) -> None:
    def receive(**given: Any) -> Any:
        sqs.left = 10_000
        return sqs.do_receive_message(**given)

    sqs.put(DEAD, 10)
    sqs.broken["receive_message"] = receive

    assert not causes(sqs).complete

    assert len(sqs.hidden) == 10
    sqs.pass_time(121)
    assert len(sqs.visible[DEAD]) == 10


def test_a_fault_shows_all_letters_again(sqs: Sqs) -> None:
    def crash(**_: Any) -> Any:
        raise RuntimeError

    sqs.put(DEAD, 1_000, outcome="unknown")
    sqs.put(DEAD, 10)
    sqs.put(DEAD, 10_000, outcome="unknown")
    sqs.broken["send_message_batch"] = crash

    with pytest.raises(RuntimeError):
        redrive(sqs, "rejected")

    assert sqs.hidden == {}
    assert sqs.left > 60_000, "nobody goes on reading"


def test_long_messages_go_in_batches_that_sqs_takes(sqs: Sqs) -> None:
    sqs.put(DEAD, 3, padding="あ" * 42_000)
    sqs.put(DEAD, 2, outcome="unknown", padding="あ" * 30_000)

    assert redrive(sqs, "rejected").put_back == 3
    assert redrive(sqs, "unknown").put_back == 2

    assert sqs.batches == [1, 1, 1, 2]
