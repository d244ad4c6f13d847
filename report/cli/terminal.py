"""What a terminal shows while a build runs: the step at hand, and nothing in a pipe."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager


@contextmanager
def steps() -> Generator[Callable[[str], None]]:
    """Show steps with a clock on standard error; silent when that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from report.study.texts import visible

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _step: None
        return
    columns = (SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True) as display:
        task = display.add_task("start", total=None)
        yield lambda step: display.update(task, description=visible(step))
