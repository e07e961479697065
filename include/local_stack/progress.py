"""What a person sees while the platform starts: one line per step, with its seconds."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Steps:
    """
    Shows the step that runs, and a line for each that ended.

    Parameters
    ----------
    console : Console
        Where to write; without a terminal only the lines are written.
    """

    def __init__(self, console: Console) -> None:
        self.console = console

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Show ``title`` with a spinner while the block runs, then as done or failed."""
        started = time.monotonic()
        try:
            with self.console.status(f"{title} …"):
                yield
        except BaseException:
            self._line("[red]✗[/red]", title, started)
            raise
        self._line("[green]✓[/green]", title, started)

    def note(self, words: str) -> None:
        """Write one line."""
        self.console.print(f"  {words}", highlight=False)

    def _line(self, mark: str, title: str, started: float) -> None:
        seconds = time.monotonic() - started
        self.console.print(f"{mark} {title} [dim]{seconds:.1f} s[/dim]", highlight=False)
