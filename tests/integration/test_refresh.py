"""Refreshes of the champion on real PostgreSQL and MLflow: decided, judged, promoted, rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from include import names
from include.candidates.catalogue import read_description
from include.errors import CheckFailedError, RetryLaterError
from include.jobs.ingestion.import_file import import_file
from include.jobs.refresh.refresh import ChampionRefresh, is_notable
from include.jobs.release.ab_testing import start as start_ab_test
from include.jobs.release.promotion import AliasMove, promote
from include.jobs.release.rollback import rollback
from include.monitoring.database_sources import read_state
from include.monitoring.metrics import Samples
from include.sandbox.events import Event
from include.sandbox.simulator import simulate
from include.store.models import latest_promotion, list_promotions
from tests.conftest import own_database
from tests.integration.test_open_month import line_of
from tests.integration.test_training import TrainingSite, make_site, run

pytestmark = pytest.mark.integration

LAST = "2023-03"  # of the whole months


class OpenSite:
    """A site with whole months, and days of the next, as files that were exported then."""

    def __init__(
        self,
        site: TrainingSite,
        folder: Path,
        events: Sequence[Event] = (),
        questions_per_month: int = 300,
    ) -> None:
        self.training = site.training
        self.refresh = ChampionRefresh(site.training)
        self.folder = folder
        made = simulate(
            seed=4,
            first_month="2023-01",
            months=4,
            questions_per_month=questions_per_month,
            events=events,
            site=site.site,
        )
        self.questions = made.questions

    @property
    def engine(self):
        return self.training.engine

    def store_days(self, until: datetime) -> None:
        """Store everything that was asked before a midnight."""
        file = self.folder / f"{until:%Y-%m-%d}.jsonl"
        asked = [question for question in self.questions if question.asked_at < until]
        file.write_text("".join(line_of(question) for question in asked))
        site = self.training.settings.site
        import_file(self.engine, file, site=site, as_of=until)

    def decide(self, until: datetime, **options):
        return self.refresh.decide(now=until + timedelta(hours=3), **options)

    def carry_out(self, order, request_id="refresh-1"):
        return self.refresh.refresh(order, request_id=request_id, actor=request_id)

    def champion(self):
        return self.training.registry.alias(names.CHAMPION)

    def rows(self):
        with self.engine.connect() as connection:
            found = connection.execute(text("SELECT * FROM refreshes ORDER BY learned_until"))
            return [dict(row) for row in found.mappings()]


def april(day: int) -> datetime:
    return datetime(2023, 4, day, tzinfo=UTC)


@pytest.fixture
def site(database_url, mlflow_server, tmp_path):
    made = OpenSite(make_site(database_url, mlflow_server), tmp_path)
    made.store_days(april(1))
    first = run(made.training, ["tfidf"], test_month=LAST)
    assert first.promoted
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def refreshed(postgres_server, migrated_template, mlflow_server, tmp_path_factory):
    """A site whose champion was refreshed on 11 April; tests leave it as it is."""
    with own_database(postgres_server, migrated_template) as url:
        made = OpenSite(make_site(url, mlflow_server), tmp_path_factory.mktemp("exports"))
        made.store_days(april(1))
        before = run(made.training, ["tfidf"], test_month=LAST)
        made.store_days(april(11))
        order = made.decide(april(11))
        yield SimpleNamespace(site=made, before=before, order=order, result=made.carry_out(order))
        made.engine.dispose()


def other_version(site: OpenSite, alias: str | None = names.CHAMPION) -> str:
    """Return a version of another family; somebody gives it the alias."""
    result = run(site.training, ["frequency"], test_month=LAST)
    found = site.training.runs.get(result.rows[0].run_id)
    version = site.training.registry.register(
        run_id=found.run_id,
        model_id=found.model_id,
        source=found.source,
        tags={"candidate": "frequency", "sha256": found.sha256},
    )
    if alias is not None:
        move = AliasMove(version, "promotion", "ann", "by hand", {}, alias)
        promote(site.engine, site.training.registry, move)
    return version.version


def test_day_after_a_training_nothing_is_due(site):
    site.store_days(april(2))
    order = site.decide(april(2))
    assert (order.cause, order.champion_version) == (None, "")
    assert "2023-04-08" in order.reason


def test_month_without_a_stored_day_is_not_refreshed(site):
    assert site.decide(april(15)).reason == (
        "No refresh: no day after the last whole month is stored."
    )


def test_champion_learns_the_open_month(refreshed, tmp_path):
    site, order = refreshed.site, refreshed.order
    assert (order.cause, order.unseen_from, order.test_until) == ("due", "2023-04-01", "2023-04-11")
    assert refreshed.result.promoted, refreshed.result.reason
    assert refreshed.result.test_month == f"{order.test_from} to 2023-04-10"
    champion = site.champion()
    assert (champion.candidate, champion.learned_until) == ("tfidf", april(11))
    assert champion.tags["train_last"] == LAST
    described = read_description(site.training.registry.download(champion, tmp_path))
    assert described["learned_until"] == "2023-04-11T00:00:00+00:00"
    asked = sum(question.asked_at < april(11) for question in site.questions)
    assert described["questions"] == asked


def test_ledger_says_why_the_champion_was_refreshed(refreshed):
    version = refreshed.site.champion().version
    with refreshed.site.engine.connect() as connection:
        row = latest_promotion(connection)
    assert (row.kind, row.from_version, row.to_version) == (
        "promotion", refreshed.before.version, version,
    )  # fmt: skip
    assert row.reason.startswith("Refresh after 10 days. The challenger is not worse")
    [stored] = refreshed.site.rows()
    assert (stored["version"], stored["champion_version"]) == (version, refreshed.before.version)


def test_exporter_says_up_to_when_the_champion_has_learned(refreshed):
    samples = Samples()
    with refreshed.site.engine.connect() as connection:
        read_state(connection, samples, refreshed.site.training.settings.site, 0.7)
    until = samples.values("champion_trained_until_timestamp_seconds")
    assert list(until.values()) == [april(11).timestamp()]


def test_second_run_of_the_day_finds_nothing_to_do(refreshed):
    rows = refreshed.site.rows()
    assert refreshed.site.decide(april(11)).cause is None
    assert refreshed.site.rows() == rows


def test_interrupted_refresh_is_completed_by_the_same_request(refreshed):
    with refreshed.site.engine.begin() as connection:
        connection.execute(text("DELETE FROM refreshes"))
    again = refreshed.site.carry_out(refreshed.order)
    assert (again.version, again.promoted) == (refreshed.result.version, True)
    assert [row["version"] for row in refreshed.site.rows()] == [again.version]
    with refreshed.site.engine.connect() as connection:
        assert len(list_promotions(connection, names.CHAMPION)) == 2


def test_next_refresh_starts_from_the_refreshed_champion(site):
    site.store_days(april(11))
    site.carry_out(site.decide(april(11)))
    site.store_days(april(21))
    order = site.decide(april(21))
    assert (order.cause, order.unseen_from) == ("due", "2023-04-11")
    assert site.carry_out(order, "refresh-2").promoted
    assert site.champion().learned_until == april(21)


def test_month_is_trained_after_refreshes_within_it(site):
    """The refreshed champion has learned the test month: its configuration is trained without."""
    site.store_days(april(11))
    site.carry_out(site.decide(april(11)))
    site.store_days(datetime(2023, 5, 1, tzinfo=UTC))
    result = run(site.training, ["tfidf"], test_month="2023-04")
    assert result.promoted, result.reason
    assert site.champion().learned_until == datetime(2023, 5, 1, tzinfo=UTC)


def test_refused_refresh_leaves_the_champion_and_is_not_tried_again_the_next_day(site):
    before = site.champion()
    site.store_days(april(11))
    # A window of one month instead of three makes a worse model
    short = site.training.settings.model_copy(update={"training_window_months": 1})
    refresh = ChampionRefresh(replace(site.training, settings=short))
    order = site.decide(april(11))
    refused = refresh.refresh(order, request_id="refresh-1", actor="refresh-1")
    assert not refused.promoted, refused.reason
    assert site.champion() == before
    [stored] = site.rows()
    assert (stored["version"], stored["decision"]) == (None, refused.reason)
    assert is_notable(refused)
    site.store_days(april(12))
    assert site.decide(april(12)).cause is None


def test_rollback_stays_until_a_refresh_is_due_again(site):
    site.store_days(april(11))
    site.carry_out(site.decide(april(11)))
    rollback(
        *(site.engine, site.training.registry),
        version="previous",
        reason="odd tags",
        actor="ann",
        encoders=site.training.encoders,
    )
    site.store_days(april(12))
    assert site.decide(april(12)).cause is None
    assert site.decide(april(12), requested=True).cause == "requested"


def test_champion_that_changed_since_the_decision_is_left_alone(site):
    site.store_days(april(11))
    order = site.decide(april(11))
    version = other_version(site)
    assert site.carry_out(order) is None
    assert site.champion().version == version
    assert site.rows() == []


def test_promotion_is_refused_if_somebody_moved_the_alias_meanwhile(site):
    champion = site.champion()
    version = other_version(site)
    late = AliasMove(champion, "promotion", "training", "late", {}, replaces="17")
    with pytest.raises(RetryLaterError, match=f"moved from version 17 to {version} since"):
        promote(site.engine, site.training.registry, late)
    assert site.champion().version == version


def test_open_ab_test_keeps_its_champion(site):
    challenger = other_version(site, alias=None)
    start_ab_test(
        *(site.engine, site.training.registry),
        challenger_version=challenger,
        share=0.5,
        shadow=False,
        actor="ann",
        reason="try",
    )
    site.store_days(april(11))
    assert "A/B test 1 is open" in site.decide(april(11)).reason


def test_wrong_tags_of_the_open_month_stop_the_refresh(site):
    site.store_days(april(11))
    with site.engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE question_tags SET settled_tags = tags || '{poison}' "
                "WHERE asked_at >= '2023-04-01'"
            )
        )
    order = site.decide(april(11))
    assert order.cause == "surge"
    with pytest.raises(CheckFailedError, match=r"from 2023-04-01 on look wrong.*poison is on 100%"):
        site.carry_out(order)


def test_new_technology_surges_and_is_learned_within_days(database_url, mlflow_server, tmp_path):
    release = Event("2023-04", "tag_born", 0.3)
    site = OpenSite(make_site(database_url, mlflow_server), tmp_path, [release], 450)
    site.store_days(april(1))
    run(site.training, ["tfidf"], test_month=LAST)
    site.store_days(april(6))
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE datasets SET least_uses = 1000"))
    # To a model that knows no tag of fewer uses, other days brought as many new ones
    assert site.decide(april(6)).cause is None
    with site.engine.begin() as connection:
        connection.execute(text("UPDATE datasets SET least_uses = min_tag_count"))
    order = site.decide(april(6))
    assert order.cause == "surge"
    result = site.carry_out(order)
    assert (result.promoted, result.refresh_cause) == (True, "surge")
    assert result.new_tags == order.new_tags
    assert is_notable(result)
    site.engine.dispose()
