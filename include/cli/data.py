"""``tagkeeper ingest`` and ``transform``: months from the API into PostgreSQL, and prepared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from include.cli.options import LastMonth
from include.errors import FixInputError
from include.names import ENCODERS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from include.jobs.ingestion.month_ingest import MonthIngestion
    from include.store.windows import Window


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
