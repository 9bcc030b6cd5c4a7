"""How a command fails: what to say, what to do next, and the exit status."""

from enum import IntEnum


class Status(IntEnum):
    """The exit status of a command that failed; `__main__.py` explains them."""

    REFUSED = 1
    USAGE = 2
    NOT_SENT = 3
    UNKNOWN = 4


class Failure(Exception):
    """A command cannot do what it was asked. The message is for a person, `next_step` what to try."""

    def __init__(self, message: str, next_step: str = "", status: Status = Status.REFUSED) -> None:
        super().__init__(message)
        self.next_step = next_step
        self.status = status
