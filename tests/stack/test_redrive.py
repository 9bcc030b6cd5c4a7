"""Dead letters of the deployed bundle: listed by cause, put back by cause, each once."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from local.deploy import aws_session
from tests.mqtt_pushes import PATH_TO_BOB, message, to_bob
from tests.stack.shell import kii_push
from tests.support import wait_until

if TYPE_CHECKING:
    from local.device import Device
    from local.doors import Doors
    from local.stack import LocalStack
    from tests.support import Sandbox

type Redrive = Callable[[dict[str, Any]], dict[str, Any]]

NOBODY = {"target": {"user": "LOGIN_NAME:nobody"}, "message": message(a=1)}


@pytest.fixture
def redrive(stack: "LocalStack", sandbox: "Sandbox") -> Iterator[Redrive]:  # noqa: ARG001 (reset before)
    """Invoke the redrive function; there are no dead letters yet."""
    functions = aws_session().client("lambda", endpoint_url=stack.endpoint)

    def invoke(event: dict[str, Any]) -> dict[str, Any]:
        answer = functions.invoke(
            FunctionName=stack.outputs.RedriveFunctionName, Payload=json.dumps(event).encode()
        )
        assert not answer.get("FunctionError")
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    yield invoke
    functions.close()


def calls_for(sandbox: "Sandbox", *users: str) -> list[str]:
    """Return what Kii was asked for these users; the end of a test before may still come by a queue."""
    return [call for call in sandbox.calls() if any(f"LOGIN_NAME:{user}/" in call for user in users)]


def enqueue(doors: "Doors", request: dict[str, Any], **more: Any) -> str:
    """Put a push on the queue; return its ID."""
    push_id = uuid4().hex
    doors.enqueue(json.dumps({"id": push_id, **request, **more}))
    return push_id


def give_up(stack: "LocalStack", request: dict[str, Any]) -> None:
    """Put a push where SQS puts those that it gives up, as it does: without a reason."""
    client = aws_session().client("sqs", endpoint_url=stack.endpoint)
    client.send_message(QueueUrl=stack.outputs.DeadLetterQueueUrl, MessageBody=json.dumps(request))
    client.close()


def letters(redrive: Redrive, **expected: int) -> dict[str, dict[str, Any]]:
    """Return the groups by cause once there are so many letters of each."""
    seen: list[dict[str, dict[str, Any]]] = []

    def there() -> bool:
        seen.append({group["cause"]: group for group in redrive({"action": "list"})["groups"]})
        return {cause: group["count"] for cause, group in seen[-1].items()} == expected

    assert wait_until(there, within=30), seen[-1]
    return seen[-1]


def test_letters_are_listed_by_cause(doors: "Doors", redrive: Redrive) -> None:
    ids = [enqueue(doors, NOBODY) for _ in range(2)]
    enqueue(doors, to_bob(a=1), colour="red")
    doors.enqueue('{"target": ')

    found = letters(redrive, **{"rejected USER_NOT_FOUND": 2, "rejected colour": 1, "rejected": 1})

    group = found["rejected USER_NOT_FOUND"]
    assert sorted(group["examples"]) == sorted(ids)
    assert 0 <= group["newest"] <= group["oldest"] < 60
    assert letters(redrive, **{"rejected USER_NOT_FOUND": 2, "rejected colour": 1, "rejected": 1})


def test_one_cause_is_put_back_and_sent_once_it_can_be(
    doors: "Doors", device: "Device", sandbox: "Sandbox", redrive: Redrive
) -> None:
    push_id = enqueue(doors, {"target": {"topic": "late", "group": "team"}, "message": message(a="late")})
    enqueue(doors, NOBODY)
    letters(redrive, **{"rejected TOPIC_NOT_FOUND": 1, "rejected USER_NOT_FOUND": 1})
    sandbox.subscribe("/groups/team", "late", device.user_id)

    done = redrive({"action": "redrive", "cause": "rejected TOPIC_NOT_FOUND"})

    assert (done["put_back"], done["dropped"], done["complete"]) == (1, 0, True)
    assert device.wait_for(a="late", within=20)
    letters(redrive, **{"rejected USER_NOT_FOUND": 1})
    assert wait_until(
        lambda: doors.http.get(f"/pushes/{push_id}").json()["outcome"] == "sent", within=20, every=0.5
    )
    assert len(sandbox.deliveries()) == 1


def test_what_is_refused_again_is_tried_once_not_until_the_time_is_over(
    doors: "Doors", sandbox: "Sandbox", redrive: Redrive
) -> None:
    push_id = enqueue(doors, NOBODY)
    letters(redrive, **{"rejected USER_NOT_FOUND": 1})
    asked = [call for call in sandbox.calls() if "nobody" in call]

    done = redrive({"action": "redrive", "cause": "rejected USER_NOT_FOUND"})

    assert done["put_back"] == 1
    found = letters(redrive, **{"rejected USER_NOT_FOUND": 1})
    assert found["rejected USER_NOT_FOUND"]["examples"] == [push_id]
    assert len([call for call in sandbox.calls() if "nobody" in call]) == len(asked) + 1


def test_unknown_is_sent_again_when_asked_for_by_name(
    doors: "Doors", device: "Device", sandbox: "Sandbox", redrive: Redrive
) -> None:
    sandbox.fail_sends(drop="before", times=1)
    push_id = enqueue(doors, to_bob(a="unknown"))
    letters(redrive, unknown=1)

    assert redrive({"action": "redrive", "cause": "exhausted"})["put_back"] == 0
    assert redrive({"action": "redrive", "cause": "unknown"})["put_back"] == 1

    assert device.wait_for(a="unknown", within=20)
    assert wait_until(
        lambda: doors.http.get(f"/pushes/{push_id}").json()["outcome"] == "sent", within=20, every=0.5
    )
    letters(redrive)


def outcome(doors: "Doors", push_id: str) -> str:
    """Return how the ledger says a push ended."""
    return str(doors.http.get(f"/pushes/{push_id}").json()["outcome"])


def test_what_is_too_late_by_now_is_not_sent(
    stack: "LocalStack", doors: "Doors", device: "Device", sandbox: "Sandbox", redrive: Redrive
) -> None:
    not_after = datetime.now(UTC) + timedelta(seconds=25)
    sandbox.fail_sends(drop="before", times=1)
    unknown = enqueue(doors, to_bob(a="late"), notAfter=not_after.isoformat())
    letters(redrive, unknown=1)
    rejected = enqueue(doors, NOBODY, notAfter=not_after.isoformat())
    letters(redrive, **{"unknown": 1, "rejected USER_NOT_FOUND": 1})
    # `not_sent` is what the ledger says of a push that SQS has given up.
    sandbox.fail_sends(status=503, times=1)
    exhausted = {"id": uuid4().hex, **to_bob(a="later"), "notAfter": not_after.isoformat()}
    assert doors.post(PATH_TO_BOB, exhausted).status_code == 503
    give_up(stack, exhausted)
    assert wait_until(lambda: datetime.now(UTC) > not_after, within=30)
    asked = calls_for(sandbox, "bob", "nobody")

    for cause in ("unknown", "rejected USER_NOT_FOUND", "exhausted"):
        done = redrive({"action": "redrive", "cause": cause})
        assert (done["put_back"], done["dropped"]) == (0, 1)

    for push_id, end in ((unknown, "unknown"), (rejected, "expired"), (str(exhausted["id"]), "expired")):
        assert wait_until(lambda: outcome(doors, push_id) == end, within=60, every=0.5)  # noqa: B023
    # That it is too late for another try does not tell what became of the first: it is still for a person.
    letters(redrive, unknown=1)
    assert device.received == []
    assert calls_for(sandbox, "bob", "nobody") == asked


def test_one_cause_is_dropped_and_the_ledger_keeps_what_it_says(doors: "Doors", redrive: Redrive) -> None:
    nobody = enqueue(doors, NOBODY)
    enqueue(doors, to_bob(a=1), colour="red")
    letters(redrive, **{"rejected USER_NOT_FOUND": 1, "rejected colour": 1})

    done = redrive({"action": "drop", "cause": "rejected USER_NOT_FOUND"})

    assert (done["deleted"], done["others"], done["complete"]) == (1, 1, True)
    letters(redrive, **{"rejected colour": 1})
    assert outcome(doors, nobody) == "rejected"


def test_the_command_lists_and_puts_back(
    stack: "LocalStack", doors: "Doors", device: "Device", sandbox: "Sandbox", redrive: Redrive
) -> None:
    def command(*arguments: str) -> str:
        done = kii_push(stack, "dead-letters", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    push_id = enqueue(doors, {"target": {"topic": "late", "group": "team"}, "message": message(a="late")})
    letters(redrive, **{"rejected TOPIC_NOT_FOUND": 1})
    sandbox.subscribe("/groups/team", "late", device.user_id)

    head, row = command("list").splitlines()

    assert head.split() == ["cause", "letters", "oldest", "newest", "such", "as"]
    assert row.startswith("  rejected TOPIC_NOT_FOUND        1  ")
    assert row.endswith(push_id)
    assert command("redrive", "rejected TOPIC_NOT_FOUND").startswith("Put back: 1.")
    assert device.wait_for(a="late", within=20)
    enqueue(doors, NOBODY)
    letters(redrive, **{"rejected USER_NOT_FOUND": 1})
    assert command("drop", "rejected USER_NOT_FOUND", "--yes") == "Deleted: 1.\n"
    assert command("list") == "There are no dead letters.\n"


@pytest.mark.parametrize(
    "event", [{}, {"action": "empty"}, {"action": "redrive"}, {"action": "drop", "cause": 5}]
)
def test_a_bad_action_is_told_what_there_is(redrive: Redrive, event: dict[str, Any]) -> None:
    answer = redrive(event)

    assert '{"action": "list"}' in answer["error"]
