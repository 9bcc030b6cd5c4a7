"""EventBridge Scheduler as on AWS: when a schedule fires, and what its target is given."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from botocore.exceptions import ClientError

from local.aws_emulator.schedules import is_complete, next_due, with_context
from tests.support import Queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.emulator.conftest import Aws

MADE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp()
ROLE = "arn:aws:iam::000000000000:role/scheduler"


def schedule(expression: str, zone: str = "UTC", **more: Any) -> dict[str, Any]:
    """Return a schedule as MiniStack keeps it."""
    return {
        "ScheduleExpression": expression,
        "ScheduleExpressionTimezone": zone,
        "State": "ENABLED",
        "ActionAfterCompletion": "NONE",
        "CreationDate": MADE,
        "LastModificationDate": MADE,
        **more,
    }


def due(schedule: dict[str, Any], *, after: datetime | None = None) -> str | None:
    """Return when it fires next, in UTC, having fired at a time before."""
    found = next_due(schedule, (MADE, after.timestamp()) if after else None)
    return f"{datetime.fromtimestamp(found, UTC):%Y-%m-%d %H:%M:%S}" if found else None


@pytest.mark.parametrize(
    ("expression", "zone", "expected"),
    [
        ("at(2026-03-02T09:00:00)", "UTC", "2026-03-02 09:00:00"),
        ("at(2026-03-02T09:00:00)", "Asia/Tokyo", "2026-03-02 00:00:00"),
        ("at(2026-03-02T09:00:00)", "America/New_York", "2026-03-02 14:00:00"),
        ("cron(0 9 * * ? *)", "UTC", "2026-03-02 09:00:00"),
        ("cron(0 9 * * ? *)", "Asia/Tokyo", "2026-03-02 00:00:00"),
        ("cron(30 9 ? * SUN *)", "Asia/Tokyo", "2026-03-08 00:30:00"),
        ("rate(5 minutes)", "Asia/Tokyo", "2026-03-01 12:05:00"),
    ],
)
def test_when_it_fires_first(expression: str, zone: str, expected: str) -> None:
    assert due(schedule(expression, zone)) == expected


def test_once_is_once_unless_it_is_changed() -> None:
    once = schedule("at(2026-03-02T09:00:00)")
    fired = (MADE, datetime(2026, 3, 2, 9, tzinfo=UTC).timestamp())

    assert next_due(once, fired) is None
    assert is_complete(once, fired, fired[1])
    assert next_due({**once, "LastModificationDate": MADE + 1}, fired) == fired[1]
    assert not is_complete(once, None, fired[1])


def test_it_fires_again_after_it_fired() -> None:
    nine = datetime(2026, 3, 2, 9, tzinfo=ZoneInfo("Asia/Tokyo"))

    assert due(schedule("cron(0 9 * * ? *)", "Asia/Tokyo"), after=nine) == "2026-03-03 00:00:00"


def test_an_hour_left_out_in_spring_is_skipped() -> None:
    """In New York there is no 02:30 on 8 March 2026."""
    daily = schedule("cron(30 2 * * ? *)", "America/New_York")
    seventh = datetime(2026, 3, 7, 2, 30, tzinfo=ZoneInfo("America/New_York"))

    assert due(daily, after=seventh) == "2026-03-09 06:30:00"


def test_an_hour_repeated_in_autumn_counts_once() -> None:
    """In New York 01:30 comes twice on 1 November 2026."""
    daily = schedule("cron(30 1 * * ? *)", "America/New_York")
    zone = ZoneInfo("America/New_York")

    assert due(daily, after=datetime(2026, 10, 31, 1, 30, tzinfo=zone)) == "2026-11-01 05:30:00"
    assert due(daily, after=datetime(2026, 11, 1, 1, 30, tzinfo=zone)) == "2026-11-02 06:30:00"


def test_start_and_end() -> None:
    start, end = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 1, 12, tzinfo=UTC)
    daily = schedule("cron(0 9 * * ? *)", StartDate=start.timestamp(), EndDate=end.timestamp())

    assert due(daily) == "2026-04-01 09:00:00"
    assert due(daily, after=datetime(2026, 4, 1, 9, tzinfo=UTC)) is None
    assert not is_complete(daily, None, end.timestamp())
    assert is_complete(daily, None, end.timestamp() + 1)


def test_what_is_disabled_does_not_fire() -> None:
    assert next_due(schedule("rate(1 minute)", State="DISABLED"), None) is None


def test_context_attributes() -> None:
    names = ["schedule-arn", "scheduled-time", "execution-id", "attempt-number", "other"]
    text = json.dumps({name: f"<aws.scheduler.{name}>" for name in names})

    filled = json.loads(with_context(text, "arn:aws:scheduler:::schedule/a/b", MADE))
    again = json.loads(with_context(text, "arn:aws:scheduler:::schedule/a/b", MADE))

    assert filled.pop("execution-id") != again.pop("execution-id")
    assert filled == again
    assert filled == {
        "schedule-arn": "arn:aws:scheduler:::schedule/a/b",
        "scheduled-time": "2026-03-01T12:00:00Z",
        "attempt-number": "1",
        "other": "<aws.scheduler.other>",
    }


@pytest.fixture
def queue(aws: "Aws") -> "Iterator[Queue]":
    queue = Queue(aws.endpoint)
    yield queue
    queue.close()


def made(aws: "Aws", expression: str, zone: str, queue: Queue, text: str = "now") -> str:
    name = f"test-{uuid4().hex}"
    arn = f"arn:aws:sqs:eu-central-2:000000000000:{queue.url.rpartition('/')[2]}"
    aws.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=expression,
        ScheduleExpressionTimezone=zone,
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={"Arn": arn, "RoleArn": ROLE, "Input": text},
    )
    return name


def test_it_fires_at_the_second_in_its_zone(aws: "Aws", queue: Queue) -> None:
    when = (datetime.now(ZoneInfo("Asia/Tokyo")) + timedelta(seconds=2)).replace(microsecond=0)
    name = made(aws, f"at({when:%Y-%m-%dT%H:%M:%S})", "Asia/Tokyo", queue, "<aws.scheduler.scheduled-time>")

    (message,) = queue.messages(within=20)

    assert message["Body"] == f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    sent = int(message["Attributes"]["SentTimestamp"]) / 1000
    assert when.timestamp() <= sent < when.timestamp() + 5
    time.sleep(1.5)
    with pytest.raises(ClientError, match="does not exist"):
        aws.client("scheduler").get_schedule(Name=name)


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("at(2036-03-02T09:00:00)", "Mars/Base"),
        ("at(2036-03-02T09:00:00Z)", "UTC"),
        ("at(tomorrow)", "UTC"),
        ("every day", "UTC"),
        ("cron(0 9 * * *)", "UTC"),
        ("rate(0 minutes)", "UTC"),
    ],
)
def test_what_means_nothing_is_refused(aws: "Aws", queue: Queue, expression: str, zone: str) -> None:
    with pytest.raises(ClientError, match="Invalid Schedule Expression") as refused:
        made(aws, expression, zone, queue)

    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_schedules_come_in_pages(aws: "Aws", queue: Queue) -> None:
    names = {made(aws, "at(2036-03-02T09:00:00)", "UTC", queue) for _ in range(5)}
    pages = aws.client("scheduler").get_paginator("list_schedules")

    found = list(pages.paginate(NamePrefix="test-", PaginationConfig={"PageSize": 2}))

    assert [len(each["Schedules"]) for each in found] == [2, 2, 1]
    assert {each["Name"] for page in found for each in page["Schedules"]} == names
    for name in names:
        aws.client("scheduler").delete_schedule(Name=name)


def test_execution_ids_are_not_guessable() -> None:
    assert UUID(hex=with_context("<aws.scheduler.execution-id>", "", 0) * 2)
