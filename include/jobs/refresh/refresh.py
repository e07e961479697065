"""
Refresh the champion between trainings: the steps of the DAG `refresh_champion`.

``tagkeeper refresh`` runs the same steps without Airflow.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from sqlalchemy import Connection

from include import names
from include.candidates.base import least_uses
from include.errors import MissingDataError
from include.evaluation.surge import PAST, SURGE_USES, PastSpan, past_spans
from include.jobs.data.datasets import latest_complete
from include.jobs.ingestion.completeness import stored_until
from include.jobs.refresh.rules import RefreshCause, RefreshState, decide_refresh, last_try
from include.jobs.training.pipeline import TrainingPipeline
from include.jobs.training.plan import CandidateSpec, TrainingRequest
from include.jobs.training.summary import short_note
from include.months import add_months, month_start
from include.notify.airflow_note import write_note
from include.registry import ModelVersion
from include.settings import Settings
from include.store.ab_tests import open_ab_test
from include.store.models import latest_promotion
from include.store.questions import questions_per_month, tag_uses, tags_between
from include.store.refreshes import (
    DatasetVocabulary,
    RefreshRecord,
    dataset_vocabulary,
    last_refresh_until,
    record_refresh,
    tagged_questions_per_day,
)
from include.store.tag_names import read_tag_names
from include.task_results import TaskResult, TrainingResult

log = logging.getLogger(__name__)

NOTABLE_NEW_TAGS: Final = 10
"""A refresh with at least this many new tags sends a mail, even if none of them surged."""


@dataclass(frozen=True, slots=True)
class RefreshOrder(TaskResult):
    """
    A refresh that was decided on, or the reason why none is made now.

    Parameters
    ----------
    cause : {"due", "surge", "requested"} or None
    reason : str
        One sentence for people.
    champion_version : str
        That is refreshed; empty without a cause.
    unseen_from, test_from, test_until : str
        ``YYYY-MM-DD``: what the champion has not learned begins with ``unseen_from``; the test is
        on the half-open range of the other two, up to which the refreshed model learns.
    new_tags : list of str
        Used `SURGE_USES` times or more since then, which the champion cannot suggest; most used
        first.
    """

    cause: RefreshCause | None
    reason: str
    champion_version: str = ""
    unseen_from: str = ""
    test_from: str = ""
    test_until: str = ""
    new_tags: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ChampionRefresh:
    """
    The steps of a refresh, each safe to run again.

    Parameters
    ----------
    pipeline : TrainingPipeline
        Of the site's database, MLflow server and settings.
    """

    pipeline: TrainingPipeline

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Connect to the database and the MLflow server of the settings."""
        return cls(TrainingPipeline.from_settings(settings))

    def decide(self, *, requested: bool = False, now: datetime | None = None) -> RefreshOrder:
        """
        Decide whether the champion is refreshed now; see `rules.decide_refresh`.

        No refresh is made while there is no champion or nobody knows up to when it has learned,
        while an A/B test keeps it in place, or while no day after the last whole month is stored.

        Parameters
        ----------
        requested : bool, default=False
            Whether somebody asks for one, due or not.
        now : datetime or None
            Aware; the current time if None.
        """
        settings, champion = self.pipeline.settings, self.pipeline.registry.alias(names.CHAMPION)
        if champion is None:
            return _none("there is no champion; trigger train_candidates")
        learned_until = champion.learned_until
        if learned_until is None or champion.tags.get("site") != settings.site:
            return _none(f"version {champion.version} was not trained on {settings.site} here")
        with self.pipeline.engine.connect() as connection:
            if test := open_ab_test(connection):
                return _none(f"A/B test {test.ab_test_id} is open, and its champion stays")
            reached = self._stored_until(connection, now or datetime.now(UTC))
            if reached is None:
                return _none("no day after the last whole month is stored")
            state, uses = self._state(connection, champion, learned_until, reached)
        decision = decide_refresh(state, settings.refresh_days, requested=requested)
        if decision.test_from is None:
            return RefreshOrder(None, decision.reason)
        often = [tag for tag, count in uses.items() if count >= SURGE_USES]
        return RefreshOrder(
            cause=decision.cause,
            reason=decision.reason,
            champion_version=champion.version,
            unseen_from=f"{learned_until:%Y-%m-%d}",
            test_from=f"{decision.test_from:%Y-%m-%d}",
            test_until=f"{reached:%Y-%m-%d}",
            new_tags=sorted(often, key=lambda tag: (-uses[tag], tag)),
        )

    def refresh(self, order: RefreshOrder, *, request_id: str, actor: str) -> TrainingResult | None:
        """
        Train, judge, and promote if the gate lets it pass; None if the champion is another now.

        Parameters
        ----------
        order : RefreshOrder
            With a cause.
        request_id, actor : str
            As in `TrainingRequest`: the same request again resumes its training.

        Raises
        ------
        MissingDataError
            If questions are missing; the message says what fetches them.
        CheckFailedError
            If the tags of the unseen questions look wrong, or the training failed.
        RetryLaterError
            If the champion is replaced while this runs.
        """
        champion = self.pipeline.registry.alias(names.CHAMPION)
        if champion is None or not self._is_concerned(order, champion, actor):
            log.warning(
                "the champion is not version %s any more: the next run decides anew",
                order.champion_version,
            )
            return None
        overrides: dict[str, Any] = json.loads(champion.tags.get("overrides") or "{}")
        request = TrainingRequest(
            request_id=request_id,
            actor=actor,
            reason=order.reason,
            candidates=(CandidateSpec(champion.candidate, overrides),),
            unseen_from=order.unseen_from,
            test_from=order.test_from,
            test_until=order.test_until,
        )
        plan = self.pipeline.plan(request)
        trained = [self.pipeline.train_one(plan, spec) for spec in plan.specs]
        result = self.pipeline.select(plan, trained)
        record = RefreshRecord(
            site=self.pipeline.settings.site,
            learned_until=plan.months.test_range[1],
            test_from=plan.months.test_range[0],
            cause=str(order.cause),
            reason=order.reason,
            champion_version=order.champion_version,
            training_run_id=plan.run_id,
            version=result.version if result.promoted else None,
            decision=result.reason,
            new_tags=order.new_tags,
        )
        with self.pipeline.engine.begin() as connection:
            record_refresh(connection, record)
        return replace(result, refresh_cause=str(order.cause), new_tags=order.new_tags)

    def _is_concerned(self, order: RefreshOrder, champion: ModelVersion, actor: str) -> bool:
        """Return whether the champion is still the one to refresh, or what this refresh made."""
        if champion.version == order.champion_version:
            return True
        with self.pipeline.engine.connect() as connection:
            last = latest_promotion(connection, names.CHAMPION)
        return last is not None and (last.actor, last.from_version, last.to_version) == (
            actor,
            order.champion_version,
            champion.version,
        )

    def _stored_until(self, connection: Connection, now: datetime) -> datetime | None:
        """Return the midnight up to which the month after the last whole one is stored, if any."""
        site = self.pipeline.settings.site
        try:
            whole = latest_complete(connection, site, now, questions_per_month(connection, site))
        except MissingDataError:
            return None
        month = add_months(whole, 1)
        reached = min(stored_until(connection, site, month), now).astimezone(UTC)
        midnight = reached.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if midnight.day > 1 else None

    def _state(
        self,
        connection: Connection,
        champion: ModelVersion,
        learned_until: datetime,
        reached: datetime,
    ) -> tuple[RefreshState, dict[str, int]]:
        """Return what decides, and the uses of new tags since the champion learned."""
        site = self.pipeline.settings.site
        vocabulary = self._vocabulary(connection, champion)
        tag_names = read_tag_names(connection, site)
        known = vocabulary.tags | frozenset(tag_names.of_all(vocabulary.tags))  # and of today
        attempted = last_refresh_until(connection, site)
        since = last_try(learned_until, attempted)

        def new_tag_uses(start: datetime) -> dict[str, int]:
            uses = tag_uses(connection, site, start, reached)
            return {tag: count for tag, count in uses.items() if tag not in known}

        uses = new_tag_uses(learned_until)
        state = RefreshState(
            learned_until=learned_until,
            attempted_until=attempted,
            stored_until=reached,
            questions_per_day=tagged_questions_per_day(connection, site, learned_until, reached),
            new_tag_uses=uses if since == learned_until else new_tag_uses(since),
            past=self._past_spans(connection, champion, vocabulary, since, (reached - since).days),
            false_surges_per_year=self.pipeline.settings.false_alarms_per_year,
        )
        return state, uses

    def _past_spans(
        self,
        connection: Connection,
        champion: ModelVersion,
        vocabulary: DatasetVocabulary,
        since: datetime,
        days: int,
    ) -> list[PastSpan]:
        """Return the spans before ``since`` that are as long, of what the champion learned from."""
        first = month_start(champion.tags["train_first"])  # what is before, it has never seen
        start = max(first, since - 2 * PAST)
        asked_at, tags = tags_between(connection, self.pipeline.settings.site, start, since)
        least = vocabulary.least_uses
        if least is None:  # the dataset is older than the record of it
            counts = Counter(tag for row in tags for tag in set(row))
            least = least_uses(counts.values(), self.pipeline.settings.min_tag_count)
        return past_spans(asked_at, tags, until=since, days=max(1, days), least_uses=least)

    def _vocabulary(self, connection: Connection, champion: ModelVersion) -> DatasetVocabulary:
        """Return what the champion can suggest."""
        vocabulary = dataset_vocabulary(connection, champion.tags.get("dataset_id", ""))
        if vocabulary is None:
            raise MissingDataError(
                f"the dataset of version {champion.version} is not in the database: train and "
                "promote a model with train_candidates"
            )
        return vocabulary


