"""One stage of ``bench_scale`` in a process of its own, so that its memory is its own peak."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Engine, text

from include.candidates.base import Candidate
from include.candidates.catalogue import make_candidate, save_candidate
from include.drift.evidently_report import make_pages
from include.evaluation.metrics import score_questions
from include.jobs.data.datasets import SplitMonths, TimeSplit, split_by_time
from include.jobs.data.features import load_labelled, prepare_months
from include.jobs.data.month_shards import build_month
from include.jobs.data.observations import sample_questions
from include.jobs.drift.checks import Monitoring
from include.jobs.drift.evidently_pages import page_title, project_of, workspace_of
from include.jobs.ingestion.import_file import import_file
from include.jobs.training.learned_from import LearnedFrom
from include.months import add_months, month_range, months_between
from include.registry.folder import folder_sha256
from include.registry.versions import ModelVersion
from include.sandbox.large_site import LargeSite
from include.settings import Settings
from include.store.drift import REFERENCE_WINDOW_QUESTIONS
from include.store.engine import make_engine
from include.text.prepared import PreparedText
from tests.benchmarks.scale_serving import measure_saved, no_encoder

MONTHS = 12
MIN_TAG_COUNT = 5
EVALUATED = 4_000
TIMED = 200
CHECKED_PREDICTIONS = 500
CHAMPION = "champion"
"""Folder of the model whose predictions are checked."""
REPORT = "report"
"""File with the number of the last check's report, for the stage that makes its pages."""
MONITORED = "frequency"
"""What the check monitors unless told: its fits take no time, so the check's is that of its data."""


def large_site(train_questions: int) -> LargeSite:
    """Return a site with exactly ``train_questions`` in twelve months, and a month to test on."""
    return LargeSite.with_questions_before_the_last_month(train_questions, MONTHS + 1)


def months_of(site: LargeSite) -> SplitMonths:
    """Return the training months and the test month."""
    last = add_months(site.first_month, MONTHS - 1)
    return SplitMonths(site.first_month, last, add_months(last, 1))


def run_import(engine: Engine, site: LargeSite, folder: Path) -> dict[str, Any]:
    """Import the dump of the site into PostgreSQL."""
    started = time.perf_counter()
    imported = import_file(engine, folder / "Posts.xml", site=site.site)
    seconds = time.perf_counter() - started
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))
    return {"import_s": seconds, "imported": imported.questions}


def run_prepare(engine: Engine, site: LargeSite, folder: Path) -> dict[str, Any]:
    """Prepare all texts and count their terms."""
    started = time.perf_counter()
    for month in months_between(site.first_month, months_of(site).test_month):
        prepare_months(engine, site.site, [month])
        build_month(engine, site.site, month)
    return {"prepare_s": time.perf_counter() - started}


def run_train(engine: Engine, site: LargeSite, folder: Path, name: str) -> dict[str, Any]:
    """Train a candidate on twelve months, and evaluate it on a sample of the next."""
    started = time.perf_counter()
    split = _split(engine, site)
    loaded = time.perf_counter()
    train = split.train.questions
    candidate = make_candidate(name, None, no_encoder)
    candidate.fit(train.texts, train.tags, split.train.vocabulary)
    fitted = time.perf_counter()
    figures = _evaluate(candidate, split)
    return {
        "load_s": loaded - started,
        "train_s": fitted - started,
        "evaluate_s": time.perf_counter() - fitted,
        "tags": len(split.train.vocabulary),
        "learned_from": LearnedFrom.of(candidate, split.train).question_count,
        **measure_saved(candidate, _without_keys(split.test.texts[:TIMED])),
        **figures,
    }


def run_answer(
    engine: Engine, site: LargeSite, folder: Path, name: str = MONITORED
) -> dict[str, Any]:
    """Make a champion, answer questions with it, and check once: what later checks find stored."""
    split = _split(engine, site)
    train = split.train.questions
    candidate = make_candidate(name, None, no_encoder)
    candidate.fit(train.texts, train.tags, split.train.vocabulary)
    description = {
        "train_first": split.months.train_first,
        "train_last": split.months.train_last,
        "min_tag_count": MIN_TAG_COUNT,
    }
    save_candidate(candidate, folder / CHAMPION, description)
    _answer_questions(engine, site, candidate)
    return {"first_check_s": _check(engine, site, folder)["check_s"]}


def run_check(engine: Engine, site: LargeSite, folder: Path) -> dict[str, Any]:
    """Check an hour of predictions for drift, as it is done every hour."""
    return _check(engine, site, folder)


