"""Progress of long steps in the terminal: a bar while a step runs, a line when it is done."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class Step:
    """A running step, whose progress can be shown."""

    def __init__(self, progress: Progress, task: TaskID, title: str) -> None:
        self._progress = progress
        self._task = task
        self._title = title

    def show(self, message: str, *, done: int | None = None, total: int | None = None) -> None:
        """Show ``message`` beside the title, and the bar at ``done`` of ``total``."""
        self._progress.update(
            self._task, description=f"{self._title}: {message}", completed=done, total=total
        )


class Steps:
    """
    Shows the running step, and a line for each step that ended.

    Parameters
    ----------
    console : Console
        Where to write; without a terminal only the lines are written.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Show ``title`` with a bar while the block runs, then as done or failed."""
        started = time.monotonic()
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        try:
            with progress:
                yield Step(progress, progress.add_task(title, total=None), title)
        except BaseException:
            self._line("[red]✗[/red]", title, started)
            raise
        self._line("[green]✓[/green]", title, started)

    def note(self, message: str) -> None:
        """Write one line."""
        self.console.print(f"  {message}", highlight=False, markup=False)

    def _line(self, mark: str, title: str, started: float) -> None:
        seconds = time.monotonic() - started
        self.console.print(f"{mark} {title} [dim]{seconds:.1f} s[/dim]", highlight=False)
