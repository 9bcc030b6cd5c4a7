"""What a file asks to be pushed, and to whom: the file's own target, or the one on the command line."""

import sys
from pathlib import Path
from typing import Any

from kii_push.cli.failure import Failure, Status
from kii_push.common import strict_json
from kii_push.errors import InvalidRequest, Violation
from kii_push.push import request

_EXAMPLES = {
    "user": "user:LOGIN_NAME:bob",
    "thing": "thing:VENDOR_THING_ID:lamp",
    "topic": "topic:news",
    "bucket": "bucket:orders",
}


def name(file: Path) -> str:
    """Return what to call the file."""
    return "standard input" if str(file) == "-" else str(file)


def read(file: Path) -> Any:
    """Return the JSON in a file, `-` being standard input. Raises InvalidRequest, or Failure."""
    try:
        # A byte more than is taken, so that what is too long is seen to be.
        if str(file) == "-":
            content = sys.stdin.buffer.read(strict_json.MAX_BYTES + 1)
        else:
            with file.open("rb") as opened:
                content = opened.read(strict_json.MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{name(file)} cannot be read: {error.strerror}.", status=Status.USAGE) from None
    if len(content) > strict_json.MAX_BYTES:
        raise InvalidRequest(Violation("", f"has more than {strict_json.MAX_BYTES} bytes"))
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InvalidRequest(Violation("", "is not UTF-8")) from None
    return strict_json.loads(text)


def named(text: str, *kinds: str) -> tuple[str, str]:
    """Return the kind and the name in `KIND:NAME`, of one of these kinds. Raises Failure."""
    kind, colon, rest = text.partition(":")
    if kind not in kinds or not (colon and rest):
        wanted = " or ".join(_EXAMPLES[each] for each in kinds)
        raise Failure(f"{text!r} is not of the form {wanted}.", status=Status.USAGE)
    return kind, rest


def target(to: str | None, scopes: dict[str, str | None]) -> dict[str, str] | None:
    """Return the target that `--to` and the options for a topic's scope make, None without any."""
    given = {scope: value for scope, value in scopes.items() if value is not None}
    kind, whom = named(to, "user", "topic") if to is not None else ("", "")
    if given and kind != "topic":
        raise Failure(f"--{next(iter(given))} goes with --to topic:NAME.", status=Status.USAGE)
    return {kind: whom, **given} if to is not None else None


def push_request(file: Path, to: dict[str, str] | None, otherwise: dict[str, str] | None = None) -> Any:
    """Return the push request in a file, or the one that the message in it makes when it goes to `to`.

    `otherwise` is where it goes when neither says. Raises InvalidRequest, or Failure if none of them does.
    """
    value = read(file)
    if isinstance(value, dict) and "target" in value:
        if to is not None and to != value["target"]:
            raise Failure(
                f"{name(file)} names another target than --to.", "Leave one of them out.", Status.USAGE
            )
        return value
    goes_to = otherwise if to is None else to
    if goes_to is None:
        next_step = "Add --to, such as --to user:LOGIN_NAME:bob."
        raise Failure(f"{name(file)} does not say whom it is for.", next_step, Status.USAGE)
    return request.merged(value, goes_to)
