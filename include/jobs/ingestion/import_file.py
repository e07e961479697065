"""
Load a file of questions into PostgreSQL: a data dump, a Data Explorer export or JSON lines.

Safe to run again: questions are merged, never duplicated.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from include.errors import FixInputError, TagkeeperError
from include.questions import Question
from include.settings import Settings
from include.sources.files import read_file
from include.store.engine import make_engine
from include.store.migrations import migrate
from include.store.questions import upsert_questions

_COLUMNS = (
    SpinnerColumn(),
    TextColumn("{task.description}"),
    TextColumn("{task.completed:,} questions read"),
    TimeElapsedColumn(),
)


def import_file(
    engine: Engine,
    path: Path,
    *,
    site: str | None = None,
    as_of: datetime | None = None,
    on_read: Callable[[int], None] = lambda _: None,
) -> int:
    """
    Store the file's questions in one transaction and return their number.

    Parameters
    ----------
    engine : Engine
        On a migrated database.
    path : Path
        See ``include.sources.files.read_file``.
    site : str or None
        The API's name of the site; JSON lines contain it.
    as_of : datetime or None
        When the file was exported, aware: stored versions fetched later are kept. If None, the file
        counts as the latest version.
    on_read : callable, optional
        Called with the number of questions read so far, after each.

    Raises
    ------
    FixInputError
        If the file cannot be read or contains no question; nothing is stored then.
    """
    with engine.begin() as connection:
        questions = _counted(_dated(read_file(path, site), as_of), on_read)
        count = upsert_questions(connection, questions)
        if count == 0:
            raise FixInputError(f"{path} contains no question" + (f" of {site}" if site else ""))
    return count


def _dated(questions: Iterator[Question], as_of: datetime | None) -> Iterator[Question]:
    if as_of is None:
        return questions
    return (replace(question, fetched_at=as_of) for question in questions)


def _counted(questions: Iterator[Question], on_read: Callable[[int], None]) -> Iterator[Question]:
    for count, question in enumerate(questions, start=1):
        on_read(count)
        yield question


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.ingestion.import_file",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="DATABASE_URL names the database; `make status` prints the local stack's.",
    )
    parser.add_argument("file", type=Path, help=".xml, .7z, .csv, .jsonl or .jsonl.gz")
    parser.add_argument("--site", help="the API's name of the site; JSON lines contain it")
    parser.add_argument(
        "--as-of",
        type=lambda text: datetime.fromisoformat(text).replace(tzinfo=UTC),
        metavar="YYYY-MM-DD",
        help="day of the export, so that versions stored later are kept",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Import the file named on the command line; return 2 with a message if that cannot be done."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        engine = make_engine(Settings.from_env().require_database_url())
        migrate(engine)
        with Progress(*_COLUMNS, console=Console(stderr=True)) as progress:
            bar = progress.add_task(args.file.name, total=None)
            count = import_file(
                engine,
                args.file,
                site=args.site,
                as_of=args.as_of,
                on_read=lambda read: progress.update(bar, completed=read),
            )
    except TagkeeperError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"stored {count} questions of {args.file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
