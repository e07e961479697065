"""The exporter on a real PostgreSQL: what it reads, and what happens when it gets no answer."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from include import names
from include.drift.estimated_f1 import estimated_f1
from include.drift.signal_types import SignalValue
from include.monitoring.database_sources import DatabaseSource, read_state, read_volumes
from include.sandbox.simulator import simulate
from include.store.backups import FinishedBackup, record_backup
from include.store.drift import DriftReport, save_decision, save_report
from include.store.engine import make_engine
from include.store.models import (
    EvaluationKey,
    MetricValue,
    StoredDataset,
    StoredFit,
    record_dataset,
    record_evaluations,
    record_fit,
    record_promotion,
)
from include.store.predictions import (
    Prediction,
    copy_predictions,
    count_indicators,
    prediction_line,
)
from include.store.questions import upsert_questions
from include.store.windows import advance_window, open_window
from serving.prediction_ids import new_id

pytestmark = pytest.mark.integration

SITE = "sandbox"
NOW = datetime.now(UTC)


@pytest.fixture
def read(database_url):
    """Read one of the two sources."""

    def read_with(function, timeout_s=10.0):
        return DatabaseSource(
            "database",
            function,
            partial(make_engine, database_url, pool_size=1),
            interval_s=60,
            timeout_s=timeout_s,
        ).read()

    return read_with


state = partial(read_state, site=SITE, min_live_precision_share=0.5)
volumes = partial(read_volumes, site=SITE)


def promote(connection, version: str, vocabulary=("python", "sql")):
    record_dataset(
        connection,
        StoredDataset(
            *(f"data-{version}", SITE, "2023-01", "2023-06", 600, 5, 5, vocabulary),
            learned_until=datetime(2023, 7, 1, tzinfo=UTC),
        ),
    )
    asked = (datetime(2023, 6, 11, tzinfo=UTC), datetime(2023, 6, 30, tzinfo=UTC))
    record_fit(
        connection,
        StoredFit(
            f"fit-{version}", f"data-{version}", "tfidf", 200, 600, *asked, len(vocabulary), 1.5
        ),
    )
    record_promotion(
        connection,
        alias=names.CHAMPION,
        from_version=None,
        to_version=version,
        kind="promotion",
        actor="test",
        reason="a test",
        figures={
            "dataset_id": f"data-{version}",
            "fit_run_id": f"fit-{version}",
            "evaluation_run_id": f"run-{version}",
            "test_month": "2023-06",
        },
        artifact_sha256=None,
    )
    record_evaluations(
        connection,
        EvaluationKey(
            SITE, "tfidf", f"run-{version}", f"run-{version}", "2023-01", "2023-05", "2023-06"
        ),
        [MetricValue("all", "precision@5", 0.4, 100)],
    )


def answer(connection, version: str, question_id: int, tags: tuple[str, ...], *, asked_at=None):
    row = Prediction(
        prediction_id=new_id(), asked_at=asked_at or datetime.now(UTC), site=SITE, title="t", body="b",
        tags=tuple((tag, 0.5) for tag in tags), model_version=version, candidate="tfidf",
        variant="champion", latency_ms=1.0, question_id=question_id, suggested_count=1,
    )  # fmt: skip
    copy_predictions(connection, [prediction_line(row)])


def label(connection, question_id: int, tags: str):
    connection.execute(
        text(
            "INSERT INTO question_tags (site, question_id, asked_at, first_tags, first_seen_at) "
            "VALUES (:site, :id, now(), CAST(:tags AS text[]), now())"
        ),
        {"site": SITE, "id": question_id, "tags": tags},
    )


def ask(connection, tags_of_questions: tuple[str, ...]) -> list[int]:
    """Store a simulated month whose first questions have these tags; return the ids of those."""
    made = simulate(
        seed=1, first_month="2024-01", months=1, questions_per_month=20, events=(), site=SITE
    )
    upsert_questions(connection, made.questions)
    connection.execute(text("DELETE FROM question_tags"))
    ids = [question.question_id for question in made.questions[: len(tags_of_questions)]]
    for question_id, tags in zip(ids, tags_of_questions, strict=True):
        label(connection, question_id, tags)
    return ids


def test_empty_platform_has_no_champion_and_nothing_waits(read):
    samples = read(state)

    assert samples.values("windows_waiting") == {(): 0}
    assert samples.values("champion_info") == {}
    assert abs(samples.values("clock_offset_seconds")[()]) < 5


def test_waiting_windows_and_quota_are_those_of_the_table(read, engine):
    start = datetime(2024, 1, 1, tzinfo=UTC)
    with engine.begin() as connection:
        for day in (0, 8):
            first = start + timedelta(days=day)
            window = open_window(connection, SITE, first, first + timedelta(days=8))
        advance_window(
            connection, window, cursor=window.end, fetched=5, requests=1, quota_left=271, done=True
        )

    samples = read(state)
    assert samples.values("windows_waiting")[()] == 1
    assert samples.values("api_quota_left")[()] == 271
    assert abs(samples.values("api_quota_timestamp_seconds")[()] - time.time()) < 60


def test_new_version_is_judged_by_its_own_answers(read, engine):
    with engine.begin() as connection:
        promote(connection, "1")
        for number, true_tags in enumerate(("{python}", "{sql}", "{flask,django}")):
            label(connection, number, true_tags)
        answer(connection, "1", 0, ("java", "php"))
        answer(connection, "1", 1, ("sql", "php"))
        count_indicators(connection, SITE, datetime.now(UTC).date())
    of_first = read(state)
    with engine.begin() as connection:
        promote(connection, "2")
        answer(connection, "2", 2, ("flask", "django"))
        count_indicators(connection, SITE, datetime.now(UTC).date())
    of_second = read(state)

    assert of_first.values("live_precision_ratio")[()] == pytest.approx(1 / 4)
    assert of_first.values("live_recall_ratio")[()] == pytest.approx(1 / 2)
    assert of_first.values("live_precision_threshold_ratio")[()] == pytest.approx(0.2)
    assert of_first.values("live_suggested_f1_ratio")[()] == pytest.approx(1 / 2)
    assert of_second.values("live_suggested_f1_ratio")[()] == pytest.approx(2 / 3)
    assert of_second.values("champion_info") == {("2",): 1}
    assert of_second.values("champion_training_questions")[()] == 200
    assert of_second.values("champion_window_questions")[()] == 600
    first_asked = of_second.values("champion_learned_from_timestamp_seconds")[()]
    assert datetime.fromtimestamp(first_asked, UTC) == datetime(2023, 6, 11, tzinfo=UTC)
    assert of_second.values("live_precision_ratio")[()] == 1
    assert of_second.values("live_judged_answers")[()] == 1


def test_f1_is_estimated_from_scores_and_its_error_shown_where_truth_is_known(read, engine):
    with engine.begin() as connection:
        promote(connection, "1")
        first, _ = ask(connection, ("{python}", "{php,sql,go}"))
        answer(connection, "1", first, ("python", "php"))  # judged: one of two
        for number in (1, 2, 3):
            answer(connection, "1", 1_000_000 + number, ("java", "php"))  # not known yet
        count_indicators(connection, SITE, datetime.now(UTC).date())
    samples = read(state)

    # Two scores of .5 each, of one and three tags in half of the questions
    scores = np.full((4, 5), 0.5) * (np.arange(5) < 2)
    expected = estimated_f1(scores, np.array([1, 3]), np.full(4, 2))
    interval = [samples.values(f"estimated_f1_{end}ratio")[()] for end in ("low_", "", "high_")]
    assert interval == pytest.approx([expected.low, expected.mean, expected.high])
    assert samples.values("estimated_f1_bias_ratio")[()] == pytest.approx(expected.mean - 2 / 3)


def test_f1_of_the_tags_suggested_outright_is_estimated_as_well(read, engine):
    with engine.begin() as connection:
        promote(connection, "1")
        _, second = ask(connection, ("{python}", "{php,sql,go}"))
        answer(connection, "1", second, ("java", "php"))  # judged: the first, java, is wrong
        answer(connection, "1", 1_000_000, ("java", "php"))
        count_indicators(connection, SITE, datetime.now(UTC).date())
    samples = read(state)

    expected = estimated_f1(np.full((1, 5), 0.5), np.array([1, 3]), np.array([1])).mean
    assert samples.values("estimated_suggested_f1_ratio")[()] == pytest.approx(expected)
    assert samples.values("estimated_suggested_f1_bias_ratio")[()] == pytest.approx(expected - 0)


def test_estimate_of_the_day_before_is_of_its_answers_by_all_versions(read, engine):
    yesterday = NOW - timedelta(days=1)
    with engine.begin() as connection:
        ask(connection, ("{python}", "{php,sql,go}"))
        answer(connection, "1", 1_000_001, ("java", "php"), asked_at=yesterday)
        answer(connection, "2", 1_000_002, ("java",), asked_at=yesterday)
        answer(connection, "2", 1_000_003, ("java",))  # today
        for day in (yesterday, NOW):
            count_indicators(connection, SITE, day.date())
    samples = read(state)

    scores = np.full((2, 5), 0.5) * np.array([[1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    expected = estimated_f1(scores, np.array([1, 3]), np.array([2, 1]))
    ends = [samples.values(f"daily_estimated_f1_{end}ratio")[()] for end in ("low_", "", "high_")]
    assert ends == pytest.approx([expected.low, expected.mean, expected.high])


def test_errors_of_days_do_not_cancel_in_their_absolute_error(read, engine):
    with engine.begin() as connection:
        right, wrong = ask(connection, ("{java}", "{php}"))
        answer(connection, "1", right, ("java",), asked_at=NOW - timedelta(days=3))
        answer(connection, "1", wrong, ("java",), asked_at=NOW - timedelta(days=4))
        for days in (3, 4):
            count_indicators(connection, SITE, (NOW - timedelta(days=days)).date())
    samples = read(state)

    # A score of .5, one tag each: .5 is expected, and 1 and 0 come true
    assert samples.values("daily_estimated_f1_error_ratio")[()] == pytest.approx(0.5)
    assert samples.values("daily_estimated_f1_bias_ratio")[()] == pytest.approx(0)


def test_error_of_hourly_estimates_weighs_hours_by_their_judged_answers(read, engine):
    hours = ((0.6, 0.5, 30), (0.6, 0.8, 10), (0.6, None, 0))
    with engine.begin() as connection:
        for number, (estimated, judged, answers) in enumerate(hours):
            start = NOW - timedelta(days=3, hours=number)
            report = DriftReport(
                "predictions", SITE, start, start + timedelta(hours=1), "1", 60, "quiet",
                {"f1_estimated": estimated, "judged_answers": answers, "f1_judged": judged},
            )  # fmt: skip
            save_report(connection, report)
    samples = read(state)

    assert samples.values("hourly_estimated_f1_error_ratio")[()] == pytest.approx(0.125)
    assert samples.values("hourly_estimated_f1_bias_ratio")[()] == pytest.approx(0.025)


def test_requests_beyond_the_vocabulary_are_those_of_the_latest_hourly_check(read, engine):
    with engine.begin() as connection:
        for hours, share in ((3, 0.5), (2, 0.25)):
            start = NOW - timedelta(hours=hours)
            report = DriftReport(
                "predictions", SITE, start, start + timedelta(hours=1), "1", 60, "quiet",
                {"naming_unreachable": share},
            )  # fmt: skip
            save_report(connection, report)

    assert read(state).values("requests_naming_unreachable_ratio") == {(): 0.25}


def test_site_without_questions_has_no_estimate(read, engine):
    with engine.begin() as connection:
        promote(connection, "1")
        answer(connection, "1", 0, ("java", "php"))
        count_indicators(connection, SITE, datetime.now(UTC).date())
    assert not read(state).values("estimated_f1_ratio")


def test_questions_beyond_the_vocabulary_are_those_with_a_tag_that_cannot_be_suggested(
    read, engine
):
    with engine.begin() as connection:
        ask(connection, ("{python}", "{python,go}", "{rust}", "{sql}"))
        promote(connection, "1", ("python", "sql"))
    assert read(volumes).values("unreachable_questions_ratio")[()] == pytest.approx(2 / 4)


def test_coverage_counts_the_tags_of_the_site_that_the_champion_can_suggest(read, engine):
    with engine.begin() as connection:
        made = simulate(
            seed=1, first_month="2024-01", months=1, questions_per_month=20, events=(), site="other"
        )
        upsert_questions(connection, made.questions)
        connection.execute(text("UPDATE questions SET site = 'sandbox'"))
        connection.execute(text("DELETE FROM question_tags"))
        for number, tags in enumerate(("{python,flask}", "{python,sql}", "{python,go}")):
            label(connection, number, tags)
        promote(connection, "1", ("python", "sql", "never-used"))

    samples = read(volumes)
    assert samples.values("coverage_tags_ratio")[()] == pytest.approx(2 / 4)
    assert samples.values("coverage_uses_ratio")[()] == pytest.approx(4 / 6)
    assert sum(samples.values("month_questions").values()) == len(made.questions)
    assert samples.values("table_bytes")[("questions",)] > 0
    assert not any(label[0].startswith("questions_2024") for label in samples.values("table_bytes"))


def test_drift_is_that_of_the_latest_window_of_each_kind(read, engine):
    with engine.begin() as connection:
        for month, value in ((2, 0.9), (3, 0.2), (1, 0.5)):
            report_id = save_report(
                connection,
                DriftReport(
                    kind="month", site=SITE, window_start=datetime(2024, month, 1, tzinfo=UTC),
                    window_end=datetime(2024, month + 1, 1, tzinfo=UTC), model_version="1",
                    question_count=100, verdict="quiet", summary={}, reference_first=None,
                    reference_last=None, calibration_id=None,
                ),
                [SignalValue("keywords", value, "a test")],
                {"keywords": 0.6},
            )  # fmt: skip
            save_decision(connection, report_id, "keep", "quiet")

    samples = read(state)
    assert samples.values("drift_signal_value") == {("month", "keywords"): 0.2}
    assert samples.values("drift_signal_threshold") == {("month", "keywords"): 0.6}
    assert samples.values("decisions_total") == {("month", "keep"): 3}


def test_latest_backup_is_shown_by_its_end(read, engine):
    assert read(state).values("backup_timestamp_seconds") == {}
    with engine.begin() as connection:
        for hour in (2, 3):
            start = datetime(2024, 1, 1, hour, tzinfo=UTC)
            end = start + timedelta(minutes=5)
            record_backup(connection, FinishedBackup(f"b{hour}", start, end, "x", hour, 1, 1))

    samples = read(state)
    assert samples.values("backup_timestamp_seconds")[()] == 1704078300
    assert samples.values("backup_bytes")[()] == 3
    assert samples.values("backup_duration_seconds")[()] == 300


def test_reading_is_given_up_at_its_deadline_and_works_again_afterwards(read, database_url, engine):
    source = DatabaseSource(
        "database",
        state,
        partial(make_engine, database_url, pool_size=1),
        interval_s=60,
        timeout_s=0.5,
    )
    with engine.begin() as connection:
        connection.execute(text("LOCK TABLE ingest_windows IN ACCESS EXCLUSIVE MODE"))
        started = time.monotonic()
        with pytest.raises(OperationalError):
            source.read()
        waited = time.monotonic() - started

    assert waited < 5
    assert source.read().values("windows_waiting") == {(): 0}
