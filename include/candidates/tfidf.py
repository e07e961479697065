"""
The strong linear baseline: words of title, prose and code, and mentions of the tag's own name.

Ridge regression on TF-IDF vectors scores every tag; a logistic regression shared by all tags
turns the score and the mentions into a chance. At serving time a question costs its few hundred
non-zero terms: their rows of the weights, mapped from disk, are summed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.folder import read_array, read_json, write_array, write_json
from include.candidates.labels import check_training, label_matrix
from include.candidates.mentions import MENTION_FEATURES, MentionFinder
from include.candidates.pairs import PairModel, latest_rows, score_features
from include.candidates.ridge import MAX_QUESTIONS, fit_ridge
from include.candidates.terms import term_counts
from include.candidates.vectoriser import Vectoriser
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText


@dataclass(frozen=True, slots=True)
class TfidfParameters:
    """
    What can be chosen.

    Parameters
    ----------
    title_weight : float, default=3.0
        How often a word of the title counts, against once in prose and code; >= 1.
    min_questions : int, default=2
        Questions that must use a word for it to be learned; >= 1.
    penalty : float, default=1.0
        Of the ridge regression; > 0.
    max_questions : int, default=20000
        The latest questions that are learned from; the kernel's memory grows with its square.
    """

    title_weight: float = 3.0
    min_questions: int = 2
    penalty: float = 1.0
    max_questions: int = MAX_QUESTIONS


class Tfidf(Candidate):
    """Words and mentions, linear; see the module."""

    name: ClassVar[str] = "tfidf"

    def __init__(self, parameters: TfidfParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Fit the ridge regression, then the pair model on its leave-one-out scores."""
        check_training(texts, tags, vocabulary)
        latest = slice(max(0, len(texts) - self.parameters.max_questions), None)
        texts, tags = texts[latest], tags[latest]
        self.vocabulary = tuple(vocabulary)
        counts = [term_counts(text, self.parameters.title_weight) for text in texts]
        self._vectoriser = Vectoriser.fit(counts, self.parameters.min_questions)
        matrix = self._vectoriser.matrix(counts)
        labels = label_matrix(tags, self.vocabulary)
        kernel = (matrix @ matrix.T).toarray()
        ridge = fit_ridge(kernel, labels, self.parameters.penalty)
        # Half precision: half the disk and memory for the same ranking.
        self._weights: NDArray[np.float16] = (matrix.T @ ridge.dual).astype(np.float16)
        self._mean = ridge.mean
        self._mentions = MentionFinder(self.vocabulary)
        rows = latest_rows(len(texts), len(self.vocabulary))
        features = [
            self._pair_features(text, scores)
            for text, scores in zip(texts[rows], ridge.left_out[rows], strict=True)
        ]
        self._pairs = PairModel.fit(np.stack(features), labels[rows])
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the chance of each tag; see `Candidate.score`."""
        if not texts:
            return np.zeros((0, len(self.vocabulary)), dtype=np.float32)
        features = np.stack([self._pair_features(text, self._linear(text)) for text in texts])
        return self._pairs.chance(features)

    def explain(self, text: PreparedText, tag: str, limit: int = 5) -> tuple[Reason, ...]:
        """Return the words and mentions that raised the log-odds of ``tag`` most."""
        if tag not in self.vocabulary:
            return ()
        column = self.vocabulary.index(tag)
        scores = self._linear(text)
        features = self._pair_features(text, scores)[column]
        weights = self._pairs.weights
        # How far the log-odds move with the ridge score, where this question stands.
        slope = weights[0] + weights[1] / max(float(scores[column]), 0.01)
        columns, values = self._vector(text)
        carried = values * self._weights[columns, column].astype(np.float32) * slope
        reasons = [
            Reason("word", self._vectoriser.terms[position], float(weight))
            for position, weight in zip(columns, carried, strict=True)
        ] + [
            Reason("mention", f"{tag}: {name}", float(weights[2 + index] * features[2 + index]))
            for index, name in enumerate(MENTION_FEATURES)
        ]
        strongest = sorted(reasons, key=lambda reason: (-reason.weight, reason.text))
        return tuple(reason for reason in strongest[:limit] if reason.weight > 0)

    def save(self, folder: Path) -> None:
        """Write the terms, the weights by term and tag, and ``tfidf.json``."""
        self._vectoriser.save(folder)
        write_array(folder, "weights.npy", self._weights)
        write_array(folder, "mean.npy", self._mean)
        state = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "pair_weights": self._pairs.weights.tolist(),
        }
        write_json(folder, "tfidf.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote, the weights mapped from disk; see `Candidate.load`."""
        state = read_json(folder, "tfidf.json")
        candidate = cls(TfidfParameters(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate._vectoriser = Vectoriser.load(folder)
        candidate._weights = read_array(folder, "weights.npy", mapped=True)
        candidate._mean = read_array(folder, "mean.npy")
        candidate._mentions = MentionFinder(candidate.vocabulary)
        candidate._pairs = PairModel.from_list(state["pair_weights"], 2 + len(MENTION_FEATURES))
        expected = (len(candidate._vectoriser.terms), len(candidate.vocabulary))
        if candidate._weights.shape != expected:
            raise ModelUnusableError(
                f"{folder / 'weights.npy'} has shape {candidate._weights.shape}, not {expected}"
            )
        return candidate

    def describe(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _vector(self, text: PreparedText) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        return self._vectoriser.vector(term_counts(text, self.parameters.title_weight))

    def _linear(self, text: PreparedText) -> NDArray[np.float32]:
        """Return the ridge scores of one text, from the rows of its own terms only."""
        columns, values = self._vector(text)
        return values @ self._weights[columns].astype(np.float32) + self._mean

    def _pair_features(
        self, text: PreparedText, scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return shape (n_vocabulary, 7): score, its logarithm, the mentions."""
        return np.concatenate([score_features(scores), self._mentions.find(text)], axis=1)
