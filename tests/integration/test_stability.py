"""Months of a study on real PostgreSQL and MLflow: any order, again, after a failure."""

from __future__ import annotations

import uuid
from dataclasses import replace

import pytest
from sqlalchemy import text

from include import names
from include.candidates.catalogue import make_candidate
from include.errors import FixInputError, MissingDataError
from include.evaluation.refits import best_refits
from include.evaluation.schedules import Prices
from include.evaluation.year_json import from_plain
from include.jobs.stability.models import YEAR
from include.jobs.stability.study import Stability, request_from_run
from include.months import months_between
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.questions import upsert_questions
from include.store.stability import read_report_page, read_reports
from tests.conftest import own_database

pytestmark = pytest.mark.integration

STORED = months_between("2023-01", "2023-07")
YEAR_MONTHS = STORED[-3:]


def make_place(
    database_url, mlflow_server, tmp_path, render=lambda report: "<p>page</p>", events=()
):
    settings = Settings(
        database_url=database_url,
        mlflow_tracking_uri=mlflow_server,
        site=f"test-{uuid.uuid4().hex[:8]}",
        bootstrap_samples=200,
        local_dir=tmp_path,
    )
    stability = replace(Stability.from_settings(settings), render=render)
    made = simulate(
        seed=4,
        first_month=STORED[0],
        months=len(STORED),
        questions_per_month=50,
        events=events,
        site=settings.site,
    )
    with stability.engine.begin() as connection:
        upsert_questions(connection, made.questions)
    return stability


@pytest.fixture
def stability(database_url, mlflow_server, tmp_path):
    made = make_place(database_url, mlflow_server, tmp_path)
    yield made
    made.engine.dispose()


def asked(month, **params):
    return request_from_run({"candidates": ["tfidf"], "month": month, **params}, None, None)


def run(stability, *months, **params):
    for month in months:
        stability.train(asked(month, **params))
        stability.report(asked(month, **params))


def pairs(stability):
    """Every pair's answers, without what differs between two sites: run and hash of content."""
    with stability.engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT model_month, test_month, scores, suggested "
                "FROM stability_pairs ORDER BY model_month, test_month"
            )
        )
        return [(*row[:2], *map(bytes, row[2:])) for row in rows]


def reports(stability):
    with stability.engine.connect() as connection:
        return read_reports(connection, stability.settings.site)


def figures(stability):
    """The report without names of runs and seconds by the clock."""
    (report,) = reports(stability)
    plain = dict(report.report)
    plain.pop("site")
    for line in plain["figures"]:
        line.pop("run_url")
        line["fit"].pop("seconds")
    for curve in plain["curves"].values():
        curve.pop("seconds")
    for period in plain["periods"]:
        for example in period["examples"]:
            example.pop("link")
    return plain


@pytest.fixture(scope="module")
def in_order(postgres_server, migrated_template, mlflow_server, tmp_path_factory):
    """A study run month by month, which tests only look at."""
    with own_database(postgres_server, migrated_template) as url:
        made = make_place(url, mlflow_server, tmp_path_factory.mktemp("copies"))
        run(made, *YEAR_MONTHS)
        yield made
        made.engine.dispose()


def test_every_model_is_tested_on_its_month_and_every_later_one(in_order):
    assert [(model, test) for model, test, *_ in pairs(in_order)] == [
        (model, test) for model in YEAR_MONTHS for test in YEAR_MONTHS if model <= test
    ]


def test_months_in_any_order_leave_the_same_answers_and_the_same_report(in_order, stability):
    run(stability, *(YEAR_MONTHS[place] for place in (1, 2, 0)))

    assert pairs(stability) == pairs(in_order)
    assert figures(stability) == figures(in_order)


def test_month_run_again_trains_nothing_and_leaves_the_same_rows(in_order):
    before = pairs(in_order), reports(in_order)
    first = in_order.train(asked(YEAR_MONTHS[1]))

    assert in_order.train(asked(YEAR_MONTHS[1])) == first
    assert in_order.report(asked(YEAR_MONTHS[1])) == []
    assert (pairs(in_order), reports(in_order)) == before


