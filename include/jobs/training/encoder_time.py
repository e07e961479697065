"""
How many questions a training embeds, within the minutes that it may take for that.

An encoder takes some tens of questions a second, so a large site's month would take hours before
anything is trained. A model that needs vectors then learns from fewer of its window's latest
questions, and all candidates are tested on the same sample of the month. The time is that of the
vectors that are not stored yet, by the speed that was measured on this machine. A decision is
stored and stays, so that a training that is repeated, on whatever machine, uses the same questions.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from include.candidates.base import Encoder, EncoderFactory
from include.capacity import machine_label
from include.jobs.data.datasets import TrainingData
from include.jobs.data.month_samples import sampling_order
from include.store.encoder_time import (
    EncoderSample,
    embedded_texts,
    read_encoder_rates,
    read_encoder_sample,
    record_encoder_sample,
)
from include.store.features import text_key
from include.text.prepared import LabelledTexts, PreparedText, take_texts

log = logging.getLogger(__name__)

LEAST_QUESTIONS: Final = 100
"""Are embedded whatever it takes: a model of fewer is none."""
_SURE_TEXT_S: Final = 1.0
"""Every encoder in use takes less for a text, so nothing needs to be measured for few of them."""
_MEASURED_TEXTS: Final = 96
"""Embedded to measure the speed of an encoder that has not worked on this machine yet."""
_TEXTS_PER_READ: Final = 10_000

Form = tuple[str, bool]
"""An encoder's own name, and whether it embeds titles alone."""


