"""
The first stage of tfidf, bert, use and hybrid: kernel ridge regressions of all tags.

A view is one representation of the questions: their words, or an encoder's embeddings. Each
regression uses the weighted sum of the kernels of one or more views.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.base import Encoder, EncoderFactory, Reason
from include.candidates.kernel_ridge import fit_forward
from include.candidates.model_files import read_array, read_json, write_array, write_json
from include.candidates.time_blocks import Block
from include.candidates.views import EmbeddingView, TermView, half_precision, similarity
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

TERMS: Final = "terms"
"""Name of the view of words; the other views have the names of their encoders."""

_MAX_NEIGHBOURS: Final = 20
"""Training questions that an explanation considers at most."""


@dataclass(frozen=True, slots=True)
class RidgeSpec:
    """One kernel ridge regression: the weight of each view's kernel, and the penalty."""

    kernel_weights: Mapping[str, float]
    penalty: float


@dataclass(frozen=True, slots=True)
class StackSpec:
    """
    The parts of a two-stage family.

    Parameters
    ----------
    ridges : tuple of RidgeSpec
    mentions : bool
        Whether the reranker has the mentions of tags in the question as features.
    max_questions : int
        Number of the latest questions to train on; memory grows with its square.
    title_weight : float, default=3.0
    min_questions : int, default=2
        Of the view of words, as in `TermView.fit`.
    """

    ridges: tuple[RidgeSpec, ...]
    mentions: bool
    max_questions: int
    title_weight: float = 3.0
    min_questions: int = 2

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views, in the order of their first use."""
        return tuple(dict.fromkeys(name for ridge in self.ridges for name in ridge.kernel_weights))

    def ridges_using(self, view: str) -> list[int]:
        """Return the indices of the regressions that use a view."""
        return [index for index, ridge in enumerate(self.ridges) if view in ridge.kernel_weights]


@dataclass(slots=True)
class FirstStage:
    """
    The fitted ridge regressions.

    Parameters
    ----------
    spec : StackSpec
    mean : ndarray of float32, shape (n_vocabulary,)
        Share of training questions that have each tag: the intercept of every score.
    terms : TermView or None
    embeddings : dict of str to EmbeddingView
        By the encoder's name in the spec. Each view has a block of outputs for each regression
        that uses it.
    questions : list of (int or None, str)
        Id and title of the training questions, for explanations; empty without embeddings.
    """

    spec: StackSpec
    mean: NDArray[np.float32]
    terms: TermView | None = None
    embeddings: dict[str, EmbeddingView] = field(default_factory=dict)
    questions: list[tuple[int | None, str]] = field(default_factory=list)

    @classmethod
    def fit(
        cls,
        spec: StackSpec,
        encoders: EncoderFactory,
        texts: Sequence[PreparedText],
        labels: NDArray[np.float32],
        blocks: Sequence[Block],
    ) -> tuple[Self, NDArray[np.float32]]:
        """
        Return the stage, and forward scores of the blocks' questions.

        Their shape is (n_ridges, n_scored, n_vocabulary). Terms and their weights are those of all
        questions, as they do not depend on tags.
        """
        stage = cls(spec, labels.mean(axis=0))
        kernels, rows = stage._fit_views(texts, encoders)
        dual_coefs, scores = [], []
        for ridge in spec.ridges:
            kernel = np.zeros((len(texts), len(texts)), dtype=np.float32)
            for name, weight in ridge.kernel_weights.items():
                kernel += np.float32(weight) * kernels[name]
            fitted = fit_forward(kernel, labels, ridge.penalty, blocks)
            dual_coefs.append(fitted.dual_coef)
            scores.append(fitted.scores)
        for name in spec.views:
            outputs = [
                dual_coefs[index] * spec.ridges[index].kernel_weights[name]
                for index in spec.ridges_using(name)
            ]
            stage._set_outputs(name, rows, np.concatenate(outputs, axis=1))
        return stage, np.stack(scores)

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return each regression's scores, shape (n_ridges, n_texts, n_vocabulary)."""
        size = len(self.mean)
        scores = np.empty((len(self.spec.ridges), len(texts), size), dtype=np.float32)
        scores[:] = self.mean
        for name in self.spec.views:
            outputs = self._view(name).score(texts)
            for block, index in enumerate(self.spec.ridges_using(name)):
                scores[index] += outputs[:, block * size : (block + 1) * size]
        return scores

    def evidence(self, text: PreparedText) -> Evidence:
        """Return what the views found in a text, from which tags are explained one by one."""
        return Evidence(
            self,
            None if self.terms is None else self.terms.vectors.vector(text),
            {name: view.similarity([text])[0] for name, view in self.embeddings.items()},
        )

    def save(self, folder: Path) -> None:
        """Write the views' arrays, ``mean.npy`` and the training questions' titles."""
        write_array(folder, "mean.npy", self.mean)
        if self.terms is not None:
            self.terms.save(folder)
        for name, view in self.embeddings.items():
            view.save(folder, name)
        if self.embeddings:
            write_json(folder, "questions.json", self.questions)

    @classmethod
    def load(
        cls,
        folder: Path,
        spec: StackSpec,
        encoders: EncoderFactory,
        trained_with: Mapping[str, str],
        size: int,
    ) -> Self:
        """
        Read what ``save`` wrote; encoders are created but compute nothing yet.

        Parameters
        ----------
        folder : Path
        spec : StackSpec
            The one that it was fitted with.
        encoders : callable
        trained_with : mapping of str to str
            Full name of each encoder at training time.
        size : int
            Number of tags in the vocabulary.

        Raises
        ------
        ModelUnusableError
            If a file is missing or wrong, or an encoder is not the one trained with.
        """
        stage = cls(spec, read_array(folder, "mean.npy"))
        for name in spec.views:
            if name == TERMS:
                stage.terms = TermView.load(folder, spec.title_weight)
            else:
                encoder = _check_encoder(folder, encoders(name), trained_with[name])
                stage.embeddings[name] = EmbeddingView.load(folder, name, encoder)
        if stage.embeddings:
            stage.questions = [(key, title) for key, title in read_json(folder, "questions.json")]
        stage._check_shapes(folder, size)
        return stage

    def _view(self, name: str) -> TermView | EmbeddingView:
        if name == TERMS and self.terms is not None:
            return self.terms
        return self.embeddings[name]

    def _fit_views(
        self, texts: Sequence[PreparedText], encoders: EncoderFactory
    ) -> tuple[dict[str, NDArray[np.float32]], sp.csr_array | None]:
        """Fit the views, still without outputs; return their kernels and the TF-IDF rows."""
        kernels: dict[str, NDArray[np.float32]] = {}
        rows = None
        for name in self.spec.views:
            if name == TERMS:
                self.terms, rows = TermView.fit(
                    texts, self.spec.title_weight, self.spec.min_questions
                )
                kernels[name] = (rows @ rows.T).toarray()
            else:
                encoder = encoders(name)
                vectors = half_precision(encoder.encode(texts))
                empty = np.zeros((0, 0), np.float32)
                self.embeddings[name] = EmbeddingView(encoder, vectors, empty)
                kernels[name] = similarity(vectors, vectors)
        if self.embeddings:
            self.questions = [(text.key[1] if text.key else None, text.title) for text in texts]
        return kernels, rows

    def _set_outputs(
        self, name: str, rows: sp.csr_array | None, dual_coef: NDArray[np.float32]
    ) -> None:
        """Set a view's weights from the dual coefficients, shape (n, n_outputs)."""
        if name == TERMS and self.terms is not None and rows is not None:
            self.terms.set_weights(rows, dual_coef)
        else:
            self.embeddings[name].dual_coef = half_precision(dual_coef)

    def _check_shapes(self, folder: Path, size: int) -> None:
        """Raise ModelUnusableError unless the arrays fit the vocabulary and each other."""
        wrong = [len(self.mean) != size]
        if self.terms is not None:
            wrong.append(self.terms.weights.shape[1] != size * len(self.spec.ridges_using(TERMS)))
        for name, view in self.embeddings.items():
            expected = (len(self.questions), size * len(self.spec.ridges_using(name)))
            wrong.append(view.dual_coef.shape != expected)
        if any(wrong):
            raise ModelUnusableError(f"{folder}: arrays and vocabulary are of different models")


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What the views of a fitted stage found in one text.

    Parameters
    ----------
    stage : FirstStage
    words : tuple of ndarray (columns, values), or None
        From `TermVectors.vector`; None without a view of words.
    similarities : dict of str to ndarray of float32, shape (n_questions,)
        By view, of the text and each training question.
    """

    stage: FirstStage
    words: tuple[NDArray[np.intp], NDArray[np.float32]] | None
    similarities: Mapping[str, NDArray[np.float32]]

    def reasons(self, column: int, slopes: Sequence[float], limit: int) -> list[Reason]:
        """
        Return the words and the similar questions that contributed most to a tag's log-odds.

        Parameters
        ----------
        column : int
            Of the tag, in the vocabulary.
        slopes : sequence of float, length n_ridges
            Derivative of the log-odds by each regression's score.
        limit : int
            Words and questions to return at most, of each.
        """
        return self._words(column, slopes, limit) + self._questions(column, slopes, limit)

    def _words(self, column: int, slopes: Sequence[float], limit: int) -> list[Reason]:
        stage = self.stage
        if self.words is None or stage.terms is None:
            return []
        columns, values = self.words
        contributions = np.zeros(len(columns))
        for block, index in enumerate(stage.spec.ridges_using(TERMS)):
            weights = stage.terms.weights[columns, block * len(stage.mean) + column]
            contributions += slopes[index] * values * weights
        terms = stage.terms.vectors.terms
        return [
            Reason("word", terms[columns[row]], float(contributions[row]))
            for row in _largest(contributions, limit)
        ]

    def _questions(self, column: int, slopes: Sequence[float], limit: int) -> list[Reason]:
        stage = self.stage
        contributions = np.zeros(len(stage.questions))
        for name, similarities in self.similarities.items():
            dual_coef = stage.embeddings[name].dual_coef
            for block, index in enumerate(stage.spec.ridges_using(name)):
                weights = dual_coef[:, block * len(stage.mean) + column]
                contributions += slopes[index] * similarities * weights
        return [
            Reason("question", title, float(contributions[row]), question_id)
            for row in _largest(contributions, min(limit, _MAX_NEIGHBOURS))
            for question_id, title in [stage.questions[row]]
        ]


def _largest(contributions: NDArray[np.float64], limit: int) -> NDArray[np.intp]:
    """Return the positions of the largest contributions, largest first."""
    return np.argsort(-contributions, kind="stable")[:limit]


def _check_encoder(folder: Path, encoder: Encoder, trained_with: str) -> Encoder:
    """Return the encoder; ModelUnusableError if it is not the one the model was trained with."""
    if encoder.name != trained_with:
        raise ModelUnusableError(
            f"{folder} was trained with encoder {trained_with!r}, this process has "
            f"{encoder.name!r}: install that one, or train again"
        )
    return encoder
