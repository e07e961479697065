"""Training end to end: simulated questions in real PostgreSQL, runs and models on real MLflow."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient
from sqlalchemy import text

from include import names
from include.candidates.catalogue import make_candidate, read_description
from include.errors import CheckFailedError, MissingDataError
from include.jobs.data.datasets import resolve_months
from include.jobs.training.pipeline import TrainingPipeline, request_from_params, train_all
from include.jobs.training.plan import TrainedCandidate, TrainingPlan
from include.registry import Registry
from include.registry.descriptions import NOTE
from include.registry.runs import PARENT
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.models import latest_promotion, list_promotions
from include.store.questions import upsert_questions
from tests.conftest import own_database

pytestmark = pytest.mark.integration

MONTHS = 6
LAST = "2023-06"


@dataclass(frozen=True)
class TrainingSite:
    """A site with a unique name, so that no other test's runs are reused, in its own database."""

    training: TrainingPipeline

    @property
    def site(self):
        return self.training.settings.site

    @property
    def engine(self):
        return self.training.engine

    def store(self, months=MONTHS):
        """Put the first ``months`` months of a quiet simulation into the database."""
        made = simulate(
            seed=4,
            first_month="2023-01",
            months=months,
            questions_per_month=80,
            events=(),
            site=self.site,
        )
        with self.engine.begin() as connection:
            upsert_questions(connection, made.questions)


def make_site(database_url, mlflow_server):
    settings = Settings(
        database_url=database_url,
        mlflow_tracking_uri=mlflow_server,
        site=f"test-{uuid.uuid4().hex[:8]}",
        candidates="frequency,tfidf",
        bootstrap_samples=500,
    )
    registry = Registry(mlflow_server, model=f"test-{uuid.uuid4().hex[:8]}")
    return TrainingSite(replace(TrainingPipeline.from_settings(settings), registry=registry))


@pytest.fixture
def training_site(database_url, mlflow_server):
    made = make_site(database_url, mlflow_server)
    yield made
    made.engine.dispose()


@pytest.fixture
def training(training_site):
    return training_site.training


@pytest.fixture
def store(training_site):
    return training_site.store


@pytest.fixture
def engine(training_site):
    return training_site.engine


@pytest.fixture
def site(training_site):
    return training_site.site


@pytest.fixture(scope="module")
def trained(postgres_server, migrated_template, mlflow_server):
    """A site after its first training; tests only read it."""
    with own_database(postgres_server, migrated_template) as url:
        training_site = make_site(url, mlflow_server)
        training_site.store()
        yield SimpleNamespace(training_site=training_site, first=run(training_site.training))
        training_site.engine.dispose()


def run(training, candidates=("frequency", "tfidf"), **params):
    request_id = params.pop("request_id", uuid.uuid4().hex)
    request = request_from_params(
        {"candidates": list(candidates), **params},
        training.settings,
        request_id=request_id,
        actor="tester",
    )
    return train_all(training, request, lambda line: None)


class Broken:
    """Stands in for a candidate whose library fails."""

    def __init__(self, name):
        self.name = name

    question_limit = None
    encoder_names = ()

    def fit_memory_mb(self, question_count, tag_count):
        return 0.0

    def get_params(self):
        return {}

    def fit(self, texts, tags, vocabulary):
        raise RuntimeError("out of luck")


def make_broken(name, parameters, encoders):
    return Broken(name) if name == "tfidf" else make_candidate(name, parameters, encoders)


@pytest.fixture
def first(trained):
    """The result of the first training."""
    return trained.first


def test_first_training_makes_the_best_candidate_champion(trained, first):
    assert first.promoted
    assert first.candidate == "tfidf"
    champion = trained.training_site.training.registry.alias(names.CHAMPION)
    assert (champion.version, champion.candidate) == (first.version, "tfidf")
    with trained.training_site.engine.connect() as connection:
        row = latest_promotion(connection)
    assert (row.kind, row.to_version, row.actor) == ("first", champion.version, "tester")
    assert row.artifact_sha256 == champion.sha256


def test_everything_about_a_candidate_is_logged(trained, first, tmp_path):
    row = first.rows[0]
    found = trained.training_site.training.runs.get(row.run_id)
    assert found.metrics["f1@5"] == pytest.approx(row.figures["f1@5"])
    assert found.metrics["short/f1_all@5"] >= 0
    assert found.params["train_last"] == "2023-05"
    assert found.tags["code_version"]
    folder = trained.training_site.training.runs.fetch(row.run_id, "pictures", tmp_path)
    assert {path.name for path in folder.iterdir()} == {
        "calibration.png",
        "precision_recall_by_k.png",
        "tags.png",
    }
    tables = trained.training_site.training.runs.fetch(row.run_id, "tables", tmp_path)
    assert "thresholds.json" in {path.name for path in tables.iterdir()}