@dataclass(frozen=True)
class EncoderTime:
    """
    Decides how many questions are embedded; see the module.

    Parameters
    ----------
    engine : Engine
    encoders : EncoderFactory
        Cached; see `include.jobs.data.features.cached_encoders`.
    limit_minutes : float
        For the questions that a model learns from, and again for those that it is tested on; > 0.
    machine : str
        See `include.capacity.machine_label`.
    """

    engine: Engine
    encoders: EncoderFactory
    limit_minutes: float
    machine: str = field(default_factory=machine_label)

    def to_learn(
        self, encoder_names: Sequence[str], data: TrainingData, question_limit: int | None
    ) -> EncoderSample | None:
        """
        Return how many of a window's latest questions a candidate can learn from.

        Parameters
        ----------
        encoder_names : sequence of str
            Of the candidate; see `Candidate.encoder_names`.
        data : TrainingData
        question_limit : int or None
            The candidate's own; see `Candidate.question_limit`.

        Returns
        -------
        EncoderSample or None
            None if there are so few that nothing had to be decided.
        """
        count = len(data.questions)
        latest_first = np.arange(count)[::-1][: question_limit or count]
        texts = take_texts(data.questions.texts, latest_first)
        return self._sample(data.dataset_id, encoder_names, texts, titles_too=False)

    def to_test(
        self, encoder_names: Sequence[str], questions: LabelledTexts, test_id: str
    ) -> EncoderSample | None:
        """
        Return how many of a month's questions candidates are tested on, drawn by `sampling_order`.

        Each is embedded with and without its body.

        Parameters
        ----------
        encoder_names : sequence of str
            Of all candidates that are compared.
        questions : LabelledTexts
            All of the month.
        test_id : str
            Their hash.

        Returns
        -------
        EncoderSample or None
            As in `to_learn`.
        """
        if not encoder_names:
            return None
        texts = take_texts(questions.texts, sampling_order(questions))
        return self._sample(test_id, encoder_names, texts, titles_too=True)

    def _sample(
        self,
        data_id: str,
        encoder_names: Sequence[str],
        texts: Sequence[PreparedText],
        *,
        titles_too: bool,
    ) -> EncoderSample | None:
        """Return the decision about texts, which come in the order of preference."""
        titles = (False, True) if titles_too else (False,)
        limit_s = 60 * self.limit_minutes
        if len(texts) * len(encoder_names) * len(titles) * _SURE_TEXT_S <= limit_s:
            return None
        encoders = {one.name: one for one in map(self.encoders, encoder_names)}
        names, count = sorted(encoders), len(texts)
        with self.engine.connect() as connection:
            stored = self._stored(connection, data_id, names, count)
        if stored is not None:
            return stored
        forms = [(name, title_only) for name in names for title_only in titles]
        seconds = self._seconds(encoders, texts, forms)
        affordable = int(np.searchsorted(seconds.cumsum(), limit_s, side="right"))
        decided = EncoderSample(
            question_count=count,
            sample_count=min(count, max(LEAST_QUESTIONS, affordable)),
            minutes=float(seconds.sum()) / 60,
            limit_minutes=self.limit_minutes,
        )
        with self.engine.begin() as connection:
            record_encoder_sample(connection, data_id, names, decided, self.machine)
            # another process may have decided meanwhile
            decided = self._stored(connection, data_id, names, count) or decided
        if decided.sample_count < count:
            log.warning("%s: %s", " and ".join(encoder_names), reason(decided))
        return decided

    def _stored(
        self, connection: Connection, data_id: str, names: Sequence[str], count: int
    ) -> EncoderSample | None:
        """Return the decision about ``count`` questions of some data, if there is one."""
        return read_encoder_sample(
            connection, data_id, names, question_count=count, limit_minutes=self.limit_minutes
        )

    def _seconds(
        self, encoders: dict[str, Encoder], texts: Sequence[PreparedText], forms: Sequence[Form]
    ) -> NDArray[np.float64]:
        """Return the seconds that each text's missing vectors will take, shape (n,)."""
        missing = self._missing(texts, forms)
        known = self._text_seconds(list(encoders))
        for name, title_only in forms:
            rows = np.flatnonzero(missing[name, title_only])
            if (name, title_only) in known or not len(rows):
                continue
            # far apart, so that they are of many chunks: the first one, which may load the
            # encoder's model, is not timed
            apart = rows[:: max(1, len(rows) // _MEASURED_TEXTS)][:_MEASURED_TEXTS]
            probe = take_texts(texts, apart)
            encoders[name].encode([_title(text) for text in probe] if title_only else list(probe))
            known |= self._text_seconds([name])
        seconds = np.zeros(len(texts))
        for form in forms:
            seconds += missing[form] * known.get(form, _SURE_TEXT_S)
        return seconds

    def _text_seconds(self, names: Sequence[str]) -> dict[Form, float]:
        """Return what was measured on this machine."""
        with self.engine.connect() as connection:
            return read_encoder_rates(connection, self.machine, names)

    def _missing(
        self, texts: Sequence[PreparedText], forms: Sequence[Form]
    ) -> dict[Form, NDArray[np.bool_]]:
        """Return which texts have no vector yet, each of shape (n,); texts are read in parts."""
        missing = {form: np.zeros(len(texts), dtype=np.bool_) for form in forms}
        with self.engine.connect() as connection:
            for first in range(0, len(texts), _TEXTS_PER_READ):
                part = list(texts[first : first + _TEXTS_PER_READ])
                keys = {False: [text_key(text) for text in part]}
                if any(title_only for _, title_only in forms):
                    keys[True] = [text_key(_title(text)) for text in part]
                for name, title_only in forms:
                    stored = embedded_texts(connection, name, keys[title_only])
                    missing[name, title_only][first : first + len(part)] = [
                        key not in stored for key in keys[title_only]
                    ]
        return missing


def reason(sample: EncoderSample) -> str:
    """
    Return why not all questions are embedded, for people.

    Examples
    --------
    >>> print(reason(EncoderSample(66_000, 20_500, minutes=193.2, limit_minutes=60)))
    20,500 of 66,000 questions, as all would take 193 minutes of encoders and ENCODER_MINUTES is 60
    """
    return (
        f"{sample.sample_count:,} of {sample.question_count:,} questions, as all would take "
        f"{sample.minutes:,.0f} minutes of encoders and ENCODER_MINUTES is "
        f"{sample.limit_minutes:g}"
    )


def _title(text: PreparedText) -> PreparedText:
    """Return the title alone, as `fit_and_score.rank_questions` embeds it."""
    return replace(text, prose="", code="")
