"""The data of the reference period, with out-of-fold predictions, and the history before it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from include.candidates.base import Candidate, EncoderFactory
from include.candidates.catalogue import make_candidate
from include.candidates.renamed import as_suggestions
from include.drift.calibration import MAX_SAMPLE
from include.drift.reference import concat, history_months, reference_months
from include.drift.samples import Observations
from include.drift.variability import PastVocabulary
from include.families import BY_NAME
from include.jobs.data.features import load_tagged
from include.jobs.data.fitting import memory_to_reserve
from include.jobs.data.observations import (
    fold_count,
    observe,
    observe_suggestions,
    out_of_fold_predictions,
    question_ids,
    sample_questions,
)
from include.jobs.drift.models import MonitoredModel
from include.memory_budget import MemoryBudget, reserved
from include.months import month_start
from include.store.drift import CheckedMonth, checked_months
from include.store.drift_references import (
    ReferenceAnswers,
    ReferenceKey,
    read_reference,
    save_reference,
)
from include.store.questions import questions_per_month, tag_uses
from include.store.tag_names import read_tag_names
from include.tag_names import TagNames
from include.text.prepared import PreparedText

log = logging.getLogger(__name__)

MAX_REFERENCE: Final = 4 * MAX_SAMPLE


@dataclass(frozen=True)
class Reference:
    """
    The reference period of a model.

    Parameters
    ----------
    key : ReferenceKey
    months : tuple of str
    observations : Observations
        The reference's questions, with predictions of models that were not fitted on them.
    question_count : int
        Questions of the period, of which the observations may be a sample.
    """

    key: ReferenceKey
    months: tuple[str, ...]
    observations: Observations
    question_count: int


@dataclass(frozen=True)
class Observed:
    """Observations of a period's questions, and how many it has: more, if they are a sample."""

    observations: Observations
    question_count: int


