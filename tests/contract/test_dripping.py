"""The client's deadline against a Kii that drips its answer a byte at a time."""

import time

import pytest

from kii_push.errors import NoAnswer, Outcome
from kii_push.kii import client
from tests.contract.demo import Demo

SENDS = {"method": "POST", "path": "*/push/messages"}
SECONDS = 1.5
MESSAGE = {"data": {"k": "v"}, "gcm": {"enabled": True}, "apns": {"enabled": True}}


@pytest.fixture(autouse=True)
def _short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "EXCHANGE_SECONDS", SECONDS)


@pytest.mark.parametrize("rule", [{"dripMs": 50}, {"dripMs": 50, "drop": "after"}, {"dripMs": 1000}])
def test_a_push_whose_head_drips_is_unknown(demo: Demo, rule: dict[str, object]) -> None:
    kii = demo.client()
    kii.send_to_topic("alerts", MESSAGE)
    demo.control("PUT", "/faults", [{"match": SENDS, **rule}])

    started = time.monotonic()
    with pytest.raises(NoAnswer) as caught:
        kii.send_to_topic("alerts", MESSAGE)

    assert caught.value.outcome is Outcome.UNKNOWN
    assert time.monotonic() - started < SECONDS + 1


def test_a_push_whose_body_drips_is_sent_all_the_same(demo: Demo) -> None:
    kii = demo.client()
    kii.send_to_topic("alerts", MESSAGE)
    answer = {"pushMessageID": "x" * 5000}
    demo.control("PUT", "/faults", [{"match": SENDS, "dripMs": 3, "status": 201, "body": answer}])

    started = time.monotonic()
    assert kii.send_to_topic("alerts", MESSAGE) is None  # the status came; the ID did not

    assert time.monotonic() - started < SECONDS + 1


def test_an_answer_that_drips_in_time_is_read(demo: Demo) -> None:
    kii = demo.client()
    kii.send_to_topic("alerts", MESSAGE)
    demo.control(
        "PUT", "/faults", [{"match": SENDS, "dripMs": 1, "status": 201, "body": {"pushMessageID": "p"}}]
    )

    assert kii.send_to_topic("alerts", MESSAGE) == "p"
