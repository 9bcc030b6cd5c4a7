"""Dead letters on real queues: grouped by cause, put back or dropped by cause, never lost."""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from kii_push.dead_letters.actions import DeadLetters
from kii_push.errors import InvalidRequest, NoAnswer, Outcome, Violation, kii_error
from kii_push.push.ledger import Ledger
from kii_push.queues.sqs import OutgoingMessage
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.letters import put
from tests.delivery.push_requests import as_text, queued
from tests.doubles.scripted_kii import ScriptedKii, answer, fail
from tests.support import Queue, ample_time

FAILURES = {
    "unknown": fail(httpx.ReadTimeout),
    "rejected USER_NOT_FOUND": answer(404, errorCode="USER_NOT_FOUND"),
    "exhausted": answer(503),
}


def test_letters_are_grouped_by_cause_with_their_age(letters: DeadLetters, dead_letters: Queue) -> None:
    put(
        dead_letters,
        (as_text("a"), kii_error(404, "USER_NOT_FOUND")),
        (as_text("b"), kii_error(404, "USER_NOT_FOUND")),
        (as_text("c"), InvalidRequest(Violation("message.data.from", "is reserved"))),
        (as_text("d"), NoAnswer("timeout")),
    )
    dead_letters.send(OutgoingMessage(as_text("e")))
    found = {group.cause: group for group in letters.causes(ample_time).groups}
    assert {cause: group.count for cause, group in found.items()} == {
        "rejected USER_NOT_FOUND": 2,
        "rejected message.data.from": 1,
        "unknown": 1,
        "exhausted": 1,
    }
    assert sorted(found["rejected USER_NOT_FOUND"].examples) == ["a", "b"]
    assert found["exhausted"].examples == ["e"]
    assert 0 <= found["unknown"].newest <= found["unknown"].oldest < 60
    again = letters.causes(ample_time).groups
    assert sum(group.count for group in again) == 5, "looking does not take them away"


def test_one_cause_goes_back_the_others_stay(letters: DeadLetters, dead_letters: Queue, queue: Queue) -> None:
    put(
        dead_letters,
        (as_text("a"), kii_error(404, "USER_NOT_FOUND")),
        (as_text("b"), NoAnswer("timeout")),
    )
    result = letters.redrive("rejected USER_NOT_FOUND", ample_time)
    assert (result.cause, result.put_back, result.dropped) == ("rejected USER_NOT_FOUND", 1, 0)
    assert result.complete
    assert [json.loads(each["Body"])["id"] for each in queue.messages()] == ["a"]
    assert [group.cause for group in letters.causes(ample_time).groups] == ["unknown"]
    assert dead_letters.messages()


def test_unknown_is_sent_again_only_when_named(
    letters: DeadLetters, queue: Queue, unattended: UnattendedDelivery, kii: ScriptedKii
) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert unattended.deliver(queued(as_text("a"))).outcome == Outcome.UNKNOWN
    assert letters.redrive("exhausted", ample_time).put_back == 0
    assert letters.redrive("unknown", ample_time).put_back == 1
    (message,) = queue.messages()
    assert unattended.deliver(queued(message["Body"], "sqs-2")).outcome == Outcome.SENT
    assert len(kii.sent) == 1


@pytest.mark.parametrize("cause", ["unknown", "rejected USER_NOT_FOUND", "exhausted"])
def test_what_came_too_late_goes_back_to_be_recorded(
    cause: str,
    letters: DeadLetters,
    dead_letters: Queue,
    queue: Queue,
    unattended: UnattendedDelivery,
    kii: ScriptedKii,
    ledger: Ledger,
) -> None:
    text = as_text("a", notAfter=(datetime.now(UTC) + timedelta(seconds=1)).isoformat())
    kii.answers.append(FAILURES[cause])
    unattended.deliver(queued(text))
    if cause == "exhausted":
        dead_letters.send(OutgoingMessage(text))
    time.sleep(1.1)
    result = letters.redrive(cause, ample_time)
    assert (result.put_back, result.dropped, result.failed) == (0, 1, 0)
    (message,) = queue.messages()
    # That it is too late for another try does not tell what became of the first.
    end = Outcome.UNKNOWN if cause == "unknown" else Outcome.EXPIRED
    assert unattended.deliver(queued(message["Body"], "sqs-2")) == Settlement(end)
    record = ledger.find("a")
    assert record
    assert record.outcome == end
    assert kii.sent == []
    assert [group.cause for group in letters.causes(ample_time).groups] == (
        ["unknown"] if end == Outcome.UNKNOWN else []
    )


