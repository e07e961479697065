"""``tagkeeper import``: files of questions, of synonyms, and of descriptions of tags."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from include.errors import FixInputError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

    from include.settings import Settings


def import_(
    file: Annotated[
        Path,
        typer.Argument(help=".xml, .csv or .jsonl, each also as .gz; .7z or .zip of a dump."),
    ],
    site: Annotated[
        str, typer.Option(help="The API's name of the site; JSON lines contain it.")
    ] = "",
    as_of: Annotated[
        str,
        typer.Option(
            metavar="YYYY-MM-DD",
            help="Day of the export: versions stored later are kept, and the months before it "
            "count as complete; without it, a month is complete if the file reaches its last day.",
        ),
    ] = "",
    synonyms: Annotated[
        bool,
        typer.Option(
            "--synonyms",
            help="The file, .csv or .jsonl, lists tag synonyms and retired tags (docs/data.md).",
        ),
    ] = False,
    descriptions: Annotated[
        bool,
        typer.Option(
            "--descriptions",
            help="Only descriptions of tags: of a dump, or a .csv or .jsonl with tag and excerpt "
            "(docs/data.md).",
        ),
    ] = False,
) -> None:
    """
    Import a file of questions: a data dump, a Data Explorer export or JSON lines.

    The file is checked as a whole first: one that is refused stores nothing. Then it is stored in
    batches; an interrupted import resumes when it is run again. MAX_BAD_SHARE is the share of
    questions that may be left out. A dump's descriptions of tags are stored with its questions, and
    from its PostHistory.xml the tags that they had two days after they were asked.
    """
    from include.settings import Settings
    from include.store.engine import process_engine
    from include.store.migrations import migrate

    if synonyms and descriptions:
        raise FixInputError("--synonyms and --descriptions are two imports: choose one")
    day = _day(as_of)
    settings = Settings.from_env()
    engine = process_engine(settings.require_database_url())
    migrate(engine)
    if synonyms:
        _import_synonyms(engine, file, site or settings.site)
    elif descriptions:
        _import_descriptions(engine, file, site or settings.site, day)
    else:
        _import_questions(engine, file, site, day, settings)


def _day(as_of: str) -> datetime | None:
    from include.jobs.ingestion.import_file import parse_day

    try:
        return parse_day(as_of) if as_of else None
    except ValueError:
        raise FixInputError(f"--as-of must look like 2024-04-02, got {as_of!r}") from None


def _import_synonyms(engine: Engine, file: Path, site: str) -> None:
    from include.jobs.ingestion.synonyms import import_synonyms

    count = import_synonyms(engine, file, site)
    typer.echo(f"stored {count} synonyms and retired tags of {site}; the service follows")


def _import_descriptions(engine: Engine, file: Path, site: str, day: datetime | None) -> None:
    from include.jobs.ingestion.import_descriptions import (
        import_descriptions,
        summarise_descriptions,
    )

    with _progress() as progress:
        bars = _Bars(progress)
        imported = import_descriptions(
            engine, file, site, as_of=day, on_read=lambda read: bars("read", read, None)
        )
    first, *others = summarise_descriptions(imported)
    typer.echo(f"{first}; the service of {site} follows")
    for line in others:
        typer.echo(f"  {line}")


def _import_questions(
    engine: Engine, file: Path, site: str, day: datetime | None, settings: Settings
) -> None:
    from include.jobs.ingestion.import_file import describe_import, import_file
    from include.sources.files import is_dump

    with _progress() as progress:
        imported = import_file(
            engine,
            file,
            site=site or None,
            as_of=day,
            max_bad_share=settings.max_bad_share,
            on_progress=_Bars(progress),
        )
    typer.echo(f"stored {imported.questions} questions of {file}")
    for line in describe_import(imported):
        typer.echo(f"  {line}")
    if is_dump(file) and imported.descriptions is None:
        typer.echo("  no Tags.xml of the dump beside it: descriptions of tags are not read")
    if is_dump(file) and imported.history is None:
        typer.echo("  no PostHistory.xml of the dump beside it: first tags are not known")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("time left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _Bars:
    """Progress bars of an import's two steps; the second one knows rate and time left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int | None) -> None:
        if step not in self._bars:
            self._bars[step] = self._progress.add_task(step, total=total, rate="")
        bar = self._bars[step]
        self._progress.update(bar, completed=done, total=total)
        speed = self._progress.tasks[bar].speed
        self._progress.update(bar, rate=f"{speed:,.0f} rows/s" if speed else "")
