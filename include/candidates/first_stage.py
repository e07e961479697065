"""
The first stage of tfidf, bert, use and hybrid: ridge regressions of all tags on blends of views.

A view is the words or an encoder's vectors; a blend is one ridge regression on the weighted sum of
some views' kernels.
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
from include.candidates.folder import read_array, read_json, write_array, write_json
from include.candidates.ridge import fit_ridge
from include.candidates.views import MeaningView, TermView, half_precision, likeness
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

TERMS: Final = "terms"
"""The view of words, beside the encoders' names."""

_QUESTIONS_NAMED: Final = 20
"""The training questions that an explanation considers at most."""


@dataclass(frozen=True, slots=True)
class Blend:
    """One ridge regression: the weight of each view's kernel in it, and its penalty."""

    weights: Mapping[str, float]
    penalty: float


@dataclass(frozen=True, slots=True)
class Design:
    """
    What a family is made of.

    Parameters
    ----------
    blends : tuple of Blend
    mentions : bool
        Whether the second stage looks for the tags' names in the question.
    max_questions : int
        The latest questions that are learned from; memory grows with its square.
    title_weight : float, default=3.0
    min_questions : int, default=2
        Of the view of words, as in `TermView.learn`.
    """

    blends: tuple[Blend, ...]
    mentions: bool
    max_questions: int
    title_weight: float = 3.0
    min_questions: int = 2

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the views, in the order of their first use."""
        return tuple(dict.fromkeys(name for blend in self.blends for name in blend.weights))

    def users(self, view: str) -> list[int]:
        """Return which blends use a view."""
        return [index for index, blend in enumerate(self.blends) if view in blend.weights]


@dataclass(slots=True)
class FirstStage:
    """
    The fitted ridge regressions.

    Parameters
    ----------
    design : Design
    mean : ndarray of float32, shape (n_vocabulary,)
        Share of training questions that bear each tag, where every score starts from.
    terms : TermView or None
    meanings : dict of str to MeaningView
        By the encoder's name in the design. Each view has a block of outputs for each blend that
        uses it.
    questions : list of (int or None, str)
        Id and title of the training questions; empty without meanings, which alone name them.
    """

    design: Design
    mean: NDArray[np.float32]
    terms: TermView | None = None
    meanings: dict[str, MeaningView] = field(default_factory=dict)
    questions: list[tuple[int | None, str]] = field(default_factory=list)

    @classmethod
    def fit(
        cls,
        design: Design,
        encoders: EncoderFactory,
        texts: Sequence[PreparedText],
        labels: NDArray[np.float32],
    ) -> tuple[Self, NDArray[np.float32]]:
        """Return the stage and leave-one-out scores, shape (n_blends, n, n_vocabulary)."""
        stage = cls(design, labels.mean(axis=0))
        kernels, rows = stage._look_at(texts, encoders)
        duals, left_out = [], []
        for blend in design.blends:
            kernel = np.zeros((len(texts), len(texts)), dtype=np.float32)
            for name, weight in blend.weights.items():
                kernel += np.float32(weight) * kernels[name]
            ridge = fit_ridge(kernel, labels, blend.penalty)
            duals.append(ridge.dual)
            left_out.append(ridge.left_out)
        for name in design.views:
            blocks = [
                duals[user] * design.blends[user].weights[name] for user in design.users(name)
            ]
            stage._learn_outputs(name, rows, np.concatenate(blocks, axis=1))
        return stage, np.stack(left_out)

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return each blend's scores, shape (n_blends, n_texts, n_vocabulary)."""
        size = len(self.mean)
        scores = np.empty((len(self.design.blends), len(texts), size), dtype=np.float32)
        scores[:] = self.mean
        for name in self.design.views:
            outputs = self._view(name).score(texts)
            for block, user in enumerate(self.design.users(name)):
                scores[user] += outputs[:, block * size : (block + 1) * size]
        return scores

    def reasons(self, text: PreparedText, column: int, slopes: Sequence[float]) -> list[Reason]:
        """
        Return what each word and each like question added to the log-odds of a tag.

        Parameters
        ----------
        text : PreparedText
        column : int
            The tag's, in the vocabulary.
        slopes : sequence of float, length n_blends
            How far the log-odds move with each blend's score.
        """
        return self._word_reasons(text, column, slopes) + self._question_reasons(
            text, column, slopes
        )

    def save(self, folder: Path) -> None:
        """Write the views' arrays, ``mean.npy`` and the training questions' titles."""
        write_array(folder, "mean.npy", self.mean)
        if self.terms is not None:
            self.terms.save(folder)
        for name, view in self.meanings.items():
            view.save(folder, name)
        if self.meanings:
            write_json(folder, "questions.json", self.questions)

    @classmethod
    def load(
        cls,
        folder: Path,
        design: Design,
        encoders: EncoderFactory,
        trained_with: Mapping[str, str],
        size: int,
    ) -> Self:
        """
        Read what ``save`` wrote; encoders are made but compute nothing yet.

        Parameters
        ----------
        folder : Path
        design : Design
            The one that was fitted.
        encoders : callable
        trained_with : mapping of str to str
            Each encoder's full name at the time.
        size : int
            Tags in the vocabulary.

        Raises
        ------
        ModelUnusableError
            If a file is missing or wrong, or an encoder's vectors are not those learned from.
        """
        stage = cls(design, read_array(folder, "mean.npy"))
        for name in design.views:
            if name == TERMS:
                stage.terms = TermView.load(folder, design.title_weight)
            else:
                encoder = _same_encoder(folder, encoders(name), trained_with[name])
                stage.meanings[name] = MeaningView.load(folder, name, encoder)
        if stage.meanings:
            stage.questions = [(key, title) for key, title in read_json(folder, "questions.json")]
        stage._check_shapes(folder, size)
        return stage

    def _view(self, name: str) -> TermView | MeaningView:
        if name == TERMS and self.terms is not None:
            return self.terms
        return self.meanings[name]

    def _look_at(
        self, texts: Sequence[PreparedText], encoders: EncoderFactory
    ) -> tuple[dict[str, NDArray[np.float32]], sp.csr_array | None]:
        """Make the views, without outputs as yet; return their kernels, and the texts' terms."""
        kernels: dict[str, NDArray[np.float32]] = {}
        rows = None
        for name in self.design.views:
            if name == TERMS:
                self.terms = TermView.learn(
                    texts, self.design.title_weight, self.design.min_questions
                )
                rows = self.terms.matrix(texts)
                kernels[name] = (rows @ rows.T).toarray()
            else:
                encoder = encoders(name)
                vectors = half_precision(encoder.encode(texts))
                self.meanings[name] = MeaningView(encoder, vectors, np.zeros((0, 0), np.float32))
                kernels[name] = likeness(vectors, vectors)
        if self.meanings:
            self.questions = [(text.key[1] if text.key else None, text.title) for text in texts]
        return kernels, rows

    def _learn_outputs(
        self, name: str, rows: sp.csr_array | None, dual: NDArray[np.float32]
    ) -> None:
        """Give a view what the regressions found, shape (n, n_outputs)."""
        if name == TERMS and self.terms is not None and rows is not None:
            self.terms.learn_outputs(rows, dual)
        else:
            self.meanings[name].dual = half_precision(dual)

    def _word_reasons(
        self, text: PreparedText, column: int, slopes: Sequence[float]
    ) -> list[Reason]:
        if self.terms is None:
            return []
        columns, values = self.terms.vector(text)
        carried = np.zeros(len(columns))
        for block, user in enumerate(self.design.users(TERMS)):
            weights = self.terms.weights[columns, block * len(self.mean) + column]
            carried += slopes[user] * values * weights
        return [
            Reason("word", self.terms.vectoriser.terms[position], float(weight))
            for position, weight in zip(columns, carried, strict=True)
        ]

    def _question_reasons(
        self, text: PreparedText, column: int, slopes: Sequence[float]
    ) -> list[Reason]:
        carried = np.zeros(len(self.questions))
        for name, view in self.meanings.items():
            likenesses = view.likeness([text])[0]
            for block, user in enumerate(self.design.users(name)):
                carried += slopes[user] * likenesses * view.dual[:, block * len(self.mean) + column]
        strongest = np.argsort(-carried, kind="stable")[:_QUESTIONS_NAMED]
        return [
            Reason("question", title, float(carried[row]), question_id)
            for row in strongest
            for question_id, title in [self.questions[row]]
        ]

    def _check_shapes(self, folder: Path, size: int) -> None:
        """Raise ModelUnusableError unless the arrays fit the vocabulary and each other."""
        wrong = [len(self.mean) != size]
        if self.terms is not None:
            wrong.append(self.terms.weights.shape[1] != size * len(self.design.users(TERMS)))
        for name, view in self.meanings.items():
            expected = (len(self.questions), size * len(self.design.users(name)))
            wrong.append(view.dual.shape != expected)
        if any(wrong):
            raise ModelUnusableError(f"{folder}: arrays and vocabulary are of different models")


def _same_encoder(folder: Path, encoder: Encoder, trained_with: str) -> Encoder:
    """Return the encoder; ModelUnusableError if its vectors are not those learned from."""
    if encoder.name != trained_with:
        raise ModelUnusableError(
            f"{folder} was trained with encoder {trained_with!r}, this process has "
            f"{encoder.name!r}: install that one, or train again"
        )
    return encoder
