"""After a doubt, too, the ledger, the answer, the metric and the dead letter say the same outcome."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kii_push.api import push as push_api
from kii_push.common.observability import metrics
from kii_push.errors import NoAnswer, Outcome
from kii_push.push.delivery import Delivery
from kii_push.push.ledger import Ledger
from kii_push.queues.unattended import Settlement, UnattendedDelivery
from tests.delivery.claims import found
from tests.delivery.push_requests import as_text, body, push, queued
from tests.doubles.gateway import request_context
from tests.doubles.scripted_kii import Answer, ScriptedKii, answer, fail

if TYPE_CHECKING:
    from kii_push.dead_letters.actions import DeadLetters
    from tests.support import Queue

# What becomes of the second try; and whether it is retried once more by a queue.
SECOND_TRIES = [
    pytest.param(answer(503), True, id="503"),
    pytest.param(fail(httpx.ConnectError), True, id="no connection"),
    pytest.param(answer(404, errorCode="USER_NOT_FOUND"), False, id="404"),
    pytest.param(None, False, id="too late"),
]


def soon() -> str:
    """Return a `notAfter` that will have passed after the first try."""
    return (datetime.now(UTC) + timedelta(seconds=1)).isoformat()


def asked_for(second: Answer | None) -> dict[str, str]:
    return {"onUnknown": "resend"} | ({} if second else {"notAfter": soon()})


@pytest.mark.parametrize(("second", "is_retried"), SECOND_TRIES)
def test_by_queue(
    kii: ScriptedKii,
    unattended: UnattendedDelivery,
    ledger: Ledger,
    dead_letters: "Queue",
    second: Answer | None,
    *,
    is_retried: bool,
) -> None:
    text = as_text(**asked_for(second))
    kii.answers.append(fail(httpx.ReadTimeout))
    assert unattended.deliver(queued(text)) == Settlement(Outcome.UNKNOWN, retry=True)
    kii.answers += [second] if second else []
    time.sleep(0 if second else 1.1)

    settlement = unattended.deliver(queued(text))

    # The settlement's outcome is the one that is counted.
    assert (settlement.outcome, settlement.retry) == (Outcome.UNKNOWN, is_retried)
    assert not kii.sent
    record = found(ledger)
    assert record.outcome == "unknown"
    assert "an earlier try may have reached Kii" in str(record.reason)
    letters = dead_letters.messages()
    assert len(letters) == (0 if is_retried else 1)
    for letter in letters:
        assert letter["MessageAttributes"]["outcome"]["StringValue"] == "unknown"
        assert letter["MessageAttributes"]["reason"]["StringValue"] == record.reason


@pytest.mark.parametrize("second", [pytest.param(each.values[0], id=each.id) for each in SECOND_TRIES])
def test_by_https(
    kii: ScriptedKii,
    delivery: Delivery,
    ledger: Ledger,
    second: Answer | None,
) -> None:
    asked = body(**asked_for(second))
    kii.answers.append(fail(httpx.ReadTimeout))
    assert called(delivery, asked)["statusCode"] == 504
    metrics.clear_metrics()
    kii.answers += [second] if second else []
    time.sleep(0 if second else 1.1)

    answered = called(delivery, asked)

    problem = json.loads(answered["body"])
    assert (answered["statusCode"], problem["outcome"]) == (504, "unknown")
    assert set(metrics.provider.metric_set) == {"unknown"}
    assert (found(ledger).outcome, found(ledger).reason) == ("unknown", problem["detail"])


def called(delivery: Delivery, push_request: dict[str, Any]) -> dict[str, Any]:
    """Return the answer to a push by HTTPS."""
    return push_api.send(
        {
            "httpMethod": "POST",
            "resource": "/users/{userID}/push/messages",
            "headers": {"Content-Type": "application/json"},
            "pathParameters": {"userID": "u-2"},
            "multiValueQueryStringParameters": None,
            "body": json.dumps(push_request),
            "requestContext": request_context(),
        },
        delivery,
    )


def test_a_held_push_is_unknown_at_every_later_try(
    kii: ScriptedKii, unattended: UnattendedDelivery, delivery: Delivery, ledger: Ledger
) -> None:
    kii.answers.append(fail(httpx.ReadTimeout))
    assert unattended.deliver(queued(as_text())).outcome == Outcome.UNKNOWN
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.UNKNOWN)
    with pytest.raises(NoAnswer):
        delivery.deliver(push())
    assert found(ledger).outcome == "unknown"
    assert not kii.sent


def test_redriven_an_unknown_push_reaches_kii_three_times_at_most(
    kii: ScriptedKii,
    unattended: UnattendedDelivery,
    letters: "DeadLetters",
    queue: "Queue",
    ledger: Ledger,
) -> None:
    asked: list[httpx.Request] = []
    kii.before = asked.append
    kii.answers += [fail(httpx.ReadTimeout)] * 10
    unattended.deliver(queued(as_text()))
    for _ in range(4):
        assert letters.redrive("unknown", lambda: 60_000).put_back == 1
        [text] = queue.drain()
        while unattended.deliver(queued(text)).retry:
            pass
    assert len(asked) == 3
    assert found(ledger).outcome == "unknown"


def test_a_refused_push_says_the_same_everywhere(
    kii: ScriptedKii, unattended: UnattendedDelivery, ledger: Ledger, dead_letters: "Queue"
) -> None:
    kii.answers.append(answer(404, errorCode="USER_NOT_FOUND"))
    assert unattended.deliver(queued(as_text())) == Settlement(Outcome.REJECTED)
    [letter] = dead_letters.messages()
    attributes = {name: each["StringValue"] for name, each in letter["MessageAttributes"].items()}
    record = found(ledger)
    assert (record.outcome, record.error_code, record.reason) == (
        attributes["outcome"],
        attributes["errorCode"],
        attributes["reason"],
    )
