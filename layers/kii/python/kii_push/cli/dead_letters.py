"""`dead-letters`: what waits for a person, by cause, back to its queue or away with it by cause."""

import json as codec
import os
from dataclasses import replace
from typing import Annotated, Any

import boto3
import msgspec
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kii_push.cli import output
from kii_push.cli.failure import Failure, Status
from kii_push.cli.options import Json
from kii_push.common import aws
from kii_push.dead_letters.actions import HIDE_SECONDS, CauseList, RedriveResult
from kii_push.errors import Outcome

dead_letters = typer.Typer(help="Pushes that wait for a person.", no_args_is_help=True)

# Seconds; the function itself has 120.
_PATIENCE = Config(read_timeout=135, retries={"total_max_attempts": 1})
# Rounds without a letter of the cause, of a minute each: in so many every letter has shown itself again.
_IN_VAIN = HIDE_SECONDS // 60
_HIDDEN_FOR = f"{HIDE_SECONDS // 60} minutes"
_UNITS = (("days", 86_400), ("hours", 3600), ("minutes", 60), ("seconds", 1))
_NEXT_STEPS = {
    "ResourceNotFoundException": (
        "Give the stack's output RedriveFunctionName, as --function or in KII_PUSH_REDRIVE_FUNCTION."
    ),
    "AccessDeniedException": "The credentials need lambda:InvokeFunction on it.",
}

Function = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        envvar="KII_PUSH_REDRIVE_FUNCTION",
        help="The redrive function: the stack's output RedriveFunctionName.",
    ),
]
Region = Annotated[str | None, typer.Option(help="Its AWS region, where your AWS settings do not tell.")]
Cause = Annotated[str, typer.Argument(metavar="CAUSE", help="One of those that `list` shows.")]


@dead_letters.command("list")
def list_letters(*, function: Function, region: Region = None, json: Json = False) -> None:
    """List the dead letters by cause, with the age of the oldest and the newest."""
    answer = _invoke(function, region, {"action": "list"})
    if json:
        output.as_json(answer)
        return
    listing = msgspec.convert(answer, CauseList)
    if listing.groups:
        output.table(
            ("cause", "letters", "oldest", "newest", "such as"),
            *(
                (each.cause, each.count, _age(each.oldest), _age(each.newest), ", ".join(each.examples))
                for each in listing.groups
            ),
        )
    if not listing.complete:
        output.line(
            f"The first {listing.count} of about {listing.about}. The others are too many for one look, or"
            f" hidden by another list, redrive or drop for {_HIDDEN_FOR} at most."
        )
    elif not listing.groups:
        output.line("There are no dead letters.")


@dead_letters.command()
def redrive(
    cause: Cause,
    *,
    function: Function,
    region: Region = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before `unknown` ones are sent again.")
    ] = False,
    json: Json = False,
) -> None:
    """Put the dead letters of one cause back on their queues; those whose notAfter has passed end `expired`.

    One that comes straight back, because what was wrong still is, is put back once only.
    """
    question = "Kii may have taken these already: they can arrive twice. Send them again?"
    if cause == Outcome.UNKNOWN and not yes and not typer.confirm(question, err=True):
        raise Failure("Nothing was put back.")
    done = _deal(function, region, {"action": "redrive", "cause": cause})
    if json:
        output.as_json(_named(done, "put_back", "dropped"))
    elif done.put_back or done.dropped:
        output.line(f"Put back: {done.put_back}. Dropped, because it was too late for them: {done.dropped}.")
    _check(done, "put back")


@dead_letters.command()
def drop(
    cause: Cause,
    *,
    function: Function,
    region: Region = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before they are deleted.")] = False,
    json: Json = False,
) -> None:
    """Delete the dead letters of one cause, and no others. What became of their pushes stays known."""
    question = f"Nobody can send the pushes of the cause {cause!r} again. Delete them?"
    if not yes and not typer.confirm(question, err=True):
        raise Failure("Nothing was deleted.")
    done = _deal(function, region, {"action": "drop", "cause": cause})
    if json:
        output.as_json(_named(done, "deleted"))
    elif done.deleted:
        output.line(f"Deleted: {done.deleted}.")
    _check(done, "deleted")


