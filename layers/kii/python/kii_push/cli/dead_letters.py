"""`dead-letters`: what waits for a person, by cause, and back to its queue by cause."""

import json as codec
import os
from typing import Annotated, Any

import boto3
import msgspec
import typer
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kii_push.cli import output
from kii_push.cli.failure import Failure, Status
from kii_push.cli.options import Json
from kii_push.dead_letters import Group, Redriven
from kii_push.errors import Outcome

dead_letters = typer.Typer(help="Pushes that wait for a person.", no_args_is_help=True)

# Seconds; the function itself has 60.
_PATIENCE = Config(read_timeout=75, retries={"total_max_attempts": 1})
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


@dead_letters.command("list")
def list_letters(*, function: Function, region: Region = None, json: Json = False) -> None:
    """List the dead letters by cause, with the age of the oldest and the newest."""
    answer = _invoke(function, region, {"action": "list"})
    if json:
        output.as_json(answer["groups"])
        return
    groups = msgspec.convert(answer["groups"], list[Group])
    if not groups:
        output.line("There are no dead letters.")
        return
    output.table(
        ("cause", "letters", "oldest", "newest", "such as"),
        *(
            (each.cause, each.count, _age(each.oldest), _age(each.newest), ", ".join(each.examples))
            for each in groups
        ),
    )


@dead_letters.command()
def redrive(
    cause: Annotated[str, typer.Argument(metavar="CAUSE", help="One of those that `list` shows.")],
    *,
    function: Function,
    region: Region = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before `unknown` ones are sent again.")
    ] = False,
    json: Json = False,
) -> None:
    """Put the dead letters of one cause back on their queues, and drop those whose notAfter has passed.

    One that comes straight back, because what was wrong still is, is put back once only.
    """
    question = "Kii may have taken these already: they can arrive twice. Send them again?"
    if cause == Outcome.UNKNOWN and not yes and not typer.confirm(question, err=True):
        raise Failure("Nothing was put back.")
    event: dict[str, Any] = {"action": "redrive", "cause": cause}
    put_back = dropped = 0
    while True:
        done = msgspec.convert(_invoke(function, region, event), Redriven)
        put_back += done.put_back
        dropped += done.dropped
        if done.complete:
            break
        event["before"] = done.before
    if json:
        output.as_json({"cause": cause, "put_back": put_back, "dropped": dropped})
    elif put_back or dropped:
        output.line(f"Put back: {put_back}. Dropped, because it was too late for them: {dropped}.")
    else:
        raise Failure(f"No dead letter has the cause {cause!r}.", "`dead-letters list` shows the causes.")


def _invoke(function: str, region: str | None, event: dict[str, Any]) -> Any:
    """Return what the redrive function answers. Raises Failure."""
    try:
        # boto3 itself looks at AWS_DEFAULT_REGION only.
        region = region or os.environ.get("AWS_REGION")
        client = boto3.client("lambda", region_name=region, config=_PATIENCE)
        answer = client.invoke(FunctionName=function, Payload=codec.dumps(event).encode())
        content = answer["Payload"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
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