def test_one_run_a_month_under_the_runs_year(in_order, tmp_path):
    tags = {"site": in_order.settings.site}
    years = in_order.runs.find(names.EXPERIMENT_STABILITY, tags | {"kind": YEAR})
    months = in_order.runs.find(names.EXPERIMENT_STABILITY, tags | {"kind": "evaluation"})

    assert len(years) == 1
    assert {run.tags["mlflow.parentRunId"] for run in months} == {years[0].run_id}
    assert sorted(run.tags["mlflow.runName"] for run in months) == [
        f"Model_Month_{month}" for month in YEAR_MONTHS
    ]
    assert all(run.model_id and run.metrics["f1@5"] > 0 for run in months)
    kept = in_order.runs.fetch(years[0].run_id, "stability.html", tmp_path)
    assert kept.read_text() == "<p>page</p>"


def test_report_is_a_year_with_figures_of_the_runs(in_order):
    (stored,) = reports(in_order)
    report = from_plain(stored.report)

    assert report.months == YEAR_MONTHS
    assert [line.month for line in report.figures] == list(YEAR_MONTHS)
    assert set(report.curves) == {"frozen", "quarterly", "on_drift", "monthly"}
    run = in_order.runs.get(stored.run_ids[0])
    assert report.figures[0].f1 == pytest.approx(run.metrics["f1_all@5"])
    fits = [line.fit for line in report.figures]
    assert [fit.question_count for fit in fits] == [fit.window_count for fit in fits]
    assert (fits[0].first_day[:7], fits[0].last_day[:7]) == (STORED[0], STORED[3])
    assert report.curves["monthly"].seconds == pytest.approx(sum(fit.seconds for fit in fits))
    assert 0 < report.curves["frozen"].seconds == pytest.approx(fits[0].seconds)
    with in_order.engine.connect() as connection:
        assert read_report_page(connection, stored.study_id, YEAR_MONTHS[2]) == "<p>page</p>"


def test_view_decay_shows_each_models_age(in_order):
    with in_order.engine.connect() as connection:
        ages = connection.execute(
            text("SELECT age_months, count(*) FROM decay WHERE metric = 'f1_all@5' GROUP BY 1")
        )
        assert dict(ages.tuples().all()) == {1: 3, 2: 2, 3: 1}


class Failing:
    """Stands in for a candidate whose library fails, or whose process is killed, in training."""

    def __init__(self, candidate, failure):
        self.name = candidate.name
        self.get_params = candidate.get_params
        self.fit_memory_mb = candidate.fit_memory_mb
        self.question_limit = candidate.question_limit
        self.encoder_names = candidate.encoder_names
        self._failure = failure

    def fit(self, texts, tags, vocabulary):
        raise self._failure


def failing(stability, name, failure):
    """The same, but the candidates of this name fail."""

    def make(asked, *rest):
        candidate = make_candidate(asked, *rest)
        return Failing(candidate, failure) if asked == name else candidate

    return replace(stability, make=make)


def test_months_killed_in_training_and_in_testing_resume(in_order, stability):
    run(stability, YEAR_MONTHS[0])
    with pytest.raises(KeyboardInterrupt):
        failing(stability, "tfidf", KeyboardInterrupt()).train(asked(YEAR_MONTHS[1]))
    run(stability, YEAR_MONTHS[1])
    with stability.engine.begin() as connection:
        # as a task leaves it that was killed after its model was stored
        connection.execute(
            text("UPDATE stability_months SET finished = false WHERE month = :month"),
            {"month": YEAR_MONTHS[1]},
        )
        connection.execute(text("DELETE FROM stability_pairs"))
    run(stability, YEAR_MONTHS[2])
    assert reports(stability)[0].first_month == YEAR_MONTHS[2]

    run(stability, *YEAR_MONTHS[:2])

    assert pairs(stability) == pairs(in_order)
    assert figures(stability) == figures(in_order)


def test_edited_month_is_left_out_until_it_runs_again(stability):
    cheap = {"candidates": ["frequency"]}
    run(stability, *YEAR_MONTHS[:2], **cheap)
    with stability.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE question_tags SET settled_tags = array_append(first_tags, 'edited') "
                "WHERE asked_at >= '2023-06-01' AND asked_at < '2023-07-01'"
            )
        )
    run(stability, YEAR_MONTHS[2], **cheap)
    periods = [(r.first_month, r.last_month) for r in reports(stability)]
    assert periods == [(YEAR_MONTHS[2], YEAR_MONTHS[2]), (YEAR_MONTHS[0], YEAR_MONTHS[1])]

    run(stability, YEAR_MONTHS[1], **cheap)

    periods = [(r.first_month, r.last_month) for r in reports(stability)]
    assert periods == [(YEAR_MONTHS[0], YEAR_MONTHS[2])]


