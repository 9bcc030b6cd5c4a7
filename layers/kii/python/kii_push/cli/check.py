"""`check`: hold a push against Kii's rules, offline."""

from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer
from msgspec import to_builtins

from kii_push.cli import files, output
from kii_push.cli.failure import Status
from kii_push.cli.options import File, Group, Json, Thing, User
from kii_push.errors import InvalidRequest
from kii_push.push import request
from kii_push.push.dry_run import DryRunReport, network_uses, object_use
from kii_push.push.preflight import CheckedMessage, Preflight
from kii_push.push.request import BucketTarget, PushRequest, TopicTarget, UserTarget

# As long as Kii's own.
_SOME_APP = "x" * 12
_SOMEBODY = {"user": "x" * 36}
_HOW = {
    UserTarget: "to a user",
    TopicTarget: "to a topic's subscribers",
    BucketTarget: "as the change of an object",
}


def check(
    file: File,
    *,
    to: Annotated[
        str | None,
        typer.Option(metavar="KIND:NAME", help="Whom a message is for, such as topic:news; else any user."),
    ] = None,
    group: Group = None,
    user: User = None,
    thing: Thing = None,
    rules: Annotated[
        Literal["new", "strict-old"], typer.Option(help="The rules for messages to topics.")
    ] = "new",
    app_id: Annotated[
        str,
        typer.Option(
            metavar="ID",
            show_default=False,
            help="Your app's ID, where sizes matter to the byte; else one of 12 characters.",
        ),
    ] = _SOME_APP,
    json: Json = False,
) -> None:
    """Check a push request or a message against Kii's rules, without asking Kii.

    Prints every rule that it breaks with the field, or the bytes that each network would carry.
    """
    to_whom = files.target(to, {"group": group, "user": user, "thing": thing})
    try:
        push = request.from_json(files.push_request(file, to_whom, _SOMEBODY), default_id="check")
        checked = Preflight(topic_rules=rules).check(push.message, push.target, app_id)
    except InvalidRequest as error:
        _refuse(file, error, json=json)
    report = _report(push, checked)
    if json:
        shown = {name: use for name, use in to_builtins(report).items() if name in {"networks", "object"}}
        output.as_json({"valid": True, **shown})
    else:
        output.line(f"{files.name(file)} can be sent {_HOW[type(push.target)]}.")
        output.used(report)


def _refuse(file: Path, error: InvalidRequest, *, json: bool) -> NoReturn:
    if json:
        errors = [{"field": each.field, "reason": each.reason} for each in error.violations]
        output.as_json({"valid": False, "errors": errors})
    else:
        output.line(f"{files.name(file)} cannot be sent:")
        output.violations(error)
    raise typer.Exit(Status.REFUSED)


def _report(push: PushRequest, checked: CheckedMessage) -> DryRunReport:
    """Return how much of Kii's limits is used, as a dry run reports it."""
    if isinstance(push.target, BucketTarget):
        return DryRunReport(id=push.id, object=object_use(checked))
    return DryRunReport(id=push.id, networks=network_uses(checked))
