"""The plain loop of the brief: each month, clean everything again, fit everything again, evaluate."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, Encoder, EncoderFactory, vocabulary_of
from include.candidates.catalogue import make_candidate
from include.evaluation.metrics import QuestionScores, score_questions
from include.jobs.data.observations import in_months
from include.jobs.training.fit_and_score import rank_questions
from include.months import month_of
from include.questions import Question
from include.text.prepared import PreparedText
from tests.benchmarks.drift_loop import labelled, months_of

MonthPair = tuple[str, str]
PREPARE = "prepare"


@dataclass
class Looped:
    """
    What the loop found and what it took.

    Parameters
    ----------
    pairs : dict of candidate to dict of (model month, test month) to QuestionScores
    seconds : dict of month to dict of str to float
        `PREPARE`, and each candidate with what it embedded.
    """

    pairs: dict[str, dict[MonthPair, QuestionScores]] = field(default_factory=dict)
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)

    def total(self, months: Sequence[str], candidates: Sequence[str]) -> float:
        """Return the seconds of some months and candidates."""
        parts = (PREPARE, *candidates)
        return sum(self.seconds[month][part] for month in months for part in parts)


class MonthsEncoder:
    """
    Embeds a text once in each month of the loop, whichever candidate asks.

    The seven lines of a plain loop would embed for every candidate again: this is the loop at its
    best.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.name = encoder.name
        self.dimensions = encoder.dimensions
        self._encoder = encoder
        self._known: dict[tuple[str, int], NDArray[np.float32]] = {}

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        todo = [text for text in texts if text.key not in self._known]
        if todo:
            vectors = self._encoder.encode(todo)
            self._known |= {text.key: row for text, row in zip(todo, vectors, strict=True)}
        return np.stack([self._known[text.key] for text in texts])

    def forget(self) -> None:
        self._known.clear()


def run_loop(
    questions: Sequence[Question],
    months: Sequence[str],
    candidates: Sequence[str],
    encoders: EncoderFactory,
    min_tag_count: int,
    advance: Callable[[str], None],
) -> Looped:
    """
    Do a year in memory with the same preparation, candidates and figures as the platform.

    It is spared what the platform does beside: no database, no MLflow, no pictures, no report;
    earlier models stay in memory, and the encoders' weights are loaded once.
    """
    remembered: dict[str, MonthsEncoder] = {}

    def make(name: str) -> Encoder:
        return remembered.setdefault(name, MonthsEncoder(encoders(name)))

    done = Looped(pairs={name: {} for name in candidates})
    models: dict[str, dict[str, Candidate]] = {name: {} for name in candidates}
    for month in months:
        for encoder in remembered.values():
            encoder.forget()
        begun = time.perf_counter()
        data = labelled([each for each in questions if month_of(each.asked_at) <= month])
        before = [each for each in months_of(data) if each < month]
        train, test = data.take(in_months(data, before)), data.take(in_months(data, [month]))
        vocabulary = vocabulary_of(train.tags, min_tag_count)
        spent = done.seconds[month] = {PREPARE: time.perf_counter() - begun}
        for name in candidates:
            begun = time.perf_counter()
            candidate = make_candidate(name, None, make)
            models[name][month] = candidate.fit(train.texts, train.tags, vocabulary)
            for earlier, model in models[name].items():
                ranked = rank_questions(model, test, titles_too=False).ranking.tags
                scores = score_questions(ranked, test.tags, model.vocabulary)
                done.pairs[name][earlier, month] = scores
            spent[name] = time.perf_counter() - begun
        advance(f"loop, {month}: {sum(spent.values()):.1f} s")
    return done
