"""Retention removes what is old, and nothing that an alias, the ledger or an A/B test needs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from include import names
from include.jobs.release.promotion import AliasMove, promote
from include.jobs.retention.retention import apply_retention
from include.registry import Registry
from include.registry.runs import Runs
from include.settings import Settings
from include.store.drift import DriftReport, save_report, set_artifact
from tests.own_mlflow import own_mlflow, register
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration

NOW = datetime(2026, 6, 15, tzinfo=UTC)
LATER = datetime.now(UTC) + timedelta(days=400)


def rows(engine, statement, **binds):
    with engine.begin() as connection:
        result = connection.execute(text(statement), binds)
        return [tuple(row) for row in result] if result.returns_rows else []


def predict(engine, month: str) -> None:
    """Store one prediction of a month, with feedback."""
    at = f"{month}-10"
    rows(engine, "SELECT ensure_month_partition('predictions', CAST(:at AS timestamptz))", at=at)
    rows(
        engine,
        "INSERT INTO predictions (prediction_id, asked_at, site, title, body, tags, model_version, "
        "candidate, variant, latency_ms) VALUES (gen_random_uuid(), :at, 's', 't', 'b', '[]', '1', "
        "'frequency', 'champion', 1)",
        at=at,
    )
    rows(
        engine,
        "INSERT INTO feedback (feedback_id, prediction_id, given_at, final_tags, source) "
        "VALUES (gen_random_uuid(), gen_random_uuid(), :at, '{a}', 'api')",
        at=at,
    )


def months(engine) -> list[str]:
    found = rows(engine, "SELECT to_char(asked_at, 'YYYY-MM') FROM predictions ORDER BY 1")
    return [month for (month,) in found]


@pytest.fixture
def settings(database_url, tmp_path):
    """Settings that keep six months of predictions, and no other kind limited."""
    return Settings(
        database_url=database_url,
        local_dir=tmp_path,
        airflow__logging__base_log_folder=tmp_path / "logs",
        keep_predictions_months=6,
        keep_runs_days=0,
        keep_logs_days=30,
        keep_mails_days=30,
    )


def test_months_of_predictions_go_as_a_whole_with_their_feedback(settings, engine):
    for month in ("2025-10", "2025-11", "2025-12", "2026-06"):
        predict(engine, month)

    removed = apply_retention(settings, dry_run=False, now=NOW)

    assert months(engine) == ["2025-12", "2026-06"]
    assert rows(engine, "SELECT count(*) FROM feedback") == [(2,)]
    assert [(r.kind, r.name) for r in removed] == [
        ("predictions", "predictions_2025_10"),
        ("predictions", "predictions_2025_11"),
        ("feedback", "feedback"),
    ]


def test_what_was_removed_is_in_rows(settings, engine):
    predict(engine, "2025-10")
    removed = apply_retention(settings, dry_run=False, now=NOW)

    recorded = rows(engine, "SELECT kind, name, amount, bytes FROM removals ORDER BY removal_id")
    assert recorded == [(r.kind, r.name, r.amount, r.bytes) for r in removed]
    assert len(recorded) == 2


def test_dry_run_tells_the_same_and_removes_nothing(settings, engine):
    predict(engine, "2025-10")

    told = apply_retention(settings, dry_run=True, now=NOW)
    assert months(engine) == ["2025-10"]
    assert rows(engine, "SELECT count(*) FROM removals") == [(0,)]
    assert apply_retention(settings, dry_run=False, now=NOW) == told
    assert apply_retention(settings, dry_run=False, now=NOW) == []


def test_months_since_the_start_of_the_open_ab_test_stay(settings, engine):
    for month in ("2025-09", "2025-10", "2025-11"):
        predict(engine, month)
    rows(
        engine,
        "INSERT INTO ab_tests (champion_version, challenger_version, share, started_at, started_by) "
        "VALUES ('1', '2', 0.5, '2025-10-20', 'ann')",
    )

    apply_retention(settings, dry_run=False, now=NOW)

    assert months(engine) == ["2025-10", "2025-11"]


def test_zero_keeps_everything(settings, engine):
    predict(engine, "2015-01")
    kept = settings.model_copy(
        update={"keep_predictions_months": 0, "keep_logs_days": 0, "keep_mails_days": 0}
    )
    assert apply_retention(kept, dry_run=False, now=NOW) == []


def test_table_that_is_no_month_of_predictions_cannot_be_dropped(engine):
    with pytest.raises(Exception, match="function drop_predictions_partition"):
        rows(engine, "SELECT drop_predictions_partition('questions')")


def test_old_logs_and_mails_go_and_young_ones_and_other_files_stay(settings, tmp_path):
    old = NOW - timedelta(days=31)
    files = {
        "logs/dag_id=a/run_id=1/task_id=t/attempt=1.log": old,
        "logs/dag_id=b/run_id=2/task_id=t/attempt=1.log": NOW,
        "mail/1.eml": old,
        "mail/2.eml": NOW,
        "mail/notes.txt": old,
    }
    for name, at in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (at.timestamp(), at.timestamp()))

    removed = apply_retention(settings, dry_run=False, now=NOW)

    left = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {name for name, at in files.items() if at == NOW} | {"mail/notes.txt"}
    assert not (tmp_path / "logs/dag_id=a").exists()
    assert sorted((r.kind, r.amount) for r in removed) == [("log", 1), ("mail", 1)]


def test_sent_incidents_go_and_waiting_ones_stay(settings, engine):
    rows(
        engine,
        "INSERT INTO outbox (incident_key, run_key, fallback, incident, due_at, mailed_at, posted_at) "
        "VALUES ('sent', 'a', false, '{}', '2026-01-01', '2026-01-01', '2026-01-01'), "
        "('waiting', 'b', false, '{}', '2026-01-01', NULL, '2026-01-01'), "
        "('young', 'c', false, '{}', '2026-06-14', '2026-06-14', '2026-06-14')",
    )
    apply_retention(settings, dry_run=False, now=NOW)

    left = rows(engine, "SELECT incident_key FROM outbox ORDER BY 1")
    assert left == [("waiting",), ("young",)]


def test_versions_and_runs_go_unless_an_alias_the_ledger_or_an_ab_test_needs_them(
    settings, engine, tmp_path
):
    with own_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path) as url:
        registry, runs = Registry(url), Runs(url)
        folder = save_model(tmp_path / "model", "python", "sql")
        parent = runs.start(names.EXPERIMENT_TRAINING, "training", tags={}, note="")
        evaluation = runs.start(
            names.EXPERIMENT_TRAINING, "evaluation", tags={}, note="", parent_id=parent
        )
        report = runs.start(names.EXPERIMENT_DRIFT, "report", tags={}, note="")
        for run_id in (parent, evaluation, report):
            runs.finish(run_id)
        versions = [
            register(
                registry,
                folder,
                experiment=names.EXPERIMENT_TRAINING,
                tags={"evaluation_run_id": evaluation} if number == 4 else {},
            )
            for number in range(1, 8)
        ]
        # 1, 2: champions of long ago; 3: rolled back from; 4: champion; 5: an operator's alias;
        # 6: in the open A/B test; 7: never used
        for version in versions[:4]:
            promote(
                engine, registry, AliasMove(version, "promotion", "ann", "r", {}, names.CHAMPION)
            )
        registry.set_alias("archive", "5")
        rows(
            engine,
            "INSERT INTO ab_tests (champion_version, challenger_version, share, started_by) "
            "VALUES ('4', '6', 0.5, 'ann')",
        )
        start = datetime(2023, 1, 1, tzinfo=UTC)
        drift = DriftReport("month", "s", start, start, "4", 1, "quiet", {"reason": "r"})
        with engine.begin() as connection:
            report_id = save_report(connection, drift)
            set_artifact(connection, report_id, f"{url}/#/experiments/1/runs/{report}")
        some = settings.model_copy(
            update={
                "mlflow_tracking_uri": type(settings.database_url)(url),
                "keep_runs_days": 365,
                "keep_champions": 2,
                "keep_predictions_months": 0,
            }
        )

        assert apply_retention(some, dry_run=False) == [], "nothing is old yet"
        told = apply_retention(some, dry_run=True, now=LATER)
        assert [v.version for v in registry.versions()] == ["7", "6", "5", "4", "3", "2", "1"]
        removed = apply_retention(some, dry_run=False, now=LATER)

        assert removed == told
        assert [r.name for r in removed if r.kind == "version"] == ["7", "1"]
        assert registry.aliases() == {names.CHAMPION: "4", "archive": "5"}
        for version in registry.versions():
            registry.download(version, tmp_path / "downloads")
        gone = {r.name for r in removed if r.kind in {"run", "report"}}
        assert gone == {versions[0].run_id, versions[6].run_id, report}
        assert runs.get(evaluation).run_id == evaluation
        files = [path for path in (tmp_path / "mlflow").rglob("*") if path.is_file()]
        assert not [path for path in files if versions[0].run_id in str(path)]
        models = {path.relative_to(tmp_path / "mlflow").parts[2] for path in files}
        assert len(models) == 5, "only the models of the five versions are left"
        assert rows(engine, "SELECT artifact_uri FROM drift_reports") == [(None,)]
        assert apply_retention(some, dry_run=False, now=LATER) == []