def decide_and_note(settings: Settings, run_id: str, *, requested: bool) -> dict[str, Any] | None:
    """Return the plain values of a `RefreshOrder`; without a cause None, and its reason as note."""
    order = ChampionRefresh.from_settings(settings).decide(requested=requested)
    log.info("%s", order.reason)
    if order.cause is None:
        write_note(settings, names.DAG_REFRESH, run_id, order.reason)
        return None
    return order.to_dict()


def refresh_and_note(settings: Settings, order: RefreshOrder, run_id: str) -> dict[str, Any] | None:
    """
    Carry out a refresh and write the note of the DAG run.

    Returns
    -------
    dict or None
        ``facts``, the plain values of the `TrainingResult`; ``notable``, whether people should get
        a mail. None if the champion is another one now.
    """
    result = ChampionRefresh.from_settings(settings).refresh(order, request_id=run_id, actor=run_id)
    if result is None:
        text = f"Version {order.champion_version} is not the champion any more: nothing was done."
        write_note(settings, names.DAG_REFRESH, run_id, text)
        return None
    write_note(settings, names.DAG_REFRESH, run_id, short_note(result, settings.mlflow_page))
    return {"facts": result.to_dict(), "notable": is_notable(result)}


def is_notable(result: TrainingResult) -> bool:
    """Return whether people should get a mail: a refusal, a surge, or many new tags."""
    surge = result.refresh_cause == "surge"
    return not result.promoted or surge or len(result.new_tags) >= NOTABLE_NEW_TAGS


def _none(why: str) -> RefreshOrder:
    return RefreshOrder(None, f"No refresh: {why}.")
