"""The arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A push request, a message as Kii takes it, or one in the short form; - for standard input.",
    ),
]
Group = Annotated[str | None, typer.Option(metavar="ID", help="The group that the topic or bucket is in.")]
User = Annotated[str | None, typer.Option(metavar="ID", help="The user whose topic or bucket it is.")]
Thing = Annotated[str | None, typer.Option(metavar="ID", help="The thing whose topic or bucket it is.")]
Url = Annotated[
    str,
    typer.Option(
        metavar="URL", envvar="KII_PUSH_API_URL", help="The API's address: the stack's output ApiUrl."
    ),
]
Region = Annotated[
    str | None,
    typer.Option(help="The API's AWS region, where neither its address nor your AWS settings tell."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