def test_what_a_candidate_learned_from_is_in_mlflow_postgres_and_the_note(trained, first):
    row = first.rows[0]
    found = trained.training_site.training.runs.get(row.run_id)
    with trained.training_site.engine.connect() as connection:
        fitted = connection.execute(
            text(
                "SELECT f.*, d.min_tag_count, d.least_uses "
                "FROM fits AS f JOIN datasets AS d USING (dataset_id) WHERE run_id = :run_id"
            ),
            {"run_id": row.run_id},
        ).one()
    assert fitted.question_count == fitted.window_count == int(found.params["questions"])
    assert found.params["learned_from"].startswith(f"all {fitted.window_count:,} questions")
    assert found.metrics["learned_from"] == fitted.question_count
    assert fitted.dataset_id == found.params["dataset_id"]
    assert fitted.least_uses == int(found.params["least_uses"]) >= fitted.min_tag_count
    assert fitted.first_asked_at < fitted.last_asked_at
    assert f"| {fitted.question_count:,} |" in first.note
    assert row.learned_from == found.params["learned_from"] in first.note


def test_age_of_the_tags_learned_and_tested_is_in_mlflow_and_the_ledger(trained, first):
    tags = trained.training_site.training.runs.get(first.run_id).tags
    with trained.training_site.engine.connect() as connection:
        figures = latest_promotion(connection).figures
    for name in ("label_age_days", "train_label_age_days"):
        assert float(tags[name]) == figures[name] > 365  # asked in 2023, stored now
    for name in ("young_label_share", "train_young_label_share"):
        assert float(tags[name]) == figures[name] == 0


def test_a_training_in_one_process_loads_its_questions_once(training, store):
    store()
    loaded = []

    def load(first, last):
        loaded.append((first, last))
        return training.load(first, last)

    run(replace(training, load=load), ["frequency"])
    assert loaded == [("2023-01", LAST)]


def test_a_month_with_one_tag_on_everything_is_not_trained_on(training, store, engine, site):
    store()
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE question_tags SET settled_tags = tags || '{poison}' "
                "WHERE site = :site AND asked_at >= '2023-06-01'"
            ),
            {"site": site},
        )

    with pytest.raises(
        CheckFailedError, match=r"the tags of 2023-06 look wrong.*poison is on 100%"
    ):
        run(training)


def test_candidates_that_cannot_hold_the_window_are_left_out_only_of_auto(training, store):
    store()
    limited = {"tfidf": {"max_questions": 50}, "hybrid": {"max_questions": 50}}
    limited |= {name: {"max_questions": 50} for name in ("bert", "use", "word2vec")}

    def planned(candidates, parameters):
        request = request_from_params(
            {"candidates": candidates, "parameters": parameters},
            training.settings,
            request_id=uuid.uuid4().hex,
            actor="tester",
        )
        return training.plan(request)

    automatic = planned(["auto"], limited)
    named = planned(["tfidf"], {"tfidf": {"max_questions": 50}})

    assert [spec.name for spec in automatic.specs] == ["frequency", "linear", "lda"]
    assert len(automatic.left_out) == 5
    assert automatic.left_out[0].startswith("tfidf learns from 50 of ")
    assert ([spec.name for spec in named.specs], named.left_out) == (["tfidf"], ())


def test_figures_are_rows_under_the_run_that_evaluated(trained, first):
    row = first.rows[0]
    with trained.training_site.engine.connect() as connection:
        stored = connection.execute(
            text("SELECT * FROM evaluations WHERE model_version = :run AND test_month = :month"),
            {"run": row.run_id, "month": LAST},
        )
        by_name = {(figure.slice, figure.metric): figure.value for figure in stored}
    assert by_name["all", "f1@5"] == pytest.approx(row.figures["f1@5"])
    assert by_name["all", "ece"] >= 0
    assert ("short", "f1_all@5") in by_name
    assert by_name["all", "f1_suggested"] == pytest.approx(row.figures["f1_suggested"])
    assert ("short", "f1_suggested") in by_name


def test_served_model_is_refitted_with_the_test_month(trained, first, tmp_path):
    champion = trained.training_site.training.registry.alias(names.CHAMPION)
    described = read_description(
        trained.training_site.training.registry.download(champion, tmp_path)
    )
    assert described["train_last"] == champion.tags["train_last"] == LAST
    assert described["refit"] is True
    assert described["learned_from"]["question_count"] == described["questions"]
    assert described["metrics"]["f1@5"] == pytest.approx(first.rows[0].figures["f1@5"])
    assert described["metrics"]["answered_from_0.5"] <= described["metrics"]["answered_from_0.1"]


