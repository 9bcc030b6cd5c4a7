"""What should not be on the queue ends as a dead letter with the reason, and takes nothing along."""

import json
from typing import TYPE_CHECKING

import pytest

from kii_push.common.strict_json import MAX_BYTES
from local.faults.kii import push_request
from tests.support import dead_letters, wait_until

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from local.doors import Doors
    from local.faults.bundle import Bundle
    from local.faults.kii import Kii
    from local.stack import LocalStack
    from tests.faults.three_doors import ThreeDoors

GOOD = json.dumps(push_request("good"))
FIELD = '"target": {"user": "LOGIN_NAME:bob"}, "message": {"data": {}, "gcm": {"enabled": true}}'
POISON = {
    "nothing but blanks": "   ",
    "null": "null",
    "a number": "1e999",
    "a list": "[]",
    "cut off": GOOD[:-1],
    "a key twice": f'{{{FIELD}, "id": "a", "id": "b"}}',
    "NaN": GOOD.replace("true", "NaN"),
    "half a surrogate pair": GOOD.replace("good", "\\ud800"),
    "a NUL in a field's name": GOOD.replace('"id"', '"i\\u0000d"'),
    "nested without end": "[" * 100_000,
    "a number of 5,000 digits": f'{{{FIELD}, "id": {"1" * 5000}}}',
    "no target": '{"id": "aimless", "message": {}}',
    "an id too long": f'{{{FIELD}, "id": "{"x" * 129}"}}',
    "another's fields": '{"Records": [{"eventSource": "aws:s3"}]}',
    "a shell's": "'; DROP TABLE pushes; --",
}


def sized(size: int, push_id: str) -> str:
    """Return a push request of so many bytes."""
    empty = json.dumps(push_request(push_id) | {"notAfter": ""})
    return empty.replace('"notAfter": ""', f'"notAfter": "{"9" * (size - len(empty))}"')


def as_it_came(letter: "MessageTypeDef") -> str:
    """Return a dead letter's body without the ID that it was given."""
    given = f'"id":"{letter["MessageAttributes"]["pushID"]["StringValue"]}",'
    return letter["Body"].replace(f"{{{given}", "{", 1)


def test_poison_is_dead_lettered_one_by_one_and_the_environment_survives(
    kii: "Kii", stack: "LocalStack", doors: "Doors", bundle: "Bundle"
) -> None:
    before = bundle.environments("QueuePushFunction")
    assert before
    bodies = list(POISON.values())
    for place in range(0, len(bodies), 5):
        goods = [json.dumps(push_request(f"good-{place + number}")) for number in range(5)]
        doors.enqueue(*bodies[place : place + 5], *goods)

    letters = dead_letters(stack, count=len(POISON))
    assert sorted(map(as_it_came, letters)) == sorted(bodies)
    for each in letters:
        attributes = {name: value["StringValue"] for name, value in each["MessageAttributes"].items()}
        assert attributes["outcome"] == "rejected"
        assert attributes["reason"]
        assert attributes["pushID"]
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert kii.deliveries() == {f"good-{number}": 1 for number in range(len(POISON))}
    assert set(before) <= set(bundle.environments("QueuePushFunction")), "no crash made a new one"


@pytest.mark.parametrize("size", [MAX_BYTES, MAX_BYTES + 1, 1_000_000])
def test_a_body_of_256_kb_and_more_is_dead_lettered_whole(
    kii: "Kii", stack: "LocalStack", doors: "Doors", bundle: "Bundle", size: int
) -> None:
    body = sized(size, "large")
    doors.enqueue(body)
    doors.enqueue(GOOD)

    [letter] = dead_letters(stack, count=1)
    assert letter["Body"] == body
    assert letter["MessageAttributes"]["outcome"]["StringValue"] == "rejected"
    reason = letter["MessageAttributes"]["reason"]["StringValue"]
    assert ("at most 262144 are taken" in reason) == (size > MAX_BYTES)
    assert wait_until(lambda: not bundle.waiting().all, within=90)
    assert kii.deliveries() == {"good": 1}


def test_the_https_door_says_that_a_body_is_too_large(kii: "Kii", three: "ThreeDoors") -> None:
    answer = three.post(notAfter="9" * MAX_BYTES)
    assert answer.status_code == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert kii.deliveries() == {}