def run_pages(engine: Engine, site: LargeSite, folder: Path) -> dict[str, Any]:
    """Make Evidently's pages of the last check, without sending them to MLflow."""
    report_id = int((folder / REPORT).read_text(encoding="utf-8"))
    settings, monitoring = _monitoring(engine, site, folder)
    started = time.perf_counter()
    data = monitoring.check_data(report_id)
    loaded = time.perf_counter()
    assert data is not None, "the check compared nothing"
    report = monitoring.report(report_id).report
    with TemporaryDirectory() as pages:
        make_pages(
            data.reference.observations,
            data.analysis,
            Path(pages),
            title=page_title(report),
            at=report.window_start,
            workspace=workspace_of(settings),
            project=project_of(report),
            seed=settings.random_seed,
        )
    return {"pages_s": time.perf_counter() - started, "pages_load_s": loaded - started}


def _check(engine: Engine, site: LargeSite, folder: Path) -> dict[str, Any]:
    end = month_range(months_of(site).test_month)[0] + timedelta(days=10)
    _, monitoring = _monitoring(engine, site, folder)
    started = time.perf_counter()
    report_id = monitoring.check_predictions(end - timedelta(hours=1), end)
    seconds = time.perf_counter() - started
    (folder / REPORT).write_text(str(report_id), encoding="utf-8")
    report = monitoring.report(report_id).report
    return {
        "check_s": seconds,
        "verdict": report.verdict,
        "reference": report.summary[REFERENCE_WINDOW_QUESTIONS],
    }


def _monitoring(engine: Engine, site: LargeSite, folder: Path) -> tuple[Settings, Monitoring]:
    settings = Settings(site=site.site, local_dir=folder, min_tag_count=MIN_TAG_COUNT)
    registry: Any = FolderRegistry(folder / CHAMPION)
    return settings, Monitoring(engine, registry, settings)


class FolderRegistry:
    """Stands in for MLflow, whose time the check does not measure: a folder as version 1."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def alias(self, alias: str) -> ModelVersion:
        """Return version 1, whatever the alias."""
        return ModelVersion(
            version="1", candidate="", run_id="", sha256=folder_sha256(self._folder),
            created_at=datetime.now(UTC), tags={},
        )  # fmt: skip

    def download(self, version: ModelVersion, into: Path) -> Path:
        """Return the folder: a version is downloaded once."""
        return self._folder


def _split(engine: Engine, site: LargeSite) -> TimeSplit:
    months = months_of(site)
    questions = load_labelled(engine, site.site, months.train_first, months.test_month)
    return split_by_time(questions, months, site=site.site, min_tag_count=MIN_TAG_COUNT)


def _evaluate(candidate: Candidate, split: TimeSplit) -> dict[str, float]:
    sample = sample_questions(split.test, EVALUATED, 0)
    ranked = [
        [suggestion.tag for suggestion in row]
        for start in range(0, len(sample), 500)
        for row in candidate.rank(tuple(sample.texts[start : start + 500]), 5)
    ]
    scores = score_questions(ranked, sample.tags, frozenset(candidate.vocabulary))
    return {f"f1_all@{k}": float(scores.f1_all(k).mean()) for k in (1, 3, 5)}


def _without_keys(texts: Iterable[PreparedText]) -> list[PreparedText]:
    """Return texts as the service sees them: not stored."""
    return [replace(text, key=None) for text in texts]


def _answer_questions(engine: Engine, site: LargeSite, candidate: Candidate) -> None:
    """Store predictions as the service would, for an hour of the test month."""
    start, _ = month_range(months_of(site).test_month)
    ranked = candidate.rank(
        tuple(load_labelled(engine, site.site, *2 * (months_of(site).test_month,)).texts[:1]), 5
    )[0]
    tags = json.dumps([{"tag": s.tag, "score": s.score} for s in ranked])
    with engine.begin() as connection:
        connection.execute(
            text("SELECT ensure_month_partition('predictions', :start)"), {"start": start}
        )
        connection.execute(
            text(
                "INSERT INTO predictions (prediction_id, asked_at, site, question_id, title, body, "
                "tags, model_version, candidate, variant, latency_ms) "
                "SELECT gen_random_uuid(), :at, site, question_id, title, body_html, :tags, '1', "
                ":candidate, 'champion', 1 FROM questions "
                "WHERE site = :site AND asked_at >= :start ORDER BY asked_at LIMIT :count"
            ),
            {
                "at": start + timedelta(days=10, minutes=-30),
                "start": start,
                "site": site.site,
                "tags": tags,
                "candidate": candidate.name,
                "count": CHECKED_PREDICTIONS,
            },
        )


def main(arguments: Sequence[str]) -> None:
    """Run a stage: its name, the database, the number of questions, the folder, a candidate."""
    stage, url, questions, folder, *candidate = arguments
    engine = make_engine(url)
    stages: dict[str, Callable[..., dict[str, Any]]] = {
        "import": run_import,
        "prepare": run_prepare,
        "train": run_train,
        "answer": run_answer,
        "check": run_check,
        "pages": run_pages,
    }
    result = stages[stage](engine, large_site(int(questions)), Path(folder), *candidate)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    result["peak_mb"] = usage.ru_maxrss / 1024
    result["cpu_s"] = usage.ru_utime + usage.ru_stime
    engine.dispose()
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