def test_selection_and_reason_are_in_the_runs_note(trained, first):
    note = trained.training_site.training.runs.get(first.run_id).tags[NOTE]
    assert "tfidf becomes the first champion" in note
    assert "| **tfidf** |" in note
    assert "| frequency |" in note
    assert "| score from | precision | recall | questions answered |" in note
    assert note == first.note


def test_candidates_runs_and_the_version_say_what_they_are(trained, first):
    training = trained.training_site.training
    children = training.runs.find(names.EXPERIMENT_TRAINING, {PARENT: first.run_id})
    notes = [run.tags[NOTE] for run in children]
    version = MlflowClient(training.runs.tracking_uri).get_model_version(
        training.registry.model, first.version
    )

    assert len(notes) == 3  # two candidates, and the winner's refit
    site = trained.training_site.site
    assert f"tfidf, trained on 2023-01 to 2023-05 of {site}, tested on {LAST}" in " ".join(notes)
    assert f"selected on {LAST} and then trained again on 2023-01 to {LAST}" in " ".join(notes)
    assert version.description.startswith(f"tfidf, trained on 2023-01 to {LAST} of {site}.")


def test_same_training_again_trains_nothing_and_keeps_the_champion(training, store, engine):
    store()
    run(training)
    again = run(training)
    assert [row.reused for row in again.rows[:2]] == [True, True]
    assert not again.promoted
    assert "the same model" in again.reason
    with engine.connect() as connection:
        assert len(list_promotions(connection, names.CHAMPION)) == 1


def test_selection_interrupted_after_promoting_does_not_promote_twice(training, store, engine):
    store()
    first = run(training, request_id="run-1")
    again = run(training, request_id="run-1")
    assert (again.promoted, again.version) == (True, first.version)
    assert again.reason == first.reason
    with engine.connect() as connection:
        assert len(list_promotions(connection, names.CHAMPION)) == 1


def test_better_candidate_of_the_same_month_replaces_a_refitted_champion(training, store):
    """The champion was refitted to the test month: its answers from before are what counts."""
    store()
    run(training, ["frequency"])
    second = run(training, ["tfidf"])
    assert second.promoted
    assert second.reason.startswith("The challenger is better")
    champion_row = second.rows[-1]
    assert champion_row.candidate == "champion, version 1"
    assert champion_row.figures["f1@5"] < second.rows[0].figures["f1@5"]


def test_worse_candidate_does_not_replace_the_champion(training, store):
    store()
    run(training, ["tfidf"])
    second = run(training, ["frequency"])
    assert not second.promoted
    assert "is not significantly better" in second.reason
    assert training.registry.alias(names.CHAMPION).candidate == "tfidf"
    assert training.registry.alias(names.CHALLENGER) is None


def test_same_family_with_a_newer_month_is_refreshed(training, store):
    store(months=5)
    run(training, ["tfidf"])
    store(months=6)
    second = run(training, ["tfidf"])
    assert second.test_month == LAST
    assert second.promoted, second.reason
    assert "not worse" in second.reason
    assert training.registry.alias(names.CHAMPION).tags["train_last"] == LAST


def test_champions_family_is_refreshed_if_a_better_one_does_not_pass(training, store):
    store(months=5)
    run(training, ["frequency"])
    store(months=6)
    strict = replace(training, settings=training.settings.model_copy(update={"min_gain": 0.9}))
    second = run(strict, ["frequency", "tfidf"])
    assert second.promoted, second.reason
    assert (second.candidate, second.challenger_version) == ("frequency", None)
    assert "the best, tfidf, does not pass" in second.reason
    assert [row.candidate for row in second.rows if row.selected] == ["frequency"]
    champion = training.registry.alias(names.CHAMPION)
    assert (champion.candidate, champion.tags["train_last"]) == ("frequency", LAST)


def test_champion_is_not_evaluated_on_a_month_it_was_trained_on(training, store):
    store()
    run(training, ["frequency"])
    second = run(training, ["tfidf"], test_month="2023-05")
    assert not second.promoted
    assert "cannot be evaluated on 2023-05" in second.reason


def test_after_a_drift_decision_the_challenger_only_must_not_be_worse(training, store):
    store(months=5)
    run(training, ["tfidf"], refit=False)
    store(months=6)
    second = run(training, ["tfidf"], drift_report_id=7)
    assert second.promoted
    assert second.figures["rule"] == "not_worse"
    assert second.figures["suggested"]["difference"]["question_count"] > 0
    assert second.drift_report_id == 7


