"""Monthly and hourly checks on a real PostgreSQL and a real MLflow, with the simulator's questions."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from include import names
from include.candidates.base import vocabulary_of
from include.candidates.catalogue import make_candidate, save_candidate
from include.errors import MissingDataError
from include.jobs.features import load_labelled
from include.jobs.monitoring import Monitoring
from include.months import month_range
from include.registry.runs import Runs
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.predictions import Prediction, copy_predictions, prediction_line
from include.store.questions import upsert_questions

pytestmark = pytest.mark.integration

EVENT = Event("2024-02", "tag_born", 0.2)
QUIET, CHANGED = "2024-01", "2024-02"


def no_encoder(name):
    raise AssertionError(f"tfidf needs no encoder, asked for {name}")


@pytest.fixture(scope="module")
def simulation():
    return simulate(3, "2023-06", 9, 150, events=(EVENT,))


@pytest.fixture
def stored(engine, simulation):
    """The questions of nine months: seven quiet ones to learn from, a quiet one, one that is not."""
    with engine.begin() as connection:
        upsert_questions(connection, simulation.questions)
    return engine


@pytest.fixture
def settings(database_url, mlflow_server):
    return Settings(
        database_url=database_url,
        mlflow_tracking_uri=mlflow_server,
        site="sandbox",
        retraining_policy="monthly_and_on_drift",
    )


@pytest.fixture
def monitoring(stored, registry, settings):
    return Monitoring(stored, registry, settings)


@pytest.fixture
def go_live(stored, registry, mlflow_server, tmp_path):
    """Train tfidf on a range of months and make it champion; returns its version."""

    def train(first, last):
        questions = load_labelled(stored, "sandbox", first, last)
        candidate = make_candidate("tfidf", None, no_encoder)
        candidate.fit(questions.texts, questions.tags, vocabulary_of(questions.tags, 5))
        folder = tmp_path / uuid.uuid4().hex
        save_candidate(candidate, folder, {"train_first": first, "train_last": last})
        runs = Runs(mlflow_server)
        run_id = runs.start("monitoring tests", "tfidf", tags={})
        run = runs.log_model(run_id, folder, params={}, requirements=["numpy"], bert_model=None)
        runs.finish(run_id)
        version = registry.register(
            run_id=run_id,
            model_id=run.model_id,
            source=run.source,
            tags={"candidate": "tfidf", "sha256": run.sha256},
        )
        registry.set_alias(names.CHAMPION, version.version)
        return version.version

    return train


def test_without_a_champion_there_is_no_reference(monitoring):
    report_id = monitoring.check_month(QUIET)

    assert monitoring.report(report_id).report.verdict == "no_reference"
    assert monitoring.decide(report_id).action == "no_reference"


def test_quiet_month_keeps_the_model(monitoring, go_live):
    go_live("2023-06", "2023-12")

    report_id = monitoring.check_month(QUIET)

    assert monitoring.report(report_id).report.verdict == "quiet"
    assert monitoring.decide(report_id).action == "keep"


def test_event_retrains_once_and_names_the_tags_that_moved(monitoring, go_live, simulation):
    go_live("2023-06", "2023-12")
    report_id = monitoring.check_month(CHANGED)
    decision = monitoring.decide(report_id)

    assert decision.action == "retrain"
    assert decision.training_run_id == f"drift-report-{report_id}"
    assert decision.conf["test_month"] == CHANGED
    assert decision.conf["drift_report_id"] == report_id
    (event,) = simulation.events
    movers = {
        mover.name
        for signal in monitoring.report(report_id).signals
        if signal.alarmed
        for mover in signal.value.movers
    }
    assert set(event.tags) <= movers

    monitoring.record(report_id, decision)
    again = monitoring.check_month(CHANGED)

    assert again == report_id
    assert monitoring.decide(again).action == "keep"


def test_policy_without_drift_keeps_the_model_and_says_so(stored, registry, settings, go_live):
    go_live("2023-06", "2023-12")
    monthly = settings.model_copy(update={"retraining_policy": "monthly"})
    monitoring = Monitoring(stored, registry, monthly)

    decision = monitoring.decide(monitoring.check_month(CHANGED))

    assert decision.action == "keep"
    assert "policy monthly" in decision.reason


def test_month_that_the_champion_has_learned_is_judged_as_of_its_time(monitoring, go_live):
    go_live("2023-06", CHANGED)

    stored = monitoring.report(monitoring.check_month(CHANGED))

    assert stored.report.verdict == "drift"
    assert stored.report.model_version.endswith(f"@{QUIET}")
    assert monitoring.decide(stored.report_id).action == "keep"


def test_same_check_twice_gives_the_same_figures(monitoring, go_live):
    go_live("2023-06", "2023-12")

    first = monitoring.report(monitoring.check_month(QUIET))
    second = monitoring.report(monitoring.check_month(QUIET))

    assert first == second


def test_month_that_is_not_stored_names_the_command_that_gets_it(monitoring, go_live):
    go_live("2023-06", "2023-12")

    with pytest.raises(MissingDataError, match=r"ingest --month 2024-03"):
        monitoring.check_month("2024-03")


def answers(engine, simulation, version, month, count):
    """Store what the service would have answered in the first hours of ``month``."""
    start = month_range(month)[0]
    questions = [q for q in simulation.questions if q.asked_at >= start][:count]
    rows = [
        Prediction(
            prediction_id=uuid.uuid4(),
            asked_at=start + timedelta(seconds=10 * i),
            site="sandbox",
            title=question.title,
            body=question.body_html,
            tags=(("python", 0.9), ("django", 0.2)),
            model_version=version,
            candidate="tfidf",
            variant="champion",
            latency_ms=1.0,
        )
        for i, question in enumerate(questions)
    ]
    with engine.begin() as connection:
        copy_predictions(connection, [prediction_line(row) for row in rows])
    return start, start + timedelta(hours=1)


def test_hour_with_few_questions_is_left_alone(monitoring, go_live, stored, simulation):
    version = go_live("2023-06", "2023-12")
    window = answers(stored, simulation, version, QUIET, 20)

    report_id = monitoring.check_predictions(*window)

    assert monitoring.report(report_id).report.verdict == "too_few"
    assert monitoring.decide(report_id).action == "keep"


def test_hour_of_one_and_the_same_answer_is_drift_and_retrains_once_a_month(
    monitoring, go_live, stored, simulation
):
    version = go_live("2023-06", "2023-12")
    start, end = answers(stored, simulation, version, QUIET, 150)

    report_id = monitoring.check_predictions(start, end)

    found = monitoring.report(report_id)
    assert found.report.verdict == "drift"
    assert "predicted_tags" in [s.value.signal for s in found.signals if s.alarmed]
    assert monitoring.decide(report_id).training_run_id == f"drift-predictions-{version}-2024-01"


def test_both_sides_of_a_stored_check_can_be_had_again(monitoring, go_live):
    go_live("2023-06", "2023-12")
    report_id = monitoring.check_month(QUIET)

    compared = monitoring.compared(report_id)

    assert len(compared.current) == monitoring.report(report_id).report.question_count
