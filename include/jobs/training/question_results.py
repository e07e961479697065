"""A model's suggestions for each test question, stored so that a comparison needs no training."""

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

from include.candidates.renamed import as_suggestions
from include.errors import FixInputError, MissingDataError
from include.evaluation.evaluation import Ranking
from include.evaluation.metrics import score_questions
from include.evaluation.suggested import ScoredTags
from include.registry.runs import Runs
from include.tag_names import TagNames

FOLDER: Final = "results"
"""Folder of the results among a run's artifacts."""
_TABLE: Final = "questions.parquet"
_VOCABULARY: Final = "vocabulary.json"


@dataclass(frozen=True, slots=True)
class QuestionResults:
    """
    A model's suggestions for one month; the sequences are parallel.

    Parameters
    ----------
    question_ids : sequence of int, length n
    ranking : Ranking
        Ten tags per question if the vocabulary has as many.
    title_only : sequence of sequences of str, length n
        Suggestions without the body; all empty if they were not requested.
    vocabulary : tuple of str
        The tags that the model can suggest.
    """

    question_ids: Sequence[int]
    ranking: Ranking
    title_only: Sequence[Sequence[str]]
    vocabulary: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write a table and the vocabulary into ``folder``, which is made if needed."""
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
        Load what ``save`` wrote.

        Raises
        ------
        MissingDataError
            If a file is missing or unreadable.
        """
        try:
            table = pd.read_parquet(folder / _TABLE)
            vocabulary = json.loads((folder / _VOCABULARY).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise MissingDataError(f"{folder} contains no results of questions: {error}") from error
        columns = ("tags", "scores", "title_only")
        rows = {name: [list(value) for value in table[name]] for name in columns}
        return cls(
            question_ids=[int(value) for value in table["question_id"]],
            ranking=Ranking(rows["tags"], rows["scores"]),
            title_only=rows["title_only"],
            vocabulary=tuple(vocabulary),
        )

    def renamed(self, names: TagNames) -> QuestionResults:
        """Return the same suggestions by the names that tags have now, without retired tags."""
        if names.canonical.keys().isdisjoint(self.vocabulary):
            return self
        rows = [
            as_suggestions(zip(tags, scores, strict=True), names)
            for tags, scores in zip(self.ranking.tags, self.ranking.scores, strict=True)
        ]
        return QuestionResults(
            question_ids=self.question_ids,
            ranking=Ranking(
                [[item.tag for item in row] for row in rows],
                [[item.score for item in row] for row in rows],
            ),
            title_only=[names.of_all(tags) for tags in self.title_only],
            vocabulary=tuple(sorted(names.of_all(self.vocabulary))),
        )

    def f1_all(
        self, question_ids: Sequence[int], true_tags: Sequence[Sequence[str]]
    ) -> NDArray[np.float64]:
        """
        Return F1@5 over all tags of the given questions, in their order.

        Tags change after a question was asked: the true tags are those stored now, not those at the
        time of the evaluation.

        Raises
        ------
        FixInputError
            If a question is not among the results.
        """
        ranked = [self.ranking.tags[row] for row in self._rows(question_ids)]
        return score_questions(ranked, true_tags, self.vocabulary).f1_all(5)

    def f1_suggested(
        self, question_ids: Sequence[int], true_tags: Sequence[Sequence[str]]
    ) -> NDArray[np.float64]:
        """
        Return the F1 of the tags suggested outright for the given questions, in their order.

        Raises
        ------
        FixInputError
            If a question is not among the results.
        """
        rows = self._rows(question_ids)
        tags = [self.ranking.tags[row] for row in rows]
        scores = [self.ranking.scores[row] for row in rows]
        return ScoredTags.of(tags, scores, true_tags).suggested().f1

    def _rows(self, question_ids: Sequence[int]) -> list[int]:
        """Return the positions of questions; FixInputError for one without a result."""
        rows = {question_id: row for row, question_id in enumerate(self.question_ids)}
        if missing := [question_id for question_id in question_ids if question_id not in rows]:
            raise FixInputError(
                f"{len(missing)} questions have no result, for example {missing[0]}"
            )
        return [rows[question_id] for question_id in question_ids]


def load_results(runs: Runs, run_id: str) -> QuestionResults:
    """
    Return the suggestions that a run stored for each question.

    Raises
    ------
    MissingDataError
        If the run stored no results.
    """
    with tempfile.TemporaryDirectory() as work:
        return QuestionResults.load(runs.fetch(run_id, FOLDER, Path(work)))


def _plain(value: object) -> object:
    """Return a tuple as a list, since Parquet has no tuples."""
    return list(value) if isinstance(value, tuple) else value
