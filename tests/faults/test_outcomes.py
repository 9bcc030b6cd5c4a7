"""The table of outcomes (docs/architecture.md, "Outcomes"), a test a row: each through all three doors."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import wait_until

if TYPE_CHECKING:
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii
    from local.stack import LocalStack
    from tests.faults.three_doors import ThreeDoors

# Seconds. A token that is minted when the clock moves lives for half of the age that the last one had.
OLD_ENOUGH = 8


@dataclass(frozen=True)
class Failure:
    """What Kii does, the HTTPS door's answer to it, and whether the push was delivered all the same.

    `asked`: whether Kii is asked at all.
    """

    name: str
    rules: list[dict[str, Any]]
    status: int
    delivered: bool = False
    asked: bool = True
    error_code: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


UNKNOWN = [
    Failure("500", [{"status": 500}], 504),
    Failure("502", [{"status": 502, "body": "<html>Bad Gateway</html>"}], 504),
    Failure("504", [{"status": 504}], 504),
    Failure("504 after delivering", [{"status": 504, "after": True}], 504, delivered=True),
    Failure("cut before acting", [{"drop": "before"}], 504),
    Failure("cut after delivering", [{"drop": "after"}], 504, delivered=True),
    Failure("no answer in time", [{"delayMs": 11_000, "after": True}], 504, delivered=True),
]
REJECTED = [
    Failure(
        "broken rule", [], 400, asked=False, more={"message": {"data": {"a": [1]}, "gcm": {"enabled": True}}}
    ),
    Failure(
        "user not found", [], 404, error_code="USER_NOT_FOUND", more={"target": {"user": "LOGIN_NAME:nobody"}}
    ),
    Failure(
        "refused by Kii's rules",
        [{"status": 400, "body": {"errorCode": "INVALID_INPUT_DATA"}}],
        400,
        error_code="INVALID_INPUT_DATA",
    ),
    Failure(
        "not permitted",
        [{"status": 401, "body": {"errorCode": "UNAUTHORIZED"}}],
        422,
        error_code="UNAUTHORIZED",
    ),
]


def name(failure: Failure) -> str:
    return failure.name


def test_sent_and_then_duplicate(kii: "Kii", bundle: "Bundle", three: "ThreeDoors") -> None:
    first = three.send()
    assert three.all_end_as("sent")
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first.headers

    again = three.send()
    assert again.status_code == 201
    assert again.json()["pushMessageID"] == first.json()["pushMessageID"]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
    assert bundle.dead_letters() == {}


@pytest.mark.parametrize("failure", UNKNOWN, ids=name)
def test_unknown_is_held_for_a_person_and_never_sent_again(
    kii: "Kii", bundle: "Bundle", three: "ThreeDoors", failure: Failure
) -> None:
    before = kii.last()
    kii.fault(*failure.rules)
    answer = three.send()
    assert three.all_end_as("unknown", within=90)
    kii.fault()

    assert (answer.status_code, answer.json()["outcome"]) == (failure.status, "unknown")
    assert three.post().status_code == failure.status, "the same ID again"
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert bundle.dead_letters() == {three.queue: ["unknown"], three.schedule: ["unknown"]}
    assert kii.deliveries() == (dict.fromkeys(three.ids, 1) if failure.delivered else {})
    assert len(kii.sends(before)) == 3


def test_unknown_is_tried_again_when_resending_is_asked_for(
    kii: "Kii", bundle: "Bundle", three: "ThreeDoors"
) -> None:
    kii.fault({"drop": "after", "times": 3})
    answer = three.send(onUnknown="resend")

    assert (answer.status_code, answer.json()["outcome"]) == (504, "unknown")
    assert three.post(onUnknown="resend").status_code == 201, "the caller tries again"
    assert three.all_end_as("sent")
    assert kii.deliveries() == dict.fromkeys(three.ids, 2)
    assert bundle.dead_letters() == {}


@pytest.mark.parametrize("failure", REJECTED, ids=name)
def test_rejected_is_a_dead_letter_at_once_with_the_reason(
    kii: "Kii", bundle: "Bundle", three: "ThreeDoors", failure: Failure
) -> None:
    before = kii.last()
    kii.fault(*failure.rules)
    answer = three.send(**failure.more)
    assert three.all_end_as("rejected")

    problem = answer.json()
    assert (answer.status_code, problem["outcome"]) == (failure.status, "rejected")
    assert problem.get("errorCode") == failure.error_code
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert bundle.dead_letters() == {three.queue: ["rejected"], three.schedule: ["rejected"]}
    assert kii.deliveries() == {}
    assert len(kii.sends(before)) == (3 if failure.asked else 0), "nobody tried twice"


def test_503_comes_back_when_kii_said_and_is_sent_once(
    kii: "Kii", bundle: "Bundle", three: "ThreeDoors"
) -> None:
    before = kii.last()
    kii.fault({"status": 503, "headers": {"Retry-After": "3"}})
    answer = three.send()
    assert three.all_end_as("not_sent")
    kii.fault()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert three.post().status_code == 201, "the caller tries again"
    assert three.all_end_as("sent")
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
    assert bundle.dead_letters() == {}
    refused_at = min(each["at"] for each in kii.sends(before) if each["status"] == 503)
    waited = [each["at"] - refused_at >= 3000 for each in kii.sends(before) if each["status"] == 201]
    assert waited.count(True) >= 2, "the queue's and the schedule's came back when Kii had said"


def test_a_refused_connection_is_not_sent_through_any_door(
    stack: "LocalStack", kii: "Kii", three: "ThreeDoors", bundle: "Bundle"
) -> None:
    with stack.sandbox_stopped():
        answer = three.send()
        assert three.all_end_as("not_sent")

    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert three.post().status_code == 201
    assert three.all_end_as("sent", within=90)
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
    assert bundle.dead_letters() == {}


def test_an_expired_token_is_replaced_and_nobody_notices(
    kii: "Kii", bundle: "Bundle", three: "ThreeDoors"
) -> None:
    time.sleep(max(0, OLD_ENOUGH - kii.token_age()))
    before = kii.last()
    kii.expire_tokens()

    assert three.send().status_code == 201
    assert three.all_end_as("sent")
    kii.right_clock()
    assert Counter(each["status"] for each in kii.sends(before)) == {403: 3, 201: 3}
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
    assert bundle.dead_letters() == {}


def test_past_its_time_it_is_dropped(kii: "Kii", bundle: "Bundle", three: "ThreeDoors") -> None:
    before = kii.last()
    answer = three.send(notAfter="2020-01-01T00:00:00Z")
    assert three.all_end_as("expired")

    assert (answer.status_code, answer.json()["outcome"]) == (410, "expired")
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert bundle.dead_letters() == {}
    assert kii.sends(before) == []


def test_the_same_id_for_another_push_is_refused(kii: "Kii", bundle: "Bundle", three: "ThreeDoors") -> None:
    three.send()
    assert three.all_end_as("sent")

    other = {"message": {"data": {"push": "another"}, "gcm": {"enabled": True}}}
    answer = three.send(**other)

    assert (answer.status_code, answer.json()["outcome"]) == (409, "rejected")
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert bundle.dead_letters() == {three.queue: ["rejected"], three.schedule: ["rejected"]}
    assert kii.deliveries() == dict.fromkeys(three.ids, 1)
