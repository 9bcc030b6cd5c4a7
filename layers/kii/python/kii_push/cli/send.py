"""`send`: make a push through the deployed API."""

from typing import Annotated, Any
from uuid import uuid4

import typer
from msgspec import Struct, to_builtins

from kii_push.cli import files, output
from kii_push.cli.api import Api
from kii_push.cli.failure import Failure, Status
from kii_push.cli.options import File, Group, Json, Region, Thing, Url, User
from kii_push.common.decode import wire_name
from kii_push.kii.identifiers import encode
from kii_push.push import request
from kii_push.push.dry_run import DryRunReport
from kii_push.push.request import Target, TopicTarget, UserTarget


class _Sent(Struct, rename=wire_name, omit_defaults=True):
    """The API's answer to a push that Kii accepted."""

    id: str
    push_message_id: str | None
    replayed: bool = False


def send(
    file: File,
    *,
    url: Url,
    to: Annotated[
        str | None,
        typer.Option(metavar="KIND:NAME", help="Whom it is for: user:LOGIN_NAME:bob or topic:news."),
    ] = None,
    group: Group = None,
    user: User = None,
    thing: Thing = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, ask Kii for the target, and send nothing.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Yes, to all subscribers of a topic in the app's scope.")
    ] = False,
    id: Annotated[  # noqa: A002 (the push request's own name for it)
        str | None, typer.Option(metavar="ID", help="Under one ID a push is sent only once.")
    ] = None,
    region: Region = None,
    json: Json = False,
) -> None:
    """Send a push to a user, or to a topic's subscribers.

    Where nobody can tell whether it was sent, it says how to run it again without sending it twice.
    """
    value = files.push_request(file, files.target(to, {"group": group, "user": user, "thing": thing}))
    if confirm:
        value = {**value, "confirm": True}
    push = request.from_json(value, default_id=str(uuid4()))
    if push.lacks_confirm and not dry_run:
        raise Failure("This goes to all subscribers of a topic in the app's scope.", "If so, add --confirm.")
    with Api(url, region) as api:
        if dry_run:
            tried = api.ask(DryRunReport, "POST", _path(push.target), query={"dryRun": "true"}, json=value)
            if json:
                output.as_json(to_builtins(tried))
            else:
                output.line(f"{files.name(file)} can be sent. Nothing was sent now.")
                output.used(tried)
            return
        sent = _send(api, _path(push.target), value, push.id if id is None else id)
    if json:
        output.as_json(to_builtins(sent))
    else:
        said = "was sent before" if sent.replayed else "is sent"
        output.line(f"{files.name(file)} {said}: pushMessageID {sent.push_message_id}, id {sent.id}")


def _send(api: Api, path: str, value: Any, push_id: str) -> _Sent:
    try:
        return api.ask(_Sent, "POST", path, json=value, headers={"Idempotency-Key": push_id})
    except Failure as failure:
        if failure.status == Status.UNKNOWN:
            failure.next_step = f"Run it again with --id {push_id}: under one ID it is not sent twice."
        raise


def _path(target: Target) -> str:
    """Return the API's path for a push to there."""
    if isinstance(target, UserTarget):
        return f"/users/{encode(target.user)}/push/messages"
    if isinstance(target, TopicTarget):
        return f"{target.scope.path}/topics/{encode(target.topic)}/push/messages"
    raise Failure("A change of an object is not sent this way.", "Put it on the push queue.", Status.USAGE)