def test_windows_are_studies_of_their_own(stability):
    run(stability, YEAR_MONTHS[0], candidates=["frequency"])
    run(stability, YEAR_MONTHS[0], candidates=["frequency"], window_months=3)

    assert {report.window_months for report in reports(stability)} == {None, 3}


def test_month_that_is_not_stored_is_named_with_the_command_that_gets_it(stability):
    with pytest.raises(MissingDataError, match=r"tagkeeper ingest --month 2023-08"):
        stability.train(asked("2023-08"))


def test_candidate_that_fails_does_not_stop_the_others(stability):
    month = YEAR_MONTHS[0]
    with pytest.raises(RuntimeError, match="out of luck"):
        failing(stability, "lda", RuntimeError("out of luck")).train(
            asked(month, candidates=["lda", "frequency"])
        )

    assert [(model, test) for model, test, *_ in pairs(stability)] == [(month, month)]


def test_refreshes_are_curves_once_every_month_was_studied_so(stability):
    run(stability, *YEAR_MONTHS[:2])
    (without,) = reports(stability)
    assert from_plain(without.report).refreshes == {}

    run(stability, *YEAR_MONTHS[:2], refreshes=True)

    (stored,) = reports(stability)
    report = from_plain(stored.report)
    weekly, surge = report.refreshes["weekly"], report.refreshes["surge"]
    assert weekly.months == surge.months == YEAR_MONTHS[:2]
    assert 2 * 4 <= weekly.trainings <= 2 * 5
    assert surge.trainings < weekly.trainings  # a quiet site
    monthly = report.curves["monthly"]
    assert weekly.seconds > monthly.seconds > 0
    assert weekly.other_low < weekly.loss
    assert weekly.loss == pytest.approx(monthly.mean - weekly.mean)
    best = best_refits(report.refits)
    by_trainings = {len(each.trainings): each.mean for each in best}
    assert best[0].mean == pytest.approx(monthly.mean)
    assert by_trainings[surge.trainings] >= surge.mean - 1e-9
    assert by_trainings[weekly.trainings] >= weekly.mean - 1e-9
    assert best[-1].mean == pytest.approx(weekly.mean)  # every refit, as none surged
    with stability.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT month, rule, trainings, scores FROM stability_refreshes ORDER BY 1, 2")
        )
        first = [(*row[:3], bytes(row[3])) for row in rows]
    run(stability, *YEAR_MONTHS[:2], refreshes=True)
    with stability.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT month, rule, trainings, scores FROM stability_refreshes ORDER BY 1, 2")
        )
        assert [(*row[:3], bytes(row[3])) for row in rows] == first


def test_months_without_rare_tags_are_a_curve_beside(stability):
    run(stability, *YEAR_MONTHS[:2], without_rare_tags=True)

    (stored,) = reports(stability)
    report = from_plain(stored.report)
    assert report.refreshes == {}
    assert report.common_tags.months == YEAR_MONTHS[:2]
    assert report.common_tags.trainings == 2
    # rare tags add to the vocabulary, and so to what can be right
    assert report.common_tags.loss == pytest.approx(
        report.curves["monthly"].mean - report.common_tags.mean
    )
    assert report.common_tags.loss != 0
    assert report.common_tags.seconds > 0
    assert report.refreshes_common_tags == {}


def test_refreshes_without_rare_tags_take_both_choices(stability):
    both = {"refreshes": True, "without_rare_tags": True}
    run(stability, YEAR_MONTHS[0], **both)

    (stored,) = reports(stability)
    report = from_plain(stored.report)
    assert report.refreshes_common_tags.keys() == report.refreshes.keys() == {"weekly", "surge"}
    for rule, without in report.refreshes_common_tags.items():
        refreshed, gain = report.refreshes[rule], report.rare_tags_gains[rule].value
        assert without.trainings == refreshed.trainings
        assert gain == pytest.approx(refreshed.mean - without.mean)
        assert gain != 0
    weekly, surge = (report.refreshes_common_tags[rule] for rule in ("weekly", "surge"))
    assert weekly.seconds > report.common_tags.seconds
    assert surge.trainings == 1  # nothing surged, so the same model answered the whole month
    assert surge.f1 == report.common_tags.f1


