"""What a model suggested for each test question, kept so that comparing needs no training."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from include.errors import FixInputError, MissingDataError
from include.evaluation.evaluation import Ranking
from include.evaluation.metrics import score_questions
from include.registry.runs import Runs

FOLDER: Final = "results"
"""Where a run keeps these among its artifacts."""
_TABLE: Final = "questions.parquet"
_VOCABULARY: Final = "vocabulary.json"


@dataclass(frozen=True, slots=True)
class QuestionResults:
    """
    A model's suggestions for one month; the sequences run in parallel.

    Parameters
    ----------
    question_ids : sequence of int, length n
    ranking : Ranking
        Ten deep where the vocabulary allows.
    title_only : sequence of sequences of str, length n
        Suggested without the body; all empty if that was not asked.
    vocabulary : tuple of str
        What could have been suggested.
    """

    question_ids: Sequence[int]
    ranking: Ranking
    title_only: Sequence[Sequence[str]]
    vocabulary: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write a table and the vocabulary into ``folder``, made if absent."""
        folder.mkdir(parents=True, exist_ok=True)
        columns: Mapping[str, Sequence[object]] = {
            "question_id": self.question_ids,
            "tags": self.ranking.tags,
            "scores": self.ranking.scores,
            "title_only": self.title_only,
        }
        table = {name: [_plain(value) for value in values] for name, values in columns.items()}
        pd.DataFrame(table).to_parquet(folder / _TABLE, index=False)
        (folder / _VOCABULARY).write_text(json.dumps(self.vocabulary), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> QuestionResults:
        """
        Read what ``save`` wrote.

        Raises
        ------
        MissingDataError
            If a file is missing or unreadable.
        """
        try:
            table = pd.read_parquet(folder / _TABLE)
            vocabulary = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MissingDataError(f"{folder} holds no results of questions: {error}") from error
        columns = ("tags", "scores", "title_only")
        rows = {name: [list(value) for value in table[name]] for name in columns}
        return cls(
            question_ids=[int(value) for value in table["question_id"]],
            ranking=Ranking(rows["tags"], rows["scores"]),
            title_only=rows["title_only"],
            vocabulary=tuple(vocabulary),
        )

    def f1_all(
        self, question_ids: Sequence[int], true_tags: Sequence[Sequence[str]]
    ) -> NDArray[np.float64]:
        """
        Return F1@5 over all tags of the given questions, in their order.

        Tags settle late, so the truth is what is stored now, not what it was when this was kept.

        Raises
        ------
        FixInputError
            If a question is not among the results.
        """
        place = {question_id: row for row, question_id in enumerate(self.question_ids)}
        if missing := [question_id for question_id in question_ids if question_id not in place]:
            raise FixInputError(f"{len(missing)} questions have no result, {missing[0]} for one")
        ranked = [self.ranking.tags[place[question_id]] for question_id in question_ids]
        return score_questions(ranked, true_tags, self.vocabulary).f1_all(5)


def results_of(runs: Runs, run_id: str) -> QuestionResults:
    """
    Return what a run suggested for each question.

    Raises
    ------
    MissingDataError
        If the run kept no results.
    """
    with tempfile.TemporaryDirectory() as work:
        return QuestionResults.load(runs.fetch(run_id, FOLDER, Path(work)))


def _plain(value: object) -> object:
    """Return a tuple as a list, which is what Parquet knows."""
    return list(value) if isinstance(value, tuple) else value