def _deal(function: str, region: str | None, event: dict[str, Any]) -> RedriveResult:
    """Let the function go on until it is complete; return all rounds' counts. Raises Failure."""
    done: RedriveResult | None = None
    in_vain = 0
    while True:
        latest = msgspec.convert(_invoke(function, region, event), RedriveResult)
        in_vain = 0 if _taken(latest) else in_vain + 1
        done = _both(done, latest) if done else latest
        if done.complete:
            return done
        so_far = f"So far {_taken(done)} of this cause, {done.others} others passed by"
        if done.full:
            raise Failure(
                f"{so_far}. SQS hides no more letters at a time, so those behind them cannot be seen.",
                f"Redrive or drop a cause with many letters first, in {_HIDDEN_FOR}.",
            )
        if in_vain == _IN_VAIN:
            raise Failure(
                f"{so_far}, and none of it in the last {in_vain} rounds.",
                "`dead-letters list` shows what there is.",
            )
        output.line(f"{so_far}; going on.", error=True)
        event = {**event, "before": done.before}


def _both(done: RedriveResult, latest: RedriveResult) -> RedriveResult:
    """Return the counts of a round and those before it, with the end of the latest."""
    counts = ("put_back", "dropped", "deleted", "failed", "others")
    sums = {name: getattr(done, name) + getattr(latest, name) for name in counts}
    # What was hidden when the first round began: later it is what that has hidden.
    return replace(latest, **sums, hidden=done.hidden)


def _named(done: RedriveResult, *counts: str) -> dict[str, Any]:
    return {name: getattr(done, name) for name in ("cause", *counts, "failed", "hidden")}


def _taken(done: RedriveResult) -> int:
    return done.put_back + done.dropped + done.deleted


def _check(done: RedriveResult, what: str) -> None:
    """Raise Failure if there is a letter that was not dealt with, or none that could be."""
    if done.failed:
        raise Failure(f"{done.failed} could not be {what}: they stay. The function's log says why.")
    if _taken(done) and done.hidden:
        output.line(
            f"About {done.hidden} letters were hidden by another list, redrive or drop and not looked at.",
            error=True,
        )
    elif done.hidden:
        raise Failure(
            f"No dead letter with the cause {done.cause!r} can be seen, but about {done.hidden} are hidden.",
            f"Another list, redrive or drop looks at them, or did. Try again in {_HIDDEN_FOR} at most.",
        )
    elif not _taken(done):
        raise Failure(
            f"No dead letter has the cause {done.cause!r}.", "`dead-letters list` shows the causes."
        )


def _invoke(function: str, region: str | None, event: dict[str, Any]) -> Any:
    """Return what the redrive function answers. Raises Failure."""
    try:
        # boto3 itself looks at AWS_DEFAULT_REGION only.
        region = region or os.environ.get("AWS_REGION")
        client = boto3.client("lambda", region_name=region, config=_PATIENCE)
        answer = client.invoke(FunctionName=function, Payload=codec.dumps(event).encode())
        content = answer["Payload"].read()
    except ClientError as error:
        code = aws.code(error)
        raise Failure(f"{function} cannot be invoked: {code}.", _NEXT_STEPS.get(code, "")) from None
    except BotoCoreError as error:
        raise Failure(f"{function} cannot be invoked: {error}", status=Status.USAGE) from None
    if answer.get("FunctionError"):
        raise Failure(f"{function} failed. Its log says why.")
    return codec.loads(content)


def _age(seconds: int) -> str:
    """Return an age in its largest unit."""
    for unit, length in _UNITS:
        if seconds >= length:
            number = seconds // length
            return f"{number} {unit if number > 1 else unit[:-1]}"
    return "now"