def test_what_comes_straight_back_stays_until_asked_for_again(
    letters: DeadLetters, queue: Queue, unattended: UnattendedDelivery, kii: ScriptedKii
) -> None:
    def time_while_others_work() -> int:
        for body in queue.drain():
            unattended.deliver(queued(body, "unused"))
        return ample_time()

    kii.answers += [answer(404, errorCode="USER_NOT_FOUND")] * 5
    unattended.deliver(queued(as_text("a")))
    first = letters.redrive("rejected USER_NOT_FOUND", time_while_others_work)
    assert (first.put_back, first.complete) == (1, True)
    assert len(kii.answers) == 3, "it was tried once more, and refused again"
    assert [group.count for group in letters.causes(ample_time).groups] == [1]
    assert letters.redrive("rejected USER_NOT_FOUND", ample_time, first.before).put_back == 0
    assert letters.redrive("rejected USER_NOT_FOUND", ample_time).put_back == 1


def test_one_cause_is_dropped_the_others_stay(
    letters: DeadLetters, dead_letters: Queue, queue: Queue
) -> None:
    put(
        dead_letters,
        *((as_text(f"p-{number}"), kii_error(404, "USER_NOT_FOUND")) for number in range(11)),
        (as_text("b"), NoAnswer("timeout")),
    )
    result = letters.drop("rejected USER_NOT_FOUND", ample_time)
    assert (result.deleted, result.others, result.failed, result.complete) == (11, 1, 0, True)
    assert [json.loads(each["Body"])["id"] for each in dead_letters.messages()] == ["b"]
    assert not queue.messages()


def test_what_came_later_is_not_dropped(letters: DeadLetters, dead_letters: Queue) -> None:
    put(dead_letters, (as_text("a"), NoAnswer("timeout")))
    result = letters.drop("unknown", ample_time, before=time.time() - 60)
    assert (result.deleted, result.others) == (0, 1)
    assert dead_letters.messages()


def test_letters_that_another_looks_at_are_not_taken_for_none(
    letters: DeadLetters, dead_letters: Queue
) -> None:
    put(dead_letters, (as_text("a"), NoAnswer("timeout")))
    assert dead_letters.messages()
    listing, result = letters.causes(ample_time), letters.redrive("unknown", ample_time)
    assert (listing.groups, listing.about, listing.complete) == ([], 1, False)
    assert (result.put_back, result.hidden) == (0, 1)


def test_nothing_is_taken_up_when_the_time_is_short(letters: DeadLetters, dead_letters: Queue) -> None:
    put(dead_letters, (as_text("a"), NoAnswer("timeout")))
    assert letters.causes(lambda: 0).groups == []
    result = letters.redrive("unknown", lambda: 0)
    assert (result.put_back, result.dropped, result.complete) == (0, 0, False)
    assert letters.causes(ample_time).groups[0].count == 1


def test_letters_of_another_cause_show_themselves_at_once(letters: DeadLetters, dead_letters: Queue) -> None:
    put(dead_letters, *((as_text(f"p-{number}"), NoAnswer("timeout")) for number in range(12)))
    assert letters.redrive("exhausted", ample_time).put_back == 0
    assert len(dead_letters.messages()) == 10
    assert len(dead_letters.messages()) == 2
