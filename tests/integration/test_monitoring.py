"""Monthly and hourly checks on a real PostgreSQL and a real MLflow, with the simulator's questions."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import mean

import pytest
from sqlalchemy import text

from include import names
from include.candidates.base import vocabulary_of
from include.candidates.catalogue import make_candidate, save_candidate
from include.drift.evidently_report import FAMILIES
from include.errors import MissingDataError
from include.jobs.data.features import load_labelled
from include.jobs.drift.beyond_vocabulary import share_naming_unreachable
from include.jobs.drift.checks import Monitoring
from include.jobs.drift.decisions import drift_decision, record_decision
from include.jobs.drift.estimates import judge_hourly_estimates
from include.jobs.drift.evidently_pages import publish_with
from include.jobs.drift.thresholds import SIZE_SLACK
from include.months import month_of, month_range
from include.questions import Question
from include.registry.descriptions import NOTE
from include.registry.runs import Runs
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.predictions import Prediction, copy_predictions, prediction_line
from include.store.questions import upsert_questions
from include.store.tag_names import store_synonyms
from include.store.windows import open_window
from include.tag_names import TagSynonym

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


def decided(monitoring, report_id, policy="monthly_and_on_drift"):
    return drift_decision(monitoring.report(report_id), policy)


@pytest.fixture
def monitoring(stored, registry, settings):
    return Monitoring(stored, registry, settings)


def champion(engine, registry, mlflow_server, folder, first, last):
    """Train tfidf on a range of months and make it champion; return its version."""
    questions = load_labelled(engine, "sandbox", first, last)
    candidate = make_candidate("tfidf", None, no_encoder)
    candidate.fit(questions.texts, questions.tags, vocabulary_of(questions.tags, 5))
    saved = folder / uuid.uuid4().hex
    save_candidate(candidate, saved, {"train_first": first, "train_last": last, "min_tag_count": 5})
    runs = Runs(mlflow_server)
    run_id = runs.start("monitoring tests", "tfidf", tags={}, note="")
    run = runs.log_model(run_id, saved, params={}, requirements=["numpy"], bert_model=None)
    runs.finish(run_id)
    version = registry.register(
        run_id=run_id,
        model_id=run.model_id,
        source=run.source,
        tags={"candidate": "tfidf", "sha256": run.sha256},
    )
    registry.set_alias(names.CHAMPION, version.version)
    return version.version


@pytest.fixture
def go_live(stored, registry, mlflow_server, tmp_path):
    """Train tfidf on a range of months and make it champion; returns its version."""
    return partial(champion, stored, registry, mlflow_server, tmp_path)


def test_without_a_champion_there_is_no_reference(monitoring):
    report_id = monitoring.check_month(QUIET)

    assert monitoring.report(report_id).report.verdict == "no_reference"
    assert decided(monitoring, report_id).action == "no_reference"


def test_quiet_month_keeps_the_model(monitoring, go_live):
    go_live("2023-06", "2023-12")

    report_id = monitoring.check_month(QUIET)

    report = monitoring.report(report_id).report
    assert report.verdict == "quiet"
    assert decided(monitoring, report_id).action == "keep"
    # What the scores let expect is near what came true, and the age of the tags is known
    assert report.summary["f1_estimated"] == pytest.approx(report.summary["f1"], abs=0.1)
    assert report.summary["f1_estimated_low"] < report.summary["f1_estimated_high"]
    assert report.summary["label_age_days"] >= 0


def test_fall_that_young_tags_explain_is_not_counted(monitoring, stored, go_live):
    go_live("2023-06", "2023-12")
    start, end = month_range(QUIET)
    with stored.begin() as connection:
        connection.execute(
            text(
                "UPDATE question_tags SET first_seen_at = asked_at + interval '1 day' "
                "WHERE asked_at >= :start AND asked_at < :end"
            ),
            {"start": start, "end": end},
        )
    measured = monitoring.report(monitoring.check_month(QUIET))
    with stored.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO label_readings (site, month, window_start, window_end, "
                "compared_count, f1_sum, finished_at) "
                "VALUES ('sandbox', '2023-12', '2023-12-01Z', '2024-01-01Z', 100, 90, now())"
            )
        )

    corrected = monitoring.report(monitoring.check_month(QUIET))

    def fall(found):
        return next(s.value.value for s in found.signals if s.value.signal == "f1_fall")

    explained = 0.1 * corrected.report.summary["f1_reference"]
    assert corrected.report.summary["f1_fall_not_counted"] == pytest.approx(explained)
    assert fall(corrected) == pytest.approx(fall(measured) - explained)
    assert f"Of F1's fall {explained:.4f} is not counted" in corrected.report.summary["reason"]
    assert measured.report.summary["f1_fall_not_counted"] == 0
    assert "F1's fall is counted as measured" in measured.report.summary["reason"]


def test_open_month_is_refused_and_leaves_no_report(monitoring, stored):
    start, _ = month_range(QUIET)
    with stored.begin() as connection:
        open_window(connection, "sandbox", start, start + timedelta(days=1))

    with pytest.raises(MissingDataError, match=f"{QUIET} of sandbox is stored only in part"):
        monitoring.check_month(QUIET)

    with stored.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM drift_reports")).scalar() == 0


def test_model_of_a_short_window_is_checked_with_the_history_of_all_stored_months(
    monitoring, go_live
):
    go_live("2023-10", "2023-12")

    report_id = monitoring.check_month(QUIET)

    assert monitoring.report(report_id).report.verdict == "quiet"


def test_site_of_few_months_has_no_reference(monitoring, go_live, stored):
    with stored.begin() as connection:
        connection.execute(text("DELETE FROM questions WHERE asked_at < '2023-10-01'"))
    go_live("2023-10", "2023-12")

    report_id = monitoring.check_month(CHANGED)

    report = monitoring.report(report_id).report
    assert report.verdict == "no_reference"
    assert "Ingest earlier months" in report.summary["reason"]
    assert decided(monitoring, report_id).action == "no_reference"


def test_event_retrains_once_and_names_the_contributing_tags(
    monitoring, stored, settings, go_live, simulation
):
    go_live("2023-06", "2023-12")
    report_id = monitoring.check_month(CHANGED)
    decision = decided(monitoring, report_id)

    assert decision.action == "retrain"
    assert decision.training_run_id == f"drift-report-{report_id}"
    assert decision.conf["test_month"] == CHANGED
    assert decision.conf["drift_report_id"] == report_id
    (event,) = simulation.events
    contributors = {
        contributor.name
        for signal in monitoring.report(report_id).signals
        if signal.alarmed
        for contributor in signal.value.contributors
    }
    assert set(event.tags) <= contributors

    record_decision(settings, decision)
    again = monitoring.check_month(CHANGED)

    assert again == report_id
    assert decided(monitoring, again).action == "keep"


def test_policy_without_drift_keeps_the_model_and_says_so(monitoring, go_live):
    go_live("2023-06", "2023-12")

    decision = decided(monitoring, monitoring.check_month(CHANGED), policy="monthly")

    assert decision.action == "keep"
    assert "policy monthly" in decision.reason


def thresholds_of(engine, version):
    """Rows of thresholds of a version: (kind, questions), the first made first."""
    statement = text(
        "SELECT kind, question_count FROM drift_calibrations WHERE model_version = :version "
        "ORDER BY calibration_id"
    )
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(statement, {"version": version})]


def test_each_promotion_has_thresholds_of_its_own_before_its_first_check(
    monitoring, go_live, stored
):
    first = go_live("2023-06", "2023-11")
    monitoring.prepare_checks()
    before = thresholds_of(stored, first)

    second = go_live("2023-06", "2023-12")
    monitoring.prepare_checks()

    assert [kind for kind, _ in before] == ["month", "predictions"]
    assert [kind for kind, _ in thresholds_of(stored, second)] == ["month", "predictions"]
    assert thresholds_of(stored, first) == before


def test_thresholds_found_at_the_promotion_serve_the_next_check_of_that_size(
    monitoring, go_live, stored, simulation
):
    version = go_live("2023-06", "2023-12")
    (monthly, _) = monitoring.prepare_checks()
    of_last = sum(month_of(q.asked_at) == "2023-12" for q in simulation.questions)
    of_next = sum(month_of(q.asked_at) == QUIET for q in simulation.questions)

    report = monitoring.report(monitoring.check_month(QUIET)).report

    fits = SIZE_SLACK * of_next <= of_last <= of_next
    assert (report.calibration_id == monthly) == fits
    assert len(thresholds_of(stored, version)) == (2 if fits else 3)


def test_thresholds_are_calibrated_once(monitoring, go_live):
    go_live("2023-06", "2023-12")

    assert monitoring.prepare_checks() == monitoring.prepare_checks()


def test_without_a_champion_there_are_no_thresholds_to_find(monitoring):
    assert monitoring.prepare_checks() == ()


def test_changed_false_alarm_rate_gets_thresholds_of_its_own(stored, registry, settings, go_live):
    version = go_live("2023-06", "2023-12")
    for rate in (0.5, 2.0):
        changed = settings.model_copy(update={"false_alarms_per_year": rate})
        Monitoring(stored, registry, changed).check_month(QUIET)

    assert len(thresholds_of(stored, version)) == 2


def test_training_month_is_checked_with_a_model_as_of_its_time(monitoring, go_live):
    go_live("2023-06", CHANGED)

    stored = monitoring.report(monitoring.check_month(CHANGED))

    assert stored.report.verdict == "drift"
    assert stored.report.model_version.endswith(f"@{QUIET}")
    assert decided(monitoring, stored.report_id).action == "keep"


def test_same_check_twice_gives_the_same_figures(monitoring, go_live):
    go_live("2023-06", "2023-12")

    first = monitoring.report(monitoring.check_month(QUIET))
    second = monitoring.report(monitoring.check_month(QUIET))

    assert first == second


def test_month_that_is_not_stored_names_the_command_that_gets_it(monitoring, go_live):
    go_live("2023-06", "2023-12")

    with pytest.raises(MissingDataError, match=r"ingest --month 2024-03"):
        monitoring.check_month("2024-03")


def answers(engine, simulation, version, month, count, key_name=None):
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
            question_id=question.question_id,
            key_name=key_name and key_name(i),
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
    assert decided(monitoring, report_id).action == "keep"


def test_hour_of_one_and_the_same_answer_is_drift_and_retrains_once_a_month(
    monitoring, go_live, stored, simulation
):
    version = go_live("2023-06", "2023-12")
    start, end = answers(stored, simulation, version, QUIET, 150)

    report_id = monitoring.check_predictions(start, end)

    found = monitoring.report(report_id)
    assert found.report.verdict == "drift"
    assert "predicted_tags" in [s.value.signal for s in found.signals if s.alarmed]
    assert decided(monitoring, report_id).training_run_id == f"drift-predictions-{version}-2024-01"


def test_hour_has_an_estimated_f1_although_its_true_tags_are_not_known(
    monitoring, go_live, stored, simulation
):
    version = go_live("2023-06", "2023-12")
    window = answers(stored, simulation, version, QUIET, 150)

    summary = monitoring.report(monitoring.check_predictions(*window)).report.summary

    assert "f1" not in summary
    assert summary["f1_estimated_low"] < summary["f1_estimated"] < summary["f1_estimated_high"]


def request(number: int, title: str, asked_at: datetime) -> bytes:
    """Return the recorded line of a request to the service."""
    return prediction_line(
        Prediction(
            prediction_id=uuid.uuid4(), asked_at=asked_at, site="sandbox", title=title,
            body="<p>How?</p>", tags=(("python", 0.9),), model_version="1", candidate="tfidf",
            variant="champion", latency_ms=1.0, question_id=number,
        )
    )  # fmt: skip


def test_distinct_requests_of_a_day_are_counted_that_name_a_used_tag_which_the_model_lacks(engine):
    end = datetime(2024, 3, 1, tzinfo=UTC)
    asked_at = end - timedelta(days=10)
    stored = [
        Question("sandbox", 1, asked_at, "Cross compiling in zig", "<p>How?</p>", ("zig", "linux")),
        Question("sandbox", 2, asked_at, "Why is this empty", "<p>How?</p>", ("python",)),
        Question("sandbox", 3, asked_at, "Why does this fail", "<p>How?</p>", ("this",)),
        Question("sandbox", 4, asked_at, "What this is for", "<p>How?</p>", ("linux",)),
    ]
    titles = ["Allocators in zig", "Allocators in zig", "Lists in python", "this and linux", "Hm"]
    with engine.begin() as connection:
        upsert_questions(connection, stored)
        hour_ago = end - timedelta(hours=1)
        lines = [request(number, title, hour_ago) for number, title in enumerate(titles)]
        lines.append(request(9, "Comptime in zig", end - timedelta(days=2)))
        copy_predictions(connection, lines)
        share = share_naming_unreachable(connection, "sandbox", ["python", "linux"], end)

    assert share == 1 / 4


def test_hourly_report_has_the_share_of_requests_beyond_the_vocabulary(
    monitoring, go_live, stored, simulation
):
    version = go_live("2023-06", "2023-12")
    window = answers(stored, simulation, version, QUIET, 150)

    summary = monitoring.report(monitoring.check_predictions(*window)).report.summary

    assert 0 <= summary["naming_unreachable"] < 0.2


def test_what_came_true_of_an_hours_estimate_is_written_when_tags_are_known_and_when_settled(
    monitoring, go_live, stored, settings, simulation
):
    version = go_live("2023-06", "2023-12")
    start, end = answers(stored, simulation, version, QUIET, 150)
    report_id = monitoring.check_predictions(start, end)

    def judged(days):
        count = judge_hourly_estimates(settings, end + timedelta(days=days))
        return count, monitoring.report(report_id).report.summary

    asked = [q for q in simulation.questions if q.asked_at >= start][:150]
    first = mean(2 * len({"python", "django"} & set(q.tags)) / (5 + len(q.tags)) for q in asked)
    assert judged(1)[0] == 0
    count, summary = judged(3)
    assert (count, summary["judged_answers"]) == (1, 150)
    assert summary["f1_judged"] == pytest.approx(first)
    assert judged(4)[0] == 0  # once is enough
    with stored.begin() as connection:
        connection.execute(text("UPDATE question_tags SET settled_tags = '{python,django}'"))
    count, summary = judged(48)
    assert (count, summary["f1_judged"]) == (1, pytest.approx(2 * 2 / 7))
    assert judged(49)[0] == 0


def test_one_api_key_raises_no_alarm(monitoring, go_live, stored, simulation):
    version = go_live("2023-06", "2023-12")
    window = answers(stored, simulation, version, QUIET, 150, key_name=lambda i: "mallory")

    found = monitoring.report(monitoring.check_predictions(*window))

    assert found.report.verdict == "quiet"
    assert found.report.summary["reason"].startswith("Only because of the API key mallory: ")


def test_alarm_that_several_api_keys_raise_is_one(monitoring, go_live, stored, simulation):
    version = go_live("2023-06", "2023-12")
    window = answers(stored, simulation, version, QUIET, 150, key_name=lambda i: f"key{i % 3}")

    assert monitoring.report(monitoring.check_predictions(*window)).report.verdict == "drift"


def test_run_of_a_check_in_mlflow_shows_pages_verdict_and_power(
    monitoring, go_live, stored, settings, mlflow_server, tmp_path
):
    go_live("2023-06", "2023-12")
    report_id = monitoring.check_month(QUIET)
    runs = Runs(mlflow_server)
    places = settings.model_copy(update={"local_dir": tmp_path})

    address = publish_with(monitoring, runs, stored, places, report_id)

    run = runs.get(address.rpartition("/")[2])
    note = run.tags[NOTE]
    assert note.startswith("**quiet**: All 8 alerting signals are within their thresholds.")
    assert re.search(r"new subject: a tag and a word never seen \| \d+ % \| \d+ %", note)
    assert run.metrics["signal/f1_fall"] < run.metrics["threshold/f1_fall"]
    assert run.metrics["evidently/tags/tag"] > 0
    pages = runs.fetch(run.run_id, "evidently", tmp_path / "fetched")
    assert {page.name for page in pages.iterdir()} == {f"{family}.html" for family in FAMILIES}


def test_reference_and_analysis_data_of_a_stored_check_are_reproducible(monitoring, go_live):
    go_live("2023-06", "2023-12")
    report_id = monitoring.check_month(QUIET)

    data = monitoring.check_data(report_id)

    report = monitoring.report(report_id).report
    assert len(data.analysis) == report.question_count
    counts = (data.question_count, data.reference.question_count)
    assert counts == (report.question_count, report.summary["reference_questions"])
    stored = report.summary["window_questions"], report.summary["reference_window_questions"]
    assert stored == counts


RENAMED = simulate(3, "2022-11", 16, 150, events=()).questions


@pytest.mark.parametrize(("known", "verdict"), [(False, "drift"), (True, "quiet")])
def test_a_renamed_tag_is_no_drift_once_its_synonym_is_known(
    engine, registry, settings, mlflow_server, tmp_path, known, verdict
):
    """From one month on, the most frequent tag bears another name, as after a rename of the site."""
    uses = Counter(tag for question in RENAMED for tag in question.tags)
    ((old, _),) = uses.most_common(1)
    changed = [
        replace(question, tags=tuple("renamed" if tag == old else tag for tag in question.tags))
        if month_of(question.asked_at) >= CHANGED
        else question
        for question in RENAMED
    ]
    with engine.begin() as connection:
        upsert_questions(connection, changed)
    champion(engine, registry, mlflow_server, tmp_path, "2022-11", "2023-12")
    monitoring = Monitoring(engine, registry, settings)
    monitoring.check_month(QUIET)
    if known:
        with engine.begin() as connection:
            synonyms = [TagSynonym(old, "renamed")]
            store_synonyms(connection, "sandbox", synonyms, "file", complete=True)

    report_id = monitoring.check_month(CHANGED)
    assert monitoring.report(report_id).report.verdict == verdict