def test_a_surge_refits_the_model_without_rare_tags_too(database_url, mlflow_server, tmp_path):
    release = Event(YEAR_MONTHS[0], "tag_born", 0.3)
    stability = make_place(database_url, mlflow_server, tmp_path, events=(release,))
    try:
        run(stability, YEAR_MONTHS[0], refreshes=True, without_rare_tags=True)
        (stored,) = reports(stability)
    finally:
        stability.engine.dispose()

    report = from_plain(stored.report)
    surge, without = report.refreshes["surge"], report.refreshes_common_tags["surge"]
    assert without.trainings == surge.trainings > 1
    assert without.mean > report.common_tags.mean  # the new tag has five uses after a while
    assert surge.mean > without.mean


def refits(stability):
    with stability.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT month, refitted_on, seconds, scores FROM stability_refits ORDER BY 1, 2")
        )
        return [(*row[:3], bytes(row[3])) for row in rows]


def test_refits_that_are_missing_are_made_and_the_others_kept(stability):
    asked_for = {"candidates": ["frequency"], "refreshes": True}
    run(stability, YEAR_MONTHS[0], **asked_for)
    before = refits(stability)
    with stability.engine.begin() as connection:
        connection.execute(text("DELETE FROM stability_refits WHERE refitted_on = '2023-05-15'"))
    run(stability, YEAR_MONTHS[0], **asked_for)

    after = refits(stability)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert [row[3] for row in after] == [row[3] for row in before]
    kept = [row for row in before if f"{row[1]}" != "2023-05-15"]
    assert [row for row in after if f"{row[1]}" != "2023-05-15"] == kept


def test_study_of_a_release_that_stored_no_refits_has_no_best_refreshes(stability):
    asked_for = {"candidates": ["frequency"], "refreshes": True}
    stability.train(asked(YEAR_MONTHS[0], **asked_for))
    with stability.engine.begin() as connection:
        connection.execute(text("DELETE FROM stability_refits"))
    stability.report(asked(YEAR_MONTHS[0], **asked_for))

    (stored,) = reports(stability)
    report = from_plain(stored.report)
    assert report.refits == ()
    assert report.refreshes


def test_refreshes_of_a_replaced_model_are_made_again(stability):
    asked_for = {"candidates": ["frequency"], "refreshes": True}
    run(stability, YEAR_MONTHS[0], **asked_for)
    before = refits(stability)
    with stability.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE question_tags SET settled_tags = ARRAY['edited'] "
                "WHERE asked_at >= '2023-03-01' AND asked_at < '2023-05-01'"
            )
        )
    run(stability, YEAR_MONTHS[0], **asked_for)

    after = refits(stability)
    assert [row[:2] for row in after] == [row[:2] for row in before]
    assert all(new[3] != old[3] for new, old in zip(after, before, strict=True))


def test_rare_tags_cannot_be_left_out_where_no_model_knows_any(stability):
    strict = replace(stability, settings=stability.settings.model_copy(update={"min_tag_count": 5}))
    with pytest.raises(FixInputError, match="MIN_TAG_COUNT is 5"):
        strict.train(asked(YEAR_MONTHS[0], without_rare_tags=True))


def test_new_prices_make_the_report_again(stability):
    cheap = {"candidates": ["frequency"]}
    run(stability, YEAR_MONTHS[0], **cheap)
    run(stability, YEAR_MONTHS[0], **cheap, training_price=2, point_price=5.5)

    (stored,) = reports(stability)
    assert from_plain(stored.report).prices == Prices(2, 5.5)


def test_one_price_alone_is_refused():
    with pytest.raises(FixInputError, match="both prices"):
        asked(YEAR_MONTHS[0], point_price=5)


LIMITED = {"tfidf": {"max_questions": 60}}


def test_study_without_candidates_takes_the_family_that_holds_the_window(stability):
    request = asked(YEAR_MONTHS[0], candidates=None, parameters=LIMITED)

    assert list(stability.train(request)) == ["linear"]


def test_models_that_learned_from_less_than_their_window_are_said_to(stability):
    request = asked(YEAR_MONTHS[0], parameters=LIMITED)
    stability.train(request)
    (said,) = stability.report(request)

    (stored,) = reports(stability)
    fit = from_plain(stored.report).figures[0].fit
    assert (fit.question_count, fit.window_count > 60) == (60, True)
    assert f"learned from only the latest 60 of the {fit.window_count} questions" in said
    year = stability.runs.find(names.EXPERIMENT_STABILITY, {"kind": YEAR}, status=None)
    assert any(said.endswith(run.tags["mlflow.note.content"]) for run in year)
