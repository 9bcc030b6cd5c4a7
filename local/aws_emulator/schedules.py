"""EventBridge Scheduler as on AWS: time zones, context attributes, to the second, in pages."""

import json
import logging
import re
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ministack.core import responses
from ministack.services import eventbridge, scheduler

from local.aws_emulator.patching import replace

logger = logging.getLogger("scheduler")

_AT = re.compile(r"at\((.+)\)")
_PAGE_SIZE = 100

_create_schedule = scheduler._create_schedule
_update_schedule = scheduler._update_schedule
_list_schedules = scheduler._list_schedules

# What has fired last, by account, region and name: the schedule's version and when it was due.
_fired: dict[tuple[str, str, str], tuple[float, float]] = {}


def apply() -> None:
    """Replace MiniStack's sweep, which knows no zones, and what it leaves unchecked."""
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    replace(scheduler, "_tick_schedules", fire_due)
    replace(scheduler, "_create_schedule", create)
    replace(scheduler, "_update_schedule", update)
    replace(scheduler, "_list_schedules", page)


def create(name: str, body: dict[str, Any]) -> Any:
    """Make a schedule, unless its expression or its time zone means nothing."""
    return _refusal(body) or _create_schedule(name, body)


def update(name: str, body: dict[str, Any]) -> Any:
    """Change a schedule, unless its expression or its time zone means nothing."""
    return _refusal(body) or _update_schedule(name, body)


def page(query: dict[str, Any]) -> Any:
    """Return one page of schedules, with the token of the next when there is one."""
    size, start = int(query.get("MaxResults", _PAGE_SIZE)), int(query.get("NextToken", 0))
    _status, _headers, content = _list_schedules({**query, "MaxResults": len(scheduler._schedules._data)})
    found = json.loads(content)["Schedules"]
    more = {"NextToken": str(start + size)} if start + size < len(found) else {}
    return scheduler._json_resp(200, {"Schedules": found[start : start + size], **more})


def fire_due() -> None:
    """Invoke the target of every schedule that is due."""
    now = time.time()
    account, region = responses.get_account_id(), responses.get_region()
    try:
        for key, schedule in list(scheduler._schedules._data.items()):
            due = next_due(schedule, _fired.get(key))
            if due is not None and due <= now:
                _fired[key] = (schedule["LastModificationDate"], due)
                _invoke(key, schedule, due)
            if is_complete(schedule, _fired.get(key), now) and schedule["ActionAfterCompletion"] == "DELETE":
                scheduler._schedules._data.pop(key, None)
    finally:
        responses.set_request_account_id(account)
        responses.set_request_region(region)


def next_due(schedule: Mapping[str, Any], fired: tuple[float, float] | None) -> float | None:
    """Return when a schedule fires next, in seconds since the epoch; None when it does not.

    `fired` is which version of it fired last, and when that was due.
    """
    if schedule["State"] != "ENABLED":
        return None
    expression, zone = schedule["ScheduleExpression"].strip(), _zone(schedule["ScheduleExpressionTimezone"])
    version = schedule["LastModificationDate"]
    start, end = (scheduler._to_epoch(schedule.get(name)) for name in ("StartDate", "EndDate"))
    due: float | None
    if once := _AT.fullmatch(expression):
        due = datetime.fromisoformat(once[1]).replace(tzinfo=zone).timestamp()
        return None if fired and fired[0] == version else due
    since = max(version, start or 0, fired[1] if fired else 0)
    if seconds := eventbridge._parse_rate_seconds(expression):
        due = since + seconds
    else:
        due = _next_by_cron(expression, zone, since)
    return None if due is None or (end and due > end) else due


def is_complete(schedule: Mapping[str, Any], fired: tuple[float, float] | None, now: float) -> bool:
    """Return whether a schedule fires never again: it was for once, or its end has passed."""
    if _AT.fullmatch(schedule["ScheduleExpression"].strip()):
        return fired is not None and fired[0] == schedule["LastModificationDate"]
    end = scheduler._to_epoch(schedule.get("EndDate"))
    return end is not None and now > end


def with_context(text: str, schedule_arn: str, due: float) -> str:
    """Return a target's input with the context attributes of one firing in place of their names."""
    attributes = {
        "schedule-arn": schedule_arn,
        "scheduled-time": f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "execution-id": secrets.token_hex(8),
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _next_by_cron(expression: str, zone: tzinfo, since: float) -> float | None:
    """Return the next time by the wall clock; an hour that is left out in spring has none."""
    fields = eventbridge._parse_cron_fields(expression)
    wall: datetime | None = datetime.fromtimestamp(since, zone).replace(tzinfo=UTC)
    while fields and wall:
        wall = eventbridge._cron_next_fire(fields, wall)
        if wall:
            due = wall.replace(tzinfo=zone).timestamp()
            if datetime.fromtimestamp(due, zone).replace(tzinfo=UTC) == wall:
                return due
    return None


def _invoke(key: tuple[str, str, str], schedule: Mapping[str, Any], due: float) -> None:
    account, region, name = key
    target = schedule["Target"]
    if "Input" in target:
        target = target | {"Input": with_context(target["Input"], schedule["Arn"], due)}
    event = {
        "EventId": str(uuid4()),
        "Source": "aws.scheduler",
        "DetailType": "Scheduled Event",
        "Detail": "{}",
        "Time": due,
        "Resources": [schedule["Arn"]],
        "Account": account,
        "Region": region,
    }
    responses.set_request_account_id(account)
    responses.set_request_region(region)
    try:
        eventbridge._invoke_target(target, event, schedule)
    except Exception:
        # One target's failure must not keep the others waiting.
        logger.exception("The target of %s could not be invoked", name)


def _zone(name: str) -> tzinfo:
    # UTC is there without a database of zones, too.
    return UTC if name == "UTC" else ZoneInfo(name)


def _refusal(body: Mapping[str, Any]) -> Any:
    """Return the answer to a schedule that could never fire, None when it could."""
    zone = body.get("ScheduleExpressionTimezone", "UTC")
    expression = body.get("ScheduleExpression", "").strip()
    reason = None
    try:
        _zone(zone)
    except (ZoneInfoNotFoundError, ValueError):
        reason = f"Invalid Schedule Expression Timezone {zone}."
    if not _means_something(expression):
        reason = f"Invalid Schedule Expression {expression}."
    return scheduler._error(400, "ValidationException", reason) if reason else None


def _means_something(expression: str) -> bool:
    if once := _AT.fullmatch(expression):
        try:
            return datetime.fromisoformat(once[1]).tzinfo is None
        except ValueError:
            return False
    return bool(eventbridge._parse_rate_seconds(expression) or eventbridge._parse_cron_fields(expression))
