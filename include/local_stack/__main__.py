"""``python -m include.local_stack up|down|status``: the platform on this machine."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.errors import TagkeeperError
from include.local_stack import stack
from include.local_stack.options import StackOptions
from include.local_stack.progress import Steps
from include.local_stack.status import logins, status_table
from include.settings import Settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m include.local_stack",
        description="The whole platform on this machine, without Docker. State and logs are under "
        "LOCAL_DIR (.local). DATABASE_URL uses your own PostgreSQL instead of the embedded one.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the platform; wait until it is healthy")
    up.add_argument("--data", help="serve this .jsonl.gz file as the site (DATA)")
    up.add_argument("--site", help="the API's name of the site (SITE)")
    up.add_argument("--live", action="store_true", help="use the real API (LIVE=1)")
    commands.add_parser("down", help="stop everything, also orphaned processes")
    commands.add_parser("status", help="processes, addresses, memory and the login")
    args = parser.parse_args(arguments)
    console = Console()
    try:
        return _run(args, console)
    except TagkeeperError as error:
        console.print(f"[red]{args.command} failed:[/red] ", end="")
        console.print(str(error), markup=False, highlight=False)
        return 1


def _run(args: argparse.Namespace, console: Console) -> int:
    settings = Settings.from_env()
    local = settings.local_dir.resolve()
    steps = Steps(console)
    if args.command == "down":
        was_running = stack.is_running(local)
        ended = stack.down(local, steps)
        console.print("Stopped." if was_running or ended else "Nothing was running.")
        return 0
    if args.command == "up":
        given = {"DATA": args.data, "SITE": args.site, "LIVE": "1" if args.live else None}
        overrides = {name: value for name, value in given.items() if value}
        url = settings.database_url.get_secret_value() if settings.database_url else None
        stack.up(local, StackOptions.from_mapping({**os.environ, **overrides}), url, steps)
    elif not stack.is_running(local):
        console.print("The platform is not running; `make up` starts it.")
        return 3
    show(local, console)
    return 0


def show(local: Path, console: Console) -> None:
    """Print the processes and how to reach them."""
    console.print(status_table(local))
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in logins(local):
        table.add_row(f"[bold]{name}[/bold]", value)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
