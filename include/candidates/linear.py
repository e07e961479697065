"""
Words and mentions, learned from every question of a window of any length.

First stage: a ridge regression for each tag on TF-IDF vectors, on a sample of the questions that
holds all that tell the tag from others (`include.candidates.sparse_ridge`). Second stage: the
reranker of tfidf, on a shortlist of the best tags and those that the question names. It is fitted
to scores of questions that the first stage had not seen: by folds in a small window, the latest
part in a large one. Time and memory grow linearly with the number of questions.

At serving time, a question's score is the sum of the weights of its few hundred terms, which are
memory-mapped from disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.explanations import mention_reasons, score_slopes, strongest
from include.candidates.held_out import (
    CALIBRATED_ON,
    calibrate_pairs,
    calibration_state,
    stored_calibration,
)
from include.candidates.labels import check_training_data, label_matrix
from include.candidates.mentions import MENTION_FEATURES, MentionFinder
from include.candidates.model_files import read_array, read_json, write_array, write_json
from include.candidates.reranker import MAX_TRAINING_PAIRS, Reranker
from include.candidates.shortlist import N_FEATURES, Shortlist
from include.candidates.sparse_ridge import TagRegressions
from include.candidates.sparse_weights import SparseWeights
from include.candidates.tag_trends import TagHistory
from include.candidates.term_vectors import TermVectors
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText, take_texts

_FOLDS: Final = 5
_MAX_QUESTIONS_IN_FOLDS: Final = 10_000
"""Windows up to this size teach the reranker by folds, larger ones by their latest part."""
_HELD_OUT_SHARE: Final = 0.15
_MAX_HELD_OUT: Final = 20_000
_MB_PER_QUESTION: Final = 0.007
"""Memory of its counts and vectors, as measured on simulated questions of 145 different terms."""
_BATCH_SIZE: Final = 500
"""Texts scored at once: limits the memory for the scores of a large vocabulary."""


@dataclass(frozen=True, slots=True)
class LinearParameters:
    """
    Parameters of `Linear`.

    Parameters
    ----------
    title_weight : float, default=3.0
        Factor on the counts of words in the title; >= 1.
    min_questions : int, default=2
        Minimum document frequency of a word; >= 1.
    max_terms : int, default=400000
        Terms known at most, the most frequent; a worker needs some 150 bytes for each.
    penalty : float, default=2.0
        Of the ridge regressions; > 0.
    hard_negatives : int, default=50
        Nearest tags that each question is an example against; >= 1.
    centroid_terms : int, default=400
        Terms by which the nearest tags are found; >= 1.
    background : int, default=4000
        Size of the sample of questions that every tag is compared with; >= 1.
    max_background_weight : float, default=10.0
        Limit on how many questions one of the background counts for; >= 1.
    max_weights : int, default=20000000
        Weights kept at most, over all tags; eight bytes each.
    tolerance : float, default=0.02
        Of the solver, relative; > 0.
    shortlist : int, default=50
        Tags for the reranker, besides those that the question names; >= 1.
    seed : int, default=0
        Of the background sample.
    """

    title_weight: float = 3.0
    min_questions: int = 2
    max_terms: int = 400_000
    penalty: float = 2.0
    hard_negatives: int = 50
    centroid_terms: int = 400
    background: int = 4_000
    max_background_weight: float = 10.0
    max_weights: int = 20_000_000
    tolerance: float = 0.02
    shortlist: int = 50
    seed: int = 0

    @property
    def regressions(self) -> TagRegressions:
        """How the first stage is fitted."""
        return TagRegressions(
            penalty=self.penalty,
            hard_negatives=self.hard_negatives,
            centroid_terms=self.centroid_terms,
            background=self.background,
            max_background_weight=self.max_background_weight,
            max_weights=self.max_weights,
            tolerance=self.tolerance,
            seed=self.seed,
        )


class Linear(Candidate):
    """Words and mentions at any size; see the module."""

    name: ClassVar[str] = "linear"

    def __init__(self, parameters: LinearParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters

    def fit_memory_mb(self, question_count: int, tag_count: int) -> float:
        """Return the size of counts, vectors and weights; see `Candidate.fit_memory_mb`."""
        weights = min(self.parameters.max_weights, 145 * question_count * tag_count)
        return _MB_PER_QUESTION * question_count + 24e-6 * weights

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Fit the reranker on held-out questions, then the first stage; see `Candidate.fit`."""
        check_training_data(texts, tags, vocabulary)
        parameters = self.parameters
        self.vocabulary = tuple(vocabulary)
        self._mentions = MentionFinder(self.vocabulary)
        labels = label_matrix(tags, self.vocabulary)
        self._terms, vectors = TermVectors.fit(
            texts, parameters.title_weight, parameters.min_questions, parameters.max_terms
        )
        history = TagHistory(labels)
        self._set_tag_features(
            np.stack([np.log1p(history.counts), history.latest_trends()], axis=1, dtype=np.float32)
        )
        self._reranker = self._fit_reranker(texts, vectors, labels, history)
        self._weights = self._fit_first_stage(vectors, labels)
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the probability of each tag, 0 for those off the shortlist; see the base class."""
        probabilities = np.zeros((len(texts), len(self.vocabulary)), dtype=np.float32)
        for start in range(0, len(texts), _BATCH_SIZE):
            batch = list(texts[start : start + _BATCH_SIZE])
            scores = np.stack([self._weights.score(*self._terms.vector(text)) for text in batch])
            pairs = self._shortlist(batch, scores)
            features = pairs.features(
                self._log_counts[pairs.columns], self._latest_trends[pairs.columns]
            )
            found = self._reranker.predict_proba(features)
            probabilities[start + pairs.rows, pairs.columns] = found
        return probabilities

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        """Return the words and mentions that raised each tag's log-odds most."""
        known = [tag for tag in tags if tag in self._column_of]
        if not known:
            return [()] * len(tags)
        columns = [self._column_of[tag] for tag in known]
        term_columns, values = self._terms.vector(text)
        contributions = self._weights.contributions(term_columns, values, columns)
        mentions = self._mentions.find_dense(text)[columns]
        reranker = self._reranker.weights
        reasons = {}
        for number, tag in enumerate(known):
            score = self._weights.intercept[columns[number]] + contributions[:, number].sum()
            (slope,) = score_slopes(reranker, [float(score)])
            by_word = slope * contributions[:, number]
            found = mention_reasons(
                tag, reranker[-1 - len(MENTION_FEATURES) : -1], mentions[number]
            )
            found += [
                Reason("word", self._terms.terms[term_columns[row]], float(by_word[row]))
                for row in np.argsort(-by_word, kind="stable")[:limit]
            ]
            reasons[tag] = strongest(found, limit)
        return [reasons.get(tag, ()) for tag in tags]

    def save(self, folder: Path) -> None:
        """Write the terms, the weights, ``tag_facts.npy`` and ``linear.json``."""
        self._terms.save(folder)
        self._weights.save(folder)
        write_array(folder, "tag_facts.npy", self._tag_features)
        state = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "pair_weights": self._reranker.weights.tolist(),
            "calibration": calibration_state(self.calibration),
        }
        write_json(folder, "linear.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote, with the weights memory-mapped; see `Candidate.load`."""
        state = read_json(folder, "linear.json")
        candidate = cls(LinearParameters(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate.calibration = stored_calibration(state)
        size = len(candidate.vocabulary)
        candidate._mentions = MentionFinder(candidate.vocabulary)
        candidate._terms = TermVectors.load(folder, candidate.parameters.title_weight)
        candidate._weights = SparseWeights.load(folder, len(candidate._terms.terms), size)
        candidate._set_tag_features(read_array(folder, "tag_facts.npy"))
        if candidate._tag_features.shape != (size, 2):
            raise ModelUnusableError(f"{folder}: tag_facts.npy does not fit the vocabulary")
        candidate._reranker = Reranker.from_list(state["pair_weights"], N_FEATURES)
        return candidate

    def get_params(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _set_tag_features(self, features: NDArray[np.float32]) -> None:
        """Set the log count and the trend of each tag, shape (n_vocabulary, 2)."""
        self._tag_features = features
        self._log_counts, self._latest_trends = features.T
        self._column_of = {tag: column for column, tag in enumerate(self.vocabulary)}

    def _fit_first_stage(self, vectors: sp.csr_array, labels: sp.csr_array) -> SparseWeights:
        mean = np.asarray(labels.mean(axis=0), dtype=np.float32).ravel()
        return SparseWeights(self.parameters.regressions.fit(vectors, labels), mean)

    def _fit_reranker(
        self,
        texts: Sequence[PreparedText],
        vectors: sp.csr_array,
        labels: sp.csr_array,
        history: TagHistory,
    ) -> Reranker:
        """
        Fit to scores of questions by regressions that were fitted without them; and calibrate.

        The calibration is of the latest of these questions.
        """
        features, truth, questions = [], [], []
        for learned, held_out in _splits(len(texts)):
            weights = self._fit_first_stage(_rows(vectors, learned), _rows(labels, learned))
            for start in range(0, len(held_out), _BATCH_SIZE):
                rows = held_out[start : start + _BATCH_SIZE]
                batch = list(take_texts(texts, rows))
                pairs = self._shortlist(batch, weights.score_rows(vectors[rows]))
                at = rows[pairs.rows]
                trends = history.trends(pairs.columns, at)
                features.append(pairs.features(self._log_counts[pairs.columns], trends))
                truth.append(np.asarray(labels[at, pairs.columns]).ravel())
                questions.append(at)
        X, y, question = map(np.concatenate, (features, truth, questions))
        latest = slice(-MAX_TRAINING_PAIRS, None)
        reranker = Reranker.fit(X[latest], y[latest])
        recent = question >= len(texts) - CALIBRATED_ON
        scores = reranker.predict_proba(X[recent])
        self.calibration = calibrate_pairs(question[recent], scores, y[recent])
        return reranker

    def _shortlist(self, texts: Sequence[PreparedText], scores: NDArray[np.float32]) -> Shortlist:
        mentions = [self._mentions.find(text) for text in texts]
        return Shortlist.of_scores(scores, mentions, self.parameters.shortlist)


def _splits(n: int) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Yield the rows to fit on and the rows held out: folds, or the latest part as the latter."""
    rows = np.arange(n)
    if n > _MAX_QUESTIONS_IN_FOLDS:
        held_out = min(_MAX_HELD_OUT, int(n * _HELD_OUT_SHARE))
        yield rows[:-held_out], rows[-held_out:]
        return
    for fold in range(_FOLDS):
        yield rows[rows % _FOLDS != fold], rows[rows % _FOLDS == fold]


def _rows(matrix: sp.csr_array, rows: NDArray[np.intp]) -> sp.csr_array:
    """Return rows in ascending order; a view of the matrix if they are its first ones."""
    if len(rows) and rows[-1] == len(rows) - 1:
        end = matrix.indptr[len(rows)]
        parts = (matrix.data[:end], matrix.indices[:end], matrix.indptr[: len(rows) + 1])
        return sp.csr_array(parts, shape=(len(rows), matrix.shape[1]))
    return matrix[rows]