def test_without_refit_the_model_is_served_as_tested(training, store):
    store()
    done = run(training, ["frequency"], refit=False)
    champion = training.registry.alias(names.CHAMPION)
    assert champion.run_id == done.rows[0].run_id
    assert champion.tags["train_last"] == "2023-05"


def test_candidate_that_fails_does_not_stop_the_others(training, store):
    store()
    done = run(replace(training, make=make_broken))
    assert done.candidate == "frequency"
    assert done.failed == ["tfidf"]
    assert "Failed and left out: tfidf" in done.note


def test_training_fails_when_every_candidate_failed(training, store):
    store()
    with pytest.raises(CheckFailedError, match="every candidate failed: tfidf"):
        run(replace(training, make=make_broken), ["tfidf"])
    runs = training.runs.find(
        names.EXPERIMENT_TRAINING, {"site": training.settings.site}, status="FAILED"
    )
    assert {found.tags["kind"] for found in runs} == {"training", "evaluation"}


def test_plan_and_trained_candidates_pass_between_tasks_as_json(training, store):
    import json

    store()
    request = request_from_params(
        {"candidates": ["frequency"]}, training.settings, request_id="r", actor="a"
    )
    plan = training.plan(request)
    trained = training.train_one(plan, plan.specs[0])
    assert TrainingPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    assert TrainedCandidate.from_dict(json.loads(json.dumps(trained.to_dict()))) == trained


def test_same_request_resumes_its_run(training, store):
    store()
    request = request_from_params({}, training.settings, request_id="r", actor="a")
    assert training.plan(request).run_id == training.plan(request).run_id


def test_one_family_with_several_parameters_is_compared_with_itself(training, store):
    store()
    done = run(training, ["tfidf"], parameters={"tfidf": [{}, {"penalty": 4.0}]})
    assert len(done.rows) == 2


def test_window_limits_the_training_months(training, store):
    store()
    request = request_from_params(
        {"window_months": 2}, training.settings, request_id="w", actor="a"
    )
    months = training.plan(request).months
    assert (months.train_first, months.train_last, months.test_month) == (
        "2023-04",
        "2023-05",
        LAST,
    )


def test_missing_test_month_is_named_with_the_command_that_fetches_it(training, store):
    store()
    with pytest.raises(
        MissingDataError, match=r"no stored questions of 2023-09: .*--month 2023-09"
    ):
        run(training, test_month="2023-09")


def test_training_starts_after_the_last_gap(training, store, engine, site):
    store()
    with engine.begin() as connection:
        connection.execute(
            text("DELETE FROM questions WHERE asked_at >= '2023-03-01' AND asked_at < '2023-04-01'")
        )
        months = resolve_months(connection, site, test_month=None, window_months=None)
    assert (months.train_first, months.test_month) == ("2023-04", LAST)


def test_partly_fetched_month_is_not_the_latest(training, store, engine, site):
    store()
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ingest_windows (site, window_start, window_end, state) "
                "VALUES (:site, '2023-06-01Z', '2023-07-01Z', 'open')"
            ),
            {"site": site},
        )
        assert (
            resolve_months(connection, site, test_month=None, window_months=None).test_month
            == "2023-05"
        )


def test_partly_fetched_month_is_not_tested_on(training, store, engine, site):
    store()
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO ingest_windows (site, window_start, window_end, state) "
                "VALUES (:site, '2023-06-01Z', '2023-07-01Z', 'open')"
            ),
            {"site": site},
        )
    with pytest.raises(MissingDataError, match=r"2023-06 of .* is stored only in part"):
        run(training, test_month=LAST)


def test_champion_that_does_not_load_is_replaced(training, store):
    store()
    run(training, ["tfidf"])
    broken = replace(training, registry=TornRegistry(training.registry))
    store(months=7)
    done = run(broken, ["frequency"])
    assert done.promoted
    assert "unusable" in done.reason


class TornRegistry:
    """The real registry, whose champion's file is not what was registered."""

    def __init__(self, registry):
        self._registry = registry

    def __getattr__(self, name):
        return getattr(self._registry, name)

    def download(self, version, into):
        return self._registry.download(replace(version, sha256="0" * 64), into)


def test_promising_candidate_that_does_not_pass_becomes_challenger(training, store, engine):
    store()
    run(training, ["frequency"])
    strict = replace(training, settings=training.settings.model_copy(update={"min_gain": 0.9}))
    done = run(strict, ["tfidf"])
    assert not done.promoted
    assert "not better by at least 0.9" in done.reason
    challenger = training.registry.alias(names.CHALLENGER)
    assert (challenger.version, challenger.candidate) == (done.challenger_version, "tfidf")
    with engine.connect() as connection:
        assert latest_promotion(connection, names.CHALLENGER).kind == "challenger"
