"""Drift reports, decisions, references and thresholds on a real PostgreSQL."""

import json
from dataclasses import asdict
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import text

from include.drift.calibration import (
    NullDistribution,
    ThresholdCalibration,
    calibrate_thresholds,
)
from include.drift.samples import Observations, build_samples
from include.drift.signal_types import Contributor, SignalValue
from include.errors import FixInputError
from include.store import drift, drift_calibrations, drift_references
from include.store.migrations import MIGRATIONS

pytestmark = pytest.mark.integration

KEY = drift_references.ReferenceKey("sandbox", "3", "2024-01", "2024-03")
REPORT = drift.DriftReport(
    kind="month",
    site="sandbox",
    window_start=datetime(2024, 4, 1, tzinfo=UTC),
    window_end=datetime(2024, 5, 1, tzinfo=UTC),
    model_version="3",
    question_count=250,
    verdict="drift",
    summary={"reason": "new tags: combine"},
    reference_first="2024-01",
    reference_last="2024-03",
)
VALUES = (
    SignalValue("new_tags", 0.2, "share", (Contributor("combine", 0.0, 0.09, 23.0),)),
    SignalValue("f1_fall", 0.01, "fall", (), (-0.02, 0.04)),
)


def test_report_comes_back_as_it_was_stored(engine):
    with engine.begin() as connection:
        report_id = drift.save_report(connection, REPORT, VALUES, {"new_tags": 0.02})
        stored = drift.read_report(connection, report_id)

    assert stored.report == REPORT
    assert [s.value for s in stored.signals] == list(VALUES)
    assert [s.alarmed for s in stored.signals] == [True, False]


def test_window_checked_again_keeps_its_id_and_replaces_its_signals(engine):
    with engine.begin() as connection:
        first = drift.save_report(connection, REPORT, VALUES)
        second = drift.save_report(connection, REPORT, VALUES[:1])
        signals = drift.read_report(connection, second).signals

    assert first == second
    assert len(signals) == 1


def test_unknown_report_is_refused_by_its_number(engine):
    with engine.begin() as connection, pytest.raises(FixInputError, match="report 99"):
        drift.read_report(connection, 99)


def test_retraining_that_was_decided_stays_decided(engine):
    with engine.begin() as connection:
        report_id = drift.save_report(connection, REPORT)
        drift.save_decision(connection, report_id, "retrain", "drift", "drift-report-1")
        drift.save_decision(connection, report_id, "keep", "quiet now")
        stored = drift.read_report(connection, report_id)

    assert (stored.action, stored.training_run_id) == ("retrain", "drift-report-1")


def test_checked_months_leave_out_months_without_a_comparison(engine):
    from dataclasses import replace

    with engine.begin() as connection:
        drift.save_report(connection, REPORT)
        unjudged = replace(REPORT, verdict="too_few", model_version="4")
        drift.save_report(connection, unjudged)
        months = drift.checked_months(connection, "sandbox")

    assert [(m.month, m.verdict) for m in months] == [("2024-04", "drift")]


def test_calibration_is_found_for_windows_a_little_larger_only(engine):
    generator = np.random.default_rng(0)
    observed = Observations(
        months=["2024-01"] * 200,
        words=[[f"w{i}" for i in generator.integers(0, 50, 8)] for _ in range(200)],
        word_counts=generator.normal(size=200),
        code_shares=generator.uniform(size=200),
    )
    (sample,) = build_samples(observed)
    made = calibrate_thresholds(sample, 80, false_alarms_per_year=0.5, draws=50)

    with engine.begin() as connection:
        made_id = drift_calibrations.save_calibration(connection, "month", KEY, made, [])

        def found(smallest, largest, rate=0.5):
            return drift_calibrations.find_calibration(
                connection,
                "month",
                KEY,
                smallest=smallest,
                largest=largest,
                false_alarms_per_year=rate,
            )

        assert found(75, 90) == (made_id, made)
        assert found(81, 99) is None
        assert found(75, 90, rate=1.0) is None


def test_calibration_stored_before_migration_0008_is_still_read(engine):
    nulls = {
        "new_tags": NullDistribution(0.1, 0.02, None, None, 0.2),
        "keywords": NullDistribution(3.0, 0.4, 3.5, 0.6, 5.0),
    }
    calibration = ThresholdCalibration(80, 0.5, 12.0, 0.01, nulls, 1000, 9, 0)
    old = asdict(calibration)
    del old["null_distributions"]
    old["nulls"] = {
        name: {
            "centre": null.mean,
            "spread": null.std,
            "unrest_centre": null.month_location,
            "unrest_spread": null.month_scale,
            "threshold": null.threshold,
        }
        for name, null in nulls.items()
    }
    _, _, update = (MIGRATIONS / "0008_drift_vocabulary.sql").read_text().partition("UPDATE")

    with engine.begin() as connection:
        stored_id = drift_calibrations.save_calibration(connection, "month", KEY, calibration, [])
        connection.execute(
            text("UPDATE drift_calibrations SET details = CAST(:details AS jsonb)"),
            {"details": json.dumps({"calibration": old, "power": []})},
        )
        connection.exec_driver_sql(f"UPDATE{update}")

        assert drift_calibrations.find_calibration(
            connection, "month", KEY, smallest=80, largest=80, false_alarms_per_year=0.5
        ) == (stored_id, calibration)


def test_reference_answers_come_back_by_question(engine):
    answers = drift_references.ReferenceAnswers(
        1, frozenset({"swift", "rxjs"}), {7: (("swift", 0.75), ("rxjs", 0.25)), 8: ()}
    )

    with engine.begin() as connection:
        assert drift_references.read_reference(connection, KEY) is None
        drift_references.save_reference(connection, KEY, answers)
        drift_references.save_reference(connection, KEY, answers)
        assert drift_references.read_reference(connection, KEY) == answers


def test_service_answers_count_each_distinct_question_once(engine):
    insert = text(
        "INSERT INTO predictions (prediction_id, asked_at, site, title, body, tags, model_version,"
        " candidate, variant, shadow, latency_ms) VALUES (gen_random_uuid(), :at, 'sandbox', :title,"
        " '<p>b</p>', '[{\"tag\": \"swift\", \"score\": 0.5}]', :version, 'tfidf', 'champion',"
        " :shadow, 1)"
    )
    at = datetime(2024, 4, 2, tzinfo=UTC)
    with engine.begin() as connection:
        connection.execute(text("SELECT ensure_month_partition('predictions', :at)"), {"at": at})
        for title, version, shadow in [
            ("one", "3", False), ("one", "3", False), ("two", "3", False),
            ("shadow", "3", True), ("other", "4", False),
        ]:  # fmt: skip
            binds = {"at": at, "title": title, "version": version, "shadow": shadow}
            connection.execute(insert, binds)
        rows = drift_references.answered_between(
            connection, "sandbox", "3", at, datetime(2024, 4, 3, tzinfo=UTC)
        )

    assert sorted(row.title for row in rows) == ["one", "two"]
    assert rows[0].suggested == (("swift", 0.5),)
