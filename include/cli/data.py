"""``tagkeeper ingest``, ``import``, ``synonyms``, ``transform``: data into PostgreSQL, prepared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from include.cli.options import LastMonth
from include.errors import FixInputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from include.jobs.ingestion.month_ingest import MonthIngestion
    from include.store.windows import Window

ENCODERS = ("bert", "use")


def ingest(
    month: Annotated[
        str,
        typer.Option(
            help="First month, YYYY-MM; the latest that is over and not stored if not given."
        ),
    ] = "",
    last: LastMonth = "",
) -> None:
    """
    Fetch, store and check questions from the Stack Exchange API, month by month.

    If the site asks to wait for long, the command ends with 75; the same command then resumes
    where it stopped.
    """
    from include.jobs.ingestion.month_ingest import MonthIngestion
    from include.months import months_between
    from include.settings import Settings

    console = Console(stderr=True)
    if last and not month:
        raise FixInputError("--to needs --month")
    if month and not months_between(month, last or month):
        raise FixInputError(f"--to {last} is before --month {month}")
    ingestion = MonthIngestion.from_settings(Settings.from_env())
    first = month or ingestion.latest_missing_month()
    if first is None:
        console.print("Every month since the first stored one is stored; name another one.")
        return
    months = months_between(first, last or first)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[questions]:,} questions"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        count = sum(_ingest_with_bar(ingestion, one, progress) for one in months)
    named = months[0] if len(months) == 1 else f"{months[0]} to {months[-1]}"
    console.print(f"{count:,} questions stored in {len(months)} months ({named})")


def _ingest_with_bar(ingestion: MonthIngestion, month: str, progress: Progress) -> int:
    """Ingest a month with a progress bar; return its number of questions."""
    from include.jobs.ingestion.ingest import ingest_month
    from include.months import month_range

    start, end = month_range(month)
    total_s = (end - start).total_seconds()
    bar = progress.add_task(month, total=total_s, questions=0)
    counts: dict[datetime, int] = {}

    def show(window: Window) -> None:
        counts[window.start] = window.fetched_count
        reached = (window.resume_at - start).total_seconds()
        progress.update(bar, completed=reached, questions=sum(counts.values()))

    count = int(ingest_month(ingestion, month, show)["questions"])
    progress.update(bar, completed=total_s, questions=count)
    return count


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
) -> None:
    """
    Import a file of questions: a data dump, a Data Explorer export or JSON lines.

    The file is checked as a whole first: one that is refused stores nothing. Then it is stored in
    batches; an interrupted import resumes when it is run again. MAX_BAD_SHARE is the share of
    questions that may be left out.
    """
    from include.jobs.ingestion.import_file import describe_import, import_file, parse_day
    from include.settings import Settings
    from include.store.engine import process_engine
    from include.store.migrations import migrate

    try:
        day = parse_day(as_of) if as_of else None
    except ValueError:
        raise FixInputError(f"--as-of must look like 2024-04-02, got {as_of!r}") from None
    settings = Settings.from_env()
    engine = process_engine(settings.require_database_url())
    migrate(engine)
    if synonyms:
        from include.jobs.ingestion.synonyms import import_synonyms

        of_site = site or settings.site
        count = import_synonyms(engine, file, of_site)
        typer.echo(f"stored {count} synonyms and retired tags of {of_site}; the service follows")
        return
    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("time left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
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


def synonyms(
    full: Annotated[
        bool, typer.Option("--full", help="Read all of them, and forget those that are gone.")
    ] = False,
) -> None:
    """
    Read the tag synonyms that the site has made since the last time; ingest_recent does it daily.

    A file of your own, also of retired tags, is read by import --synonyms.
    """
    from include.jobs.ingestion.synonyms import SynonymIngestion
    from include.settings import Settings

    settings = Settings.from_env()
    read = SynonymIngestion.from_settings(settings).pull(full=full)
    typer.echo(
        f"{read['synonyms']:,} synonyms of {settings.site} read with {read['requests']} requests; "
        f"{'names of tags have changed' if read['changed'] else 'no name has changed'}"
    )


def transform(
    first: Annotated[
        str,
        typer.Option(
            "--from",
            help="First month, YYYY-MM; every stored month if not given, of which only what is not "
            "prepared takes time.",
        ),
    ] = "",
    last: LastMonth = "",
    encoder: Annotated[
        list[str],
        typer.Option(help=f"Also embed with this encoder, {' or '.join(ENCODERS)}; repeatable."),
    ] = [],  # noqa: B006  # typer copies it; it does not take None for a list
) -> None:
    """Prepare the texts of stored questions, and embed them; only what is missing is computed."""
    from include.months import months_between
    from include.settings import Settings
    from include.store.engine import process_engine

    if last and not first:
        raise FixInputError("--to needs --from")
    if unknown := sorted(set(encoder) - set(ENCODERS)):
        raise FixInputError(f"no encoder is named {unknown[0]!r}; choose from {ENCODERS}")
    settings, console = Settings.from_env(), Console(stderr=True)
    engine = process_engine(settings.require_database_url())
    months = (
        months_between(first, last or first) if first else _stored_months(engine, settings.site)
    )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        prepared = _prepare(engine, settings.site, months, progress)
        total = _embed(engine, months, encoder, progress)
    new = [f"{month} ({count:,})" for month, count in prepared.items() if count]
    console.print(f"{total:,} questions of {settings.site} are prepared")
    console.print(f"New: {', '.join(new) or 'none, all were prepared before'}")


def _stored_months(engine: Engine, site: str) -> tuple[str, ...]:
    """Return the months that have stored questions, in order; MissingDataError if none has."""
    from include.errors import MissingDataError
    from include.store.questions import questions_per_month

    with engine.connect() as connection:
        stored = sorted(questions_per_month(connection, site))
    if not stored:
        raise MissingDataError(f"no questions of {site} are stored: ingest a month first")
    return tuple(stored)


def _prepare(
    engine: Engine, site: str, months: Sequence[str], progress: Progress
) -> dict[str, int]:
    """Prepare months with a bar; return the number of new texts by month."""
    from include.jobs.data.features import prepare_months

    bar = progress.add_task("prepare", total=len(months))
    prepared = {}
    for month in months:
        prepared[month] = prepare_months(engine, site, [month])
        progress.advance(bar)
    return prepared


def _embed(
    engine: Engine, months: Sequence[str], encoders: Sequence[str], progress: Progress
) -> int:
    """Embed months' texts with a bar for each encoder; return the number of questions."""
    from include.candidates.encoders import encoder_factory
    from include.jobs.data.features import cached_encoders, load_labelled
    from include.settings import Settings

    settings = Settings.from_env()
    parts = [load_labelled(engine, settings.site, month, month) for month in months]
    total = sum(len(part) for part in parts)
    for name in encoders:
        bar = progress.add_task(f"embed ({name})", total=total)
        before = 0
        for part in parts:

            def show(
                done: int, missing: int, bar: TaskID = bar, reached: int = before + len(part)
            ) -> None:
                progress.update(bar, completed=reached - missing + done)

            make = cached_encoders(engine, encoder_factory(settings.bert_model), show)
            make(name).encode(part.texts)
            before += len(part)
            progress.update(bar, completed=before)
    return total