class References:
    """
    Builds the reference period of a model; the costly predictions are stored and reused.

    Parameters
    ----------
    engine : Engine
    encoders : EncoderFactory
        With a cache, so that no text is embedded twice.
    site : str
    seed : int
    memory : MemoryBudget or None
        That the machine's fits may take together; None for no limit.
    """

    def __init__(
        self,
        engine: Engine,
        encoders: EncoderFactory,
        *,
        site: str,
        seed: int,
        memory: MemoryBudget | None = None,
    ) -> None:
        self._engine = engine
        self._encoders = encoders
        self._site = site
        self._seed = seed
        self._memory = memory

    def of(self, model: MonitoredModel, before: str) -> Reference:
        """
        Return the reference period for a check; its costly predictions are stored and reused.

        Parameters
        ----------
        model : MonitoredModel
        before : str
            Month to be checked: only verdicts on earlier months count.

        Raises
        ------
        MissingDataError
            If a month of the training window is not stored any more.
        """
        checked = self._checked(before)
        alarmed = {row.month for row in checked if row.verdict == "drift"}
        quiet = {
            row.month
            for row in checked
            if row.verdict == "quiet"
            and row.model_version == model.label
            and row.reference_last >= model.training_months[-1]
        } - alarmed
        months = reference_months(model.training_months, alarmed, quiet)
        training = tuple(month for month in months if month <= model.training_months[-1])
        parts = [self._training_observations(model, training)]
        parts += [self.observed(model, month) for month in months[len(training) :]]
        key = ReferenceKey(self._site, model.label, months[0], months[-1])
        return Reference(
            key,
            months,
            concat([part.observations for part in parts]),
            sum(part.question_count for part in parts),
        )

    def history(self, model: MonitoredModel) -> tuple[Observations, PastVocabulary]:
        """
        Return the latest months before the analysis period, for the between-month variability.

        Months with an alarm are included: a few hardly change robust estimates, and without them
        there would be no estimate after an alarm, when it is needed most.
        """
        with self._engine.connect() as connection:
            stored = questions_per_month(connection, self._site)
        latest = history_months(model.training_months[-1], stored)
        parts = [
            sample_questions(
                load_tagged(self._engine, self._site, month, month), MAX_SAMPLE, self._seed
            )
            for month in latest
        ]
        with self._engine.connect() as connection:
            # With a training window shorter than the history, no earlier use counts
            before = month_start(min(model.training_months[0], latest[0])), month_start(latest[0])
            earlier = tag_uses(connection, self._site, *before)
        observed = concat(
            [
                observe(
                    part.texts,
                    part.asked_at,
                    tags=part.tags,
                    vectors=self.vectors(model, part.texts),
                )
                for part in parts
            ]
        )
        return observed, PastVocabulary(earlier, model.min_tag_count)

    def _checked(self, before: str) -> list[CheckedMonth]:
        with self._engine.connect() as connection:
            months = checked_months(connection, self._site)
        return [row for row in months if row.month < before]

    def observed(self, model: MonitoredModel, month: str) -> Observed:
        """
        Return a stored month's questions, `MAX_SAMPLE` at most, with the suggestions of ``model``.

        Raises
        ------
        MissingDataError
            If the month is not stored; the message names the command that ingests it.
        """
        stored = load_tagged(self._engine, self._site, month, month)
        sample = sample_questions(stored, MAX_SAMPLE, self._seed)
        vectors = self.vectors(model, sample.texts)
        return Observed(observe_suggestions(model.candidate, sample, vectors), len(stored))

    def tag_names(self) -> TagNames:
        """Return what the site's tags are called now."""
        with self._engine.connect() as connection:
            return read_tag_names(connection, self._site)

    def vectors(
        self, model: MonitoredModel, texts: Sequence[PreparedText]
    ) -> NDArray[np.float32] | None:
        """Return the texts' vectors if the model embeds texts, else None."""
        family = BY_NAME.get(model.candidate.name)
        encoder = family.drift_encoder if family else None
        return self._encoders(encoder).encode(texts) if encoder and texts else None

    def _training_observations(self, model: MonitoredModel, months: tuple[str, ...]) -> Observed:
        """Return months of the training window with out-of-fold predictions."""
        questions = load_tagged(self._engine, self._site, months[0], months[-1])
        part = sample_questions(questions, MAX_REFERENCE, self._seed)
        ids = question_ids(part)
        key = ReferenceKey(self._site, model.label, months[0], months[-1])
        with self._engine.connect() as connection:
            stored = read_reference(connection, key)
        names = self.tag_names()
        if stored is None or not set(ids) <= stored.suggested.keys():
            stored = self._predict_out_of_fold(model, ids)
            with self._engine.begin() as connection:
                save_reference(connection, key, stored)
        observations = observe(
            part.texts,
            part.asked_at,
            tags=part.tags,
            ranked=[as_suggestions(stored.suggested[i], names) for i in ids],
            vocabulary=frozenset(names.of_all(stored.vocabulary)),
            vectors=self.vectors(model, part.texts),
        )
        return Observed(observations, len(questions))

    def _predict_out_of_fold(self, model: MonitoredModel, ids: Sequence[int]) -> ReferenceAnswers:
        window = load_tagged(
            self._engine, self._site, model.training_months[0], model.training_months[-1]
        )
        selected = np.isin(question_ids(window), ids)
        tag_count = len(model.candidate.vocabulary)
        needed_mb = memory_to_reserve(model.candidate, len(window), tag_count)
        with reserved(self._memory, needed_mb, f"the reference of {model.candidate.name}"):
            ranked, vocabulary = out_of_fold_predictions(
                self._candidate_factory(model), window, selected, model.min_tag_count, self._seed
            )
        suggested = {
            number: tuple((s.tag, s.score) for s in row)
            for number, row in zip(question_ids(window.take(selected)), ranked, strict=True)
        }
        return ReferenceAnswers(fold_count(len(ids), len(window)), vocabulary, suggested)

    def _candidate_factory(self, model: MonitoredModel) -> Callable[[], Candidate]:
        return lambda: make_candidate(
            model.candidate.name, model.candidate.get_params(), self._encoders
        )
