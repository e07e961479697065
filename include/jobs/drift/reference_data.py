"""The questions that later ones are compared with, and what models said that had not seen them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from include.candidates.base import Candidate, EncoderFactory, Suggestion
from include.candidates.catalogue import make_candidate
from include.drift.calibration import LARGEST_SAMPLE
from include.drift.reference import history_months, joined, reference_months
from include.drift.samples import Observed
from include.drift.unrest import PastVocabulary
from include.jobs.data.observations import (
    chosen,
    observe,
    observe_answers,
    thinned,
    unlearned_suggestions,
)
from include.jobs.drift.models import Live, tagged_questions
from include.months import month_start
from include.store.drift import JudgedMonth, judged_months
from include.store.drift_references import (
    ReferenceAnswers,
    ReferenceKey,
    read_reference,
    save_reference,
)
from include.store.questions import questions_per_month, tag_uses
from include.text.prepared import PreparedText

log = logging.getLogger(__name__)

LARGEST_REFERENCE: Final = 4 * LARGEST_SAMPLE
ENCODER_OF: Final = {"bert": "bert", "use": "use", "hybrid": "bert"}
"""Candidates whose texts are embedded anyway: their vectors are a drift signal at no cost."""


@dataclass(frozen=True)
class Reference:
    """
    What windows are compared with.

    Parameters
    ----------
    key : ReferenceKey
    months : tuple of str
    answered : Observed
        The reference's questions with suggestions of models that had not learned them.
    """

    key: ReferenceKey
    months: tuple[str, ...]
    answered: Observed


class References:
    """
    Finds what windows of a model are compared with; the costly part is stored and reused.

    Parameters
    ----------
    engine : Engine
    encoders : EncoderFactory
        Cached, so that nothing is embedded twice.
    site : str
    min_tag_count : int
        As in training, >= 1.
    seed : int
    """

    def __init__(
        self,
        engine: Engine,
        encoders: EncoderFactory,
        *,
        site: str,
        min_tag_count: int,
        seed: int,
    ) -> None:
        self._engine = engine
        self._encoders = encoders
        self._site = site
        self._min_tag_count = min_tag_count
        self._seed = seed

    def of(self, live: Live, before: str) -> Reference:
        """
        Return what windows of ``live`` are compared with; the costly part is stored and reused.

        Parameters
        ----------
        live : Live
        before : str
            Month to be checked: only verdicts on earlier months count.

        Raises
        ------
        MissingDataError
            If a month of the training window is not stored any more.
        """
        judged = self._judged(before)
        alarmed = {row.month for row in judged if row.verdict == "drift"}
        quiet = {
            row.month
            for row in judged
            if row.verdict == "quiet"
            and row.model_version == live.label
            and row.reference_last >= live.learned[-1]
        } - alarmed
        months = reference_months(live.learned, alarmed, quiet)
        learned = tuple(month for month in months if month <= live.learned[-1])
        parts = [self._answered(live, learned)]
        parts += [self.observed(live, month) for month in months[len(learned) :]]
        key = ReferenceKey(self._site, live.label, months[0], months[-1])
        return Reference(key, months, joined(parts))

    def history(self, live: Live) -> tuple[Observed, PastVocabulary]:
        """
        Return the latest months that the model may know, for the months' own unrest.

        Months of an alarm are among them: few, they hardly move robust estimates, and without them
        nothing would be known of unrest after an alarm, when it is needed most.
        """
        with self._engine.connect() as connection:
            stored = questions_per_month(connection, self._site)
        latest = history_months(live.learned[-1], stored)
        parts = [
            thinned(
                tagged_questions(self._engine, self._site, month, month), LARGEST_SAMPLE, self._seed
            )
            for month in latest
        ]
        with self._engine.connect() as connection:
            # Where a model learns from fewer months than these, no earlier use counts
            before = month_start(min(live.learned[0], latest[0])), month_start(latest[0])
            earlier = tag_uses(connection, self._site, *before)
        observed = joined(
            [
                observe(
                    part.texts,
                    part.asked_at,
                    tags=part.tags,
                    vectors=self.vectors(live, part.texts),
                )
                for part in parts
            ]
        )
        return observed, PastVocabulary(earlier, self._min_tag_count)

    def _judged(self, before: str) -> list[JudgedMonth]:
        with self._engine.connect() as connection:
            months = judged_months(connection, self._site)
        return [row for row in months if row.month < before]

    def observed(self, live: Live, month: str) -> Observed:
        """
        Describe a stored month and what ``live`` suggests for its questions.

        Raises
        ------
        MissingDataError
            If the month is not stored; the message names the command that gets it.
        """
        questions = thinned(
            tagged_questions(self._engine, self._site, month, month), LARGEST_SAMPLE, self._seed
        )
        return observe_answers(live.candidate, questions, self.vectors(live, questions.texts))

    def vectors(self, live: Live, texts: tuple[PreparedText, ...]) -> NDArray[np.float32] | None:
        """Return the texts' vectors where the model embeds them anyway."""
        encoder = ENCODER_OF.get(live.candidate.name)
        return self._encoders(encoder).encode(texts) if encoder and texts else None

    def _answered(self, live: Live, months: tuple[str, ...]) -> Observed:
        """Describe months of the training window, answered by models that had not learned them."""
        part = thinned(
            tagged_questions(self._engine, self._site, months[0], months[-1]),
            LARGEST_REFERENCE,
            self._seed,
        )
        ids = [text.key[1] for text in part.texts if text.key is not None]
        key = ReferenceKey(self._site, live.label, months[0], months[-1])
        with self._engine.connect() as connection:
            stored = read_reference(connection, key)
        if stored is None or not set(ids) <= stored.suggested.keys():
            stored = self._ask(live, ids)
            with self._engine.begin() as connection:
                save_reference(connection, key, stored)
        return observe(
            part.texts,
            part.asked_at,
            tags=part.tags,
            ranked=[[Suggestion(*pair) for pair in stored.suggested[i]] for i in ids],
            vocabulary=stored.vocabulary,
            vectors=self.vectors(live, part.texts),
        )

    def _ask(self, live: Live, ids: Sequence[int]) -> ReferenceAnswers:
        window = tagged_questions(self._engine, self._site, live.learned[0], live.learned[-1])
        wanted = set(ids)
        found = [text.key is not None and text.key[1] in wanted for text in window.texts]
        asked = np.array(found, dtype=np.bool_)
        ranked, vocabulary = unlearned_suggestions(
            self._maker(live), window, asked, self._min_tag_count, self._seed
        )
        suggested = {
            text.key[1]: tuple((s.tag, s.score) for s in row)
            for text, row in zip(chosen(window, asked).texts, ranked, strict=True)
            if text.key is not None
        }
        return ReferenceAnswers(vocabulary, suggested)

    def _maker(self, live: Live) -> Callable[[], Candidate]:
        return lambda: make_candidate(
            live.candidate.name, live.candidate.describe(), self._encoders
        )
