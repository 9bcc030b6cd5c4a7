"""Say what is going on: a spinner with the time that has passed on a terminal, timed lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

type Step = Callable[[str], AbstractContextManager[None]]

console = Console(highlight=False, soft_wrap=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Show `text` while the block runs and how long it took once it is done."""
    started = time.monotonic()
    if console.is_terminal:
        columns = (SpinnerColumn(), TextColumn("{task.description} ..."), TimeElapsedColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            progress.add_task(text)
            yield
    else:
        yield
    console.print(f"  {text} ... [dim]{time.monotonic() - started:.1f} s[/dim]")


@contextmanager
def silent(_text: str) -> Iterator[None]:
    """Take the place of `step` where nobody looks, as in the tests."""
    yield
