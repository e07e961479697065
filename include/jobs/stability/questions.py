"""The questions of a study's months, loaded once each, for drift checks and causes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from include.drift.calibration import MAX_SAMPLE
from include.drift.samples import DEPTH, Observations
from include.errors import MissingDataError
from include.jobs.data.datasets import tested_questions
from include.jobs.data.observations import observe, question_ids, sample_questions
from include.store.stability import Answers
from include.text.prepared import LabelledTexts


@dataclass(frozen=True, slots=True, eq=False)
class MonthQuestions:
    """
    A month's questions, and the observations of a sample of them.

    Parameters
    ----------
    ids : tuple of int, length n
        Oldest first.
    tags : tuple of tuples of str, length n
    test_id : str
        Hash of the questions.
    observations : Observations
        Of at most `MAX_SAMPLE` questions, with their tags.
    rows : ndarray of int
        Positions of the sampled questions among all.
    """

    ids: tuple[int, ...]
    tags: tuple[tuple[str, ...], ...]
    test_id: str
    observations: Observations
    rows: NDArray[np.intp]

    def with_answers(self, answers: Answers) -> Observations:
        """Return the observations with a model's answers; its scores are not stored."""
        scores = answers.scores.take(self.rows)
        return replace(
            self.observations,
            suggested=[[(tag, 0.0) for tag in answers.suggested[row][:DEPTH]] for row in self.rows],
            reachable=scores.reachable_count.tolist(),
            f1=scores.f1_all(DEPTH).tolist(),
            found=scores.found,
        )


class StudyQuestions:
    """
    A site's questions by month, loaded on first use.

    Parameters
    ----------
    load : callable
        Returns the questions from a first to a last month, both included.
    site : str
    seed : int
        Of the sample of a month with more questions than `MAX_SAMPLE`.
    """

    def __init__(self, load: Callable[[str, str], LabelledTexts], site: str, seed: int) -> None:
        self._load = load
        self._site = site
        self._seed = seed
        self._known: dict[str, MonthQuestions | None] = {}

    def of(self, month: str) -> MonthQuestions | None:
        """Return a month's questions, None if it has none with a tag."""
        if month not in self._known:
            self._known[month] = self._read(month)
        return self._known[month]

    def of_months(self, months: Sequence[str]) -> list[MonthQuestions]:
        """Return the questions of those months that have any."""
        found = [self.of(month) for month in months]
        return [questions for questions in found if questions is not None]

    def _read(self, month: str) -> MonthQuestions | None:
        try:
            questions, test_id = tested_questions(self._load(month, month), self._site)
        except MissingDataError:
            return None
        if not len(questions):
            return None
        ids = question_ids(questions)
        sample = sample_questions(questions, MAX_SAMPLE, self._seed)
        position = {number: row for row, number in enumerate(ids)}
        return MonthQuestions(
            ids=ids,
            tags=questions.tags,
            test_id=test_id,
            observations=observe(sample.texts, sample.asked_at, tags=sample.tags),
            rows=np.array([position[number] for number in question_ids(sample)], dtype=np.intp),
        )
