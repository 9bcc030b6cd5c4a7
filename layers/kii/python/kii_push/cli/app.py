"""The commands put together, and what a failure of any of them prints."""

import sys

import typer

from kii_push.cli import output
from kii_push.cli.check import check
from kii_push.cli.dead_letters import dead_letters
from kii_push.cli.failure import Failure, Status
from kii_push.cli.manage import devices, subscriptions, topics
from kii_push.cli.send import send
from kii_push.errors import InvalidRequest

app = typer.Typer(
    help="Check, send and manage Kii pushes.",
    epilog="Exit status: 0 all is well, 1 refused, 2 wrong command line, 3 not sent, 4 perhaps sent.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(check)
app.command()(send)
app.command()(subscriptions)
app.add_typer(topics, name="topics")
app.add_typer(devices, name="devices")
app.add_typer(dead_letters, name="dead-letters")


def main(arguments: list[str] | None = None) -> None:
    """Run a command, by default the one of this process, and exit with its status."""
    try:
        app(arguments, prog_name="python -m kii_push")
    except InvalidRequest as error:
        output.line("error: the push or its target is wrong:", error=True)
        output.violations(error, to_error=True)
        sys.exit(Status.REFUSED)
    except Failure as failure:
        output.line(f"error: {failure}", error=True)
        if failure.next_step:
            output.line(failure.next_step, error=True)
        sys.exit(failure.status)
