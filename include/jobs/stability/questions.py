"""The questions of a study's months, loaded once each, as checks and causes look at them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from include.drift.calibration import LARGEST_SAMPLE
from include.drift.samples import DEPTH, Observed
from include.errors import MissingDataError
from include.jobs.data.datasets import tested_questions
from include.jobs.data.observations import observe, thinned
from include.store.stability import Answers
from include.text.prepared import LabelledTexts, PreparedText


@dataclass(frozen=True, slots=True, eq=False)
class MonthQuestions:
    """
    A month's questions.

    Parameters
    ----------
    ids : tuple of int, length n
        Oldest first.
    tags : tuple of tuples of str, length n
    test_id : str
        Hash of them.
    observed : Observed
        At most `LARGEST_SAMPLE` of them, with their tags.
    rows : ndarray of int
        Their places among all.
    """

    ids: tuple[int, ...]
    tags: tuple[tuple[str, ...], ...]
    test_id: str
    observed: Observed
    rows: NDArray[np.intp]

    def answered(self, answers: Answers) -> Observed:
        """Return the observed questions with what a model answered; its scores are not known."""
        scores = answers.scores.take(self.rows)
        return replace(
            self.observed,
            suggested=[[(tag, 0.0) for tag in answers.suggested[row][:DEPTH]] for row in self.rows],
            reachable=scores.reachable_count.tolist(),
            f1=scores.f1_all(DEPTH).tolist(),
            found=scores.found,
        )


class Questions:
    """
    A site's questions by month, loaded when first asked for.

    Parameters
    ----------
    load : callable
        Returns the questions from a first to a last month, both included.
    site : str
    seed : int
        Of the draw where a month has more questions than are looked at.
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

    def some(self, months: Sequence[str]) -> list[MonthQuestions]:
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
        ids = tuple(_id(text) for text in questions.texts)
        seen = thinned(questions, LARGEST_SAMPLE, self._seed)
        place = {number: row for row, number in enumerate(ids)}
        return MonthQuestions(
            ids=ids,
            tags=questions.tags,
            test_id=test_id,
            observed=observe(seen.texts, seen.asked_at, tags=seen.tags),
            rows=np.array([place[_id(text)] for text in seen.texts], dtype=np.intp),
        )


def _id(text: PreparedText) -> int:
    assert text.key is not None, "stored questions have keys"
    return text.key[1]
