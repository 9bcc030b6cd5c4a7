"""The command line behind the Makefile: `python -m local demo|up|down|invoke|faults|update|function|...`."""

import signal
import sys
import textwrap
from typing import Annotated

import typer
from rich.text import Text

from local import demo as demo_module
from local import deployment
from local import invoke as invoke_module
from local import up as up_module
from local.access_key import write_for_owner
from local.build import build
from local.faults import run as faults_run
from local.process import LocalError
from local.progress import console, step
from local.scaffold import function as scaffold_function
from local.settings import ROOT, SAM, STATE
from local.stack import LocalStack
from local.update import run as update_run
from local.update.release import Release
from local.update.run import ReleasedStack

EXAMPLE = """\
curl -sS --aws-sigv4 "aws:amz:$AWS_REGION:execute-api" --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
  -H 'Content-Type: application/json' \\
  -d '{"message": {"title": "Hello", "body": "It works", "networks": ["mqtt"]}}' \\
  "$API_URL/users/$USER_ID/push/messages"
aws sqs send-message --queue-url "$PUSH_QUEUE_URL" --message-body \\
  '{"target": {"user": "LOGIN_NAME:bob"}, "message": {"title": "Hello", "body": "Hi", "networks": ["mqtt"]}}'
"""

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo() -> None:
    """Send one push through each door to a real MQTT device and show each as it arrives."""
    demo_module.run(step)


@app.command()
def up(
    port: Annotated[int | None, typer.Option(help="The sandbox and its console; usually 8080.")] = None,
    mqtt_port: Annotated[int | None, typer.Option(help="The sandbox's MQTT broker; usually 1883.")] = None,
    aws_port: Annotated[int | None, typer.Option(help="The AWS endpoint; usually 4566.")] = None,
) -> None:
    """Start the local stack and leave it running; when it runs, deploy what has changed."""
    stack = up_module.up(step, {"sandbox": port, "mqtt": mqtt_port, "aws": aws_port})
    _show(stack)


@app.command()
def down() -> None:
    """End what `up` started."""
    console.print("The local stack is stopped." if up_module.down() else "No local stack is running.")


@app.command()
def invoke(function: str) -> None:
    """Run a built function under Lambda's Runtime Interface Emulator with its file from events/."""
    invoke_module.invoke(function, step)


@app.command()
def faults(
    pushes: Annotated[
        # Of so many the sandbox still remembers every delivery and request.
        int, typer.Option(min=1000, max=50_000, help="How many; a tenth more go with onUnknown: resend.")
    ] = 10_000,
) -> None:
    """Send pushes through the queue while Kii and the senders fail; exit 1 if one is lost or sent twice."""
    with LocalStack.new("faults", step, parameters=faults_run.PARAMETERS) as stack:
        report = faults_run.run(stack, pushes, lambda word: console.print(Text(f"  {word}")))
        console.print(Text(f"\n{report.table()}\n"))
        _fail_if_broken(report.broken, stack)


@app.command()
def update(
    pushes: Annotated[int, typer.Option(min=100, max=9000, help="How many flow meanwhile.")] = 1_000,
) -> None:
    """Update a stack of the last release while pushes flow; exit 1 if one is lost or sent twice."""
    release = Release.last()
    console.print(f"\n[bold]From release {release.version} to this tree, while pushes flow[/bold]\n")
    built = build(step)
    with ReleasedStack.of(release, step) as stack:
        report = update_run.run(stack, built, pushes, lambda word: console.print(Text(f"  {word}")))
        console.print(Text(f"\n{report}\n"))
        _fail_if_broken(report.broken, stack)


@app.command()
def function(
    name: Annotated[str, typer.Argument(help="In snake_case; the name of its folder.")],
    route: Annotated[str | None, typer.Option(help="The path it serves; usually / and the name.")] = None,
) -> None:
    """Start a new function of the HTTPS door, and print what to do next."""
    for path in scaffold_function.scaffold(name, route):
        typer.echo(f"  wrote {path.relative_to(ROOT)}")
    typer.echo(f"\nWhat comes next (CONTRIBUTING.md):\n\n{scaffold_function.next_steps()}")


@app.command()
def check_deploy(
    environment: Annotated[str, typer.Argument(help="The section of samconfig.toml.")],
    parameters: Annotated[list[str] | None, typer.Argument(help="The template's, as SAM takes them.")] = None,
) -> None:
    """Refuse a deployment to AWS in which nobody would be told of alarms, where someone must be."""
    deployment.check(environment, parameters or [])


@app.command()
def overrides(
    environment: Annotated[str, typer.Argument(help="The section of samconfig.toml.")],
) -> None:
    """Print the template's parameters that samconfig.toml sets."""
    typer.echo(" ".join(deployment.overrides(environment)))


def main() -> None:
    """Run the command; what is in its way is one line on standard error and status 1."""
    # Being ended politely must clean up as Ctrl-C does.
    for signum in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, lambda number, _frame: sys.exit(128 + number))
    try:
        app()
    except LocalError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


def _fail_if_broken(broken: list[str], stack: LocalStack) -> None:
    """Print each broken promise, and raise LocalError when there is one."""
    for each in broken:
        typer.echo(each, err=True)
    if broken:
        raise LocalError(f"{len(broken)} promises were broken (logs: {stack.directory})")


def _show(stack: LocalStack) -> None:
    """Print where everything is, and keep it in a file for shells."""
    variables = stack.variables()
    exports = [f"export {name}='{value}'\n" for name, value in variables.items()]
    file = STATE / "env"
    write_for_owner(file, "".join([f'export PATH="{SAM.parent}:$PATH"\n', *exports]))
    console.print("\n[bold]The local stack is running.[/bold] `make down` ends it.\n")
    for name, value in {
        "console": f"{stack.sandbox_url}/",
        "Kii's REST API": stack.kii_url,
        "MQTT broker": f"127.0.0.1:{stack.ports.mqtt}",
    }.items():
        console.print(Text(f"  {name:<28} {value}"))
    console.print(f"\nFor curl and the AWS command line:  [bold]. {file.relative_to(ROOT)}[/bold]  sets\n")
    for name, value in variables.items():
        if not name.startswith("AWS_") and name.lower() != "no_proxy":
            console.print(Text(f"  {name:<28} {value}"))
    console.print(
        "\nand what it takes to reach this stack and no account of yours. The stack takes no access\n"
        "key but this one, which is made anew at each start, and answers no web page. Then, for example:\n"
    )
    console.print(Text(textwrap.indent(EXAMPLE, "  ")))


main()
