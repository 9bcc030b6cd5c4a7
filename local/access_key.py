"""The one access key that the local stack takes: made at random by each process that starts one."""

import os
import secrets
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class AccessKey:
    """An AWS access key: its ID and its secret."""

    id: str
    secret: str

    @classmethod
    def new(cls) -> Self:
        """Return a random key in the form of AWS's own, for tools that look at it."""
        letters = string.ascii_uppercase + "234567"
        return cls("AKIA" + "".join(secrets.choice(letters) for _ in range(16)), secrets.token_urlsafe(30))


_key = AccessKey.new()


def access_key() -> AccessKey:
    """Return the key of the stack that this process starts, or has found running."""
    return _key


def adopt(key: AccessKey) -> None:
    """Use the key of a stack that another command has started."""
    global _key  # noqa: PLW0603 (one process has to do with one stack)
    _key = key


def write_for_owner(path: Path, text: str) -> None:
    """Write a file that holds the key: nobody else on this machine may read it."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
