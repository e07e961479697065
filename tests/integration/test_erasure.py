"""What a client sent is in no table, file, report or page after ``tagkeeper erase``."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import requests
from sqlalchemy import text

from include import names
from include.drift.evidently_report import make_pages
from include.drift.samples import Observations
from include.drift.signal_types import Contributor, SignalValue
from include.errors import FixInputError
from include.jobs.drift.evidently_pages import page_title, project_of
from include.local_stack.waiting import wait_for
from include.registry.runs import Runs
from include.store import drift
from include.store.erasure import DataSubject
from include.store.predictions import Feedback, Prediction, feedback_line, prediction_line
from serving.erasure import count_in_spool, erase_from_spool
from serving.keys import add_key
from serving.set_aside import SetAside
from serving.spool import Spool
from tests.serving.ledger import make_champion
from tests.serving.running import ROOT, RunningService
from tests.serving.stub_registry import StubRegistry
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration

CANARY = "c4n4ryword"
NOW = datetime.now(UTC)


def recorded(client: str | None = CANARY, key: str | None = "ann", **changes) -> Prediction:
    row = Prediction(
        uuid4(), NOW, "sandbox", CANARY, CANARY, (("sql", 0.5),), "1", "words", "champion", 1.0,
        client=client, key_name=key,
    )  # fmt: skip
    return Prediction(**{name: getattr(row, name) for name in row.__struct_fields__} | changes)


def kept_on_disk(folder: Path, *rows: Prediction) -> None:
    """Leave rows in the segment of a worker that is gone."""
    spool = Spool(folder)
    spool.append("p", [prediction_line(row) for row in rows])
    spool.close()


def tables_with_canary(engine) -> list[str]:
    with engine.connect() as connection:
        tables = connection.execute(
            text("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = "
                 "'public'::regnamespace")
        ).scalars()  # fmt: skip
        return [
            table
            for table in tables
            if connection.execute(
                text(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE :canary'),
                {"canary": f"%{CANARY}%"},
            ).scalar_one()
        ]


def files_with_canary(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]


def report_on_it(engine, folder: Path, runs: Runs) -> str:
    """Store a check that names the word, with its pages in the workspace and in MLflow; return its run."""
    report = drift.DriftReport(
        kind="predictions", site="sandbox", window_start=NOW - timedelta(hours=1),
        window_end=NOW + timedelta(hours=1), model_version="1", question_count=90,
        verdict="drift", summary={"reason": f"new words: {CANARY}"},
    )  # fmt: skip
    value = SignalValue("keywords", 0.2, "g", (Contributor(CANARY, 0.0, 0.09, 2.0),))
    with engine.begin() as connection:
        report_id = drift.save_report(connection, report, [value], {"keywords": 0.1})
        drift.save_decision(connection, report_id, "keep", f"new words: {CANARY}")
    observed = Observations(
        months=["now"] * 200, words=[[CANARY, "python"]] * 200,
        word_counts=[float(n) for n in range(200)], code_shares=[n / 200 for n in range(200)],
        tags=None, suggested=None, f1=None,
    )  # fmt: skip
    pages = folder / "pages"
    pages.mkdir()
    make_pages(
        observed, replace(observed, words=[[CANARY]] * 200), pages, title=page_title(report),
        at=NOW, workspace=folder / "evidently", project=project_of(report),
    )  # fmt: skip
    run_id = runs.start(
        names.EXPERIMENT_DRIFT,
        "check",
        tags={"drift_report_id": str(report_id), "site": "sandbox"},
        note="",
    )
    runs.log_folder(run_id, pages, "evidently")
    runs.finish(run_id)
    for page in pages.iterdir():
        page.unlink()
    return run_id


def erase(service: RunningService, mlflow: str, database_url: str, *options: str) -> str:
    environment = os.environ | {
        "DATABASE_URL": database_url,
        "MLFLOW_TRACKING_URI": mlflow,
        "LOCAL_DIR": str(service.folder),
        "SITE": "sandbox",
    }
    done = subprocess.run(
        [sys.executable, "-m", "include.cli", "erase", *options],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_nothing_of_an_erased_client_is_anywhere(tmp_path, engine, database_url, mlflow_server):
    folder = tmp_path / "service"
    folder.mkdir()
    headers = {"X-API-Key": add_key(tmp_path / "keys", "ann")}
    with StubRegistry() as registry:
        registry.add("1", save_model(tmp_path / "one", "python", "sql"))
        make_champion(database_url, registry, "1")
        keys = {"SERVICE_API_KEYS_FILE": str(tmp_path / "keys")}
        with RunningService(
            folder, database_url=database_url, registry_url=registry.url, environment=keys
        ) as service:
            for client in (CANARY, "another"):
                body = {"title": f"python {client}", "body": client, "client": client}
                asked = requests.post(
                    f"{service.url}/predict", json=body, headers=headers, timeout=10
                ).json()
                told = {"prediction_id": asked["prediction_id"], "final_tags": ["sql"]}
                requests.post(f"{service.url}/feedback", json=told, headers=headers, timeout=10)
            wait_for(
                lambda: "predictions" in str(tables_with_canary(engine)), what="no row is stored"
            )
            runs = Runs(mlflow_server)
            run_id = report_on_it(engine, folder, runs)
            SetAside(folder / "spool").add_refused([("p", prediction_line(recorded()))])
            SetAside(folder / "spool").add_damaged([f"half a row of {CANARY}".encode()])

            arguments = (service, mlflow_server, database_url, "--client", CANARY)
            planned = erase(*arguments, "--dry-run")
            held = tables_with_canary(engine)
            files = files_with_canary(folder)
            done = erase(*arguments)

    assert "spool: 2 would be erased" in planned
    assert {"drift_signals", "drift_reports", "decisions"} < set(held)
    assert {path.split("/")[0] for path in files} == {"spool", "evidently"}
    assert "predictions: 1 erased" in done
    assert "drift reports: 1 erased" in done
    assert done.splitlines()[-1] == "left: 0"
    assert tables_with_canary(engine) == []
    assert files_with_canary(folder) == []
    assert run_id not in [
        run.run_id for run in runs.find(names.EXPERIMENT_DRIFT, {"site": "sandbox"})
    ]
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM predictions")).scalar_one() == 1
        assert connection.execute(text("SELECT count(*) FROM feedback")).scalar_one() == 1
        removals = connection.execute(text("SELECT name, amount FROM removals")).all()
    assert ("predictions, by client", 1) in [tuple(row) for row in removals]


def test_rows_of_workers_that_are_gone_are_erased_and_others_kept(tmp_path):
    kept_on_disk(tmp_path, recorded(), recorded(client="another"), recorded())
    subject = DataSubject(client=CANARY)

    assert erase_from_spool(tmp_path, subject, dry_run=True) == 2
    assert erase_from_spool(tmp_path, subject, dry_run=False) == 2
    assert count_in_spool(tmp_path, subject) == 0
    assert count_in_spool(tmp_path, DataSubject(client="another")) == 1


def test_shadow_rows_and_feedback_go_with_a_prediction(tmp_path):
    shown = recorded(client=None)
    shadow = recorded(client=None, shadow=True, answer_id=shown.prediction_id)
    spool = Spool(tmp_path)
    spool.append("p", [prediction_line(row) for row in (shown, shadow, recorded(client=None))])
    spool.append("f", [feedback_line(Feedback(uuid4(), shown.prediction_id, NOW, ("a",), "api"))])
    spool.close()

    removed = erase_from_spool(
        tmp_path, DataSubject(prediction_id=shown.prediction_id), dry_run=False
    )

    assert removed == 3
    assert count_in_spool(tmp_path, DataSubject(key_name="ann")) == 1


def test_name_with_a_tab_is_found_as_it_is_stored(tmp_path):
    kept_on_disk(tmp_path, recorded(client="a\tb\\c"))

    assert erase_from_spool(tmp_path, DataSubject(client="a\tb\\c"), dry_run=False) == 1


@pytest.mark.parametrize(
    "given", [{}, {"client": ""}, {"client": "a", "key_name": "b"}, {"prediction_id": UUID(int=1), "client": "a"}]
)  # fmt: skip
def test_exactly_one_subject_is_needed(given):
    with pytest.raises(FixInputError, match="exactly one"):
        DataSubject(**given)
