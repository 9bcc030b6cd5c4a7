"""The local stack left running between commands: `make up`, `make down`, and who else wants to use it."""

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from local.access_key import AccessKey, access_key, adopt, write_for_owner
from local.build import build, build_folder
from local.process import LocalError, birth, end_other
from local.progress import Step, silent
from local.servers import Ports
from local.settings import STATE
from local.stack import LocalStack

RECORD = STATE / "up.json"


@dataclass(frozen=True)
class Record:
    """What `make up` started, in a file for the commands that come after it."""

    ports: dict[str, int]
    directory: str
    build: str
    servers: dict[str, str]
    """Each server's process id and its `birth`."""
    access_key: dict[str, str] | None = None
    """The key that the stack takes; None for one of an older release, which took any."""

    @classmethod
    def read(cls) -> Self | None:
        """Return the record, None when nothing has been left running."""
        if not RECORD.exists():
            return None
        stored: dict[str, Any] = json.loads(RECORD.read_text())
        return cls(**stored)

    @classmethod
    def write(cls, stack: LocalStack, servers: dict[str, str]) -> None:
        """Keep what later commands need to find the stack and to end it."""
        key = asdict(access_key())
        record = cls(asdict(stack.ports), str(stack.directory), str(stack.build), servers, key)
        write_for_owner(RECORD, json.dumps(asdict(record), indent=2))

    @property
    def alive(self) -> bool:
        """Whether all of its servers still run, and take a key of their own."""
        return self.access_key is not None and all(
            birth(int(pid)) == born for pid, born in self.servers.items()
        )


def up(step: Step, ports: dict[str, int | None]) -> LocalStack:
    """Return the running stack with the sources as they are now deployed, starting it if need be.

    `ports` are those of `Ports.chosen`; they count only when the stack is started. Raises LocalError.
    """
    record = Record.read()
    if record and record.alive:
        stack = _attach(record, step)
        built = build(step)
        if built != stack.build:
            stack.deploy(built)
            Record.write(stack, record.servers)
        return stack
    down()
    stack = LocalStack.new("up", step, Ports.chosen(**ports)).start()
    Record.write(stack, {str(server.pid): birth(server.pid) or "" for server in stack.servers})
    return stack


def down() -> int:
    """End what `make up` started and nothing else; returns how many servers that were."""
    record = Record.read()
    if record is None:
        return 0
    ended = sum(end_other(int(pid), born) for pid, born in record.servers.items())
    shutil.rmtree(record.directory, ignore_errors=True)
    RECORD.unlink()
    return ended


def running_stack() -> LocalStack | None:
    """Return the stack that `make up` left running, None when there is none."""
    record = Record.read()
    return _attach(record, silent) if record and record.alive else None


def up_to_date_stack() -> LocalStack:
    """Return the running stack; LocalError when there is none, or other sources than these are deployed."""
    stack = running_stack()
    if stack is None:
        raise LocalError("No local stack is running: start it by `make up`.")
    if stack.build != build_folder():
        raise LocalError("The running stack has other sources deployed: deploy these by `make up`.")
    return stack


def _attach(record: Record, step: Step) -> LocalStack:
    if record.access_key:
        adopt(AccessKey(**record.access_key))
    stack = LocalStack(Path(record.directory), Ports(**record.ports), step)
    stack.attach(Path(record.build))
    return stack
