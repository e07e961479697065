"""
What tfidf, bert, use and hybrid have in common: ridge regressions, then one model over pairs.

First stage: one or more ridge regressions of all tags, each on its own blend of views (words, an
encoder's vectors). Second stage: for every (question, tag) pair, the first stage's scores, how
often the tag is used and whether the question names it, weighed by a logistic regression that all
tags share. It learns from leave-one-out scores, so it knows how far each score can be trusted.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from include.candidates.base import Candidate, Encoder, EncoderFactory, Reason
from include.candidates.folder import read_array, read_json, write_array, write_json
from include.candidates.labels import check_training, label_matrix
from include.candidates.mentions import MENTION_FEATURES, MentionFinder
from include.candidates.pairs import PairModel, latest_rows, score_features
from include.candidates.ridge import fit_ridge
from include.candidates.views import MeaningView, TermView, half_precision, likeness
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

TERMS: Final = "terms"
"""The view of words, beside the encoders' names."""

_NEAR: Final = 200
"""Texts scored at once: keeps the pair features of a large vocabulary in memory's reach."""


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
    title_weight : float
    min_questions : int
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
class _State:
    """What is learned."""

    mean: NDArray[np.float32]
    tag_counts: NDArray[np.float32]
    pairs: PairModel
    questions: list[tuple[int | None, str]]
    terms: TermView | None = None
    meanings: dict[str, MeaningView] = field(default_factory=dict)


class StackedCandidate(Candidate):
    """Two stages as the module says; a family gives its parameters and its `Design`."""

    parameters: Any
    parameters_type: ClassVar[type]

    def __init__(self, parameters: Any, encoders: EncoderFactory) -> None:
        self.parameters = parameters
        self._encoders = encoders
        self._design = self.design()

    @abstractmethod
    def design(self) -> Design:
        """Return what the family is made of, from its parameters."""

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Fit the ridge regressions, then the pair model; see `Candidate.fit`."""
        check_training(texts, tags, vocabulary)
        latest = slice(max(0, len(texts) - self._design.max_questions), None)
        texts, tags = texts[latest], tags[latest]
        self.vocabulary = tuple(vocabulary)
        self._mentions = MentionFinder(self.vocabulary)
        labels = label_matrix(tags, self.vocabulary)
        questions = [(text.key[1] if text.key else None, text.title) for text in texts]
        self._state = _State(
            labels.mean(axis=0), labels.sum(axis=0), PairModel(np.zeros(0)), questions
        )
        left_out = self._fit_first_stage(texts, labels)
        rows = latest_rows(len(texts), len(self.vocabulary))
        features = self._pair_features(texts[rows], left_out[:, rows])
        self._state.pairs = PairModel.fit(features, labels[rows])
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the chance of each tag; see `Candidate.score`."""
        parts = [np.zeros((0, len(self.vocabulary)), dtype=np.float32)]
        for start in range(0, len(texts), _NEAR):
            part = texts[start : start + _NEAR]
            features = self._pair_features(part, self._first_stage(part))
            parts.append(self._state.pairs.chance(features))
        return np.concatenate(parts)

    def explain(self, text: PreparedText, tag: str, limit: int = 5) -> tuple[Reason, ...]:
        """Return the words, mentions and nearest questions that raised the tag's log-odds most."""
        if tag not in self.vocabulary:
            return ()
        column = self.vocabulary.index(tag)
        scores = self._first_stage([text])
        features = self._pair_features([text], scores)[0, column]
        slopes = self._slopes(scores[:, 0, column])
        reasons = self._word_reasons(text, column, slopes)
        reasons += self._question_reasons(text, column, slopes)
        if self._design.mentions:
            weights = self._state.pairs.weights[-1 - len(MENTION_FEATURES) : -1]
            values = features[-len(MENTION_FEATURES) :]
            reasons += [
                Reason("mention", f"{tag}: {name}", float(weight * value))
                for name, weight, value in zip(MENTION_FEATURES, weights, values, strict=True)
            ]
        strongest = sorted(reasons, key=lambda reason: (-reason.weight, reason.text))
        return tuple(reason for reason in strongest[:limit] if reason.weight > 0)

    def save(self, folder: Path) -> None:
        """Write the views' arrays and ``<family>.json``."""
        state = self._state
        if state.terms is not None:
            state.terms.save(folder)
        for name, view in state.meanings.items():
            view.save(folder, name)
        if state.meanings:
            write_json(folder, "questions.json", state.questions)
        write_array(folder, "mean.npy", state.mean)
        write_array(folder, "tag_counts.npy", state.tag_counts)
        described = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "pair_weights": state.pairs.weights.tolist(),
            "encoders": {name: view.encoder.name for name, view in state.meanings.items()},
        }
        write_json(folder, f"{self.name}.json", described)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; encoders are made but compute nothing yet."""
        described = read_json(folder, f"{cls.name}.json")
        candidate = cls(cls.parameters_type(**described["parameters"]), encoders)
        candidate.vocabulary = tuple(described["vocabulary"])
        candidate._mentions = MentionFinder(candidate.vocabulary)
        design = candidate._design
        features = 2 * len(design.blends) + 1 + design.mentions * len(MENTION_FEATURES)
        meanings = {
            name: MeaningView.load(
                folder, name, _same_encoder(folder, encoders(name), trained_with)
            )
            for name, trained_with in described["encoders"].items()
        }
        candidate._state = _State(
            mean=read_array(folder, "mean.npy"),
            tag_counts=read_array(folder, "tag_counts.npy"),
            pairs=PairModel.from_list(described["pair_weights"], features),
            questions=[(key, title) for key, title in read_json(folder, "questions.json")]
            if meanings
            else [],
            terms=TermView.load(folder, design.title_weight) if TERMS in design.views else None,
            meanings=meanings,
        )
        candidate._check_shapes(folder)
        return candidate

    def describe(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _fit_first_stage(
        self, texts: Sequence[PreparedText], labels: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Fit every blend; return its leave-one-out scores, shape (n_blends, n, n_vocabulary)."""
        design, state = self._design, self._state
        rows: sp.csr_array | None = None
        kernels: dict[str, NDArray[np.float32]] = {}
        for name in design.views:
            if name == TERMS:
                state.terms, rows = TermView.learn(texts, design.title_weight, design.min_questions)
                kernels[name] = (rows @ rows.T).toarray()
            else:
                encoder = self._encoders(name)
                vectors = half_precision(encoder.encode(texts))
                state.meanings[name] = MeaningView(encoder, vectors, np.zeros((0, 0), np.float32))
                kernels[name] = likeness(vectors, vectors)
        duals, left_out = [], []
        for blend in design.blends:
            kernel = np.zeros_like(next(iter(kernels.values())))
            for name, weight in blend.weights.items():
                kernel += np.float32(weight) * kernels[name]
            ridge = fit_ridge(kernel, labels, blend.penalty)
            duals.append(ridge.dual)
            left_out.append(ridge.left_out)
        for name in design.views:
            blocks = [
                duals[user] * design.blends[user].weights[name] for user in design.users(name)
            ]
            weights = np.concatenate(blocks, axis=1)
            if name == TERMS and state.terms is not None and rows is not None:
                state.terms.weights = (rows.T @ weights).astype(np.float16)
            else:
                state.meanings[name].dual = half_precision(weights)
        return np.stack(left_out)

    def _first_stage(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return each blend's scores, shape (n_blends, n_texts, n_vocabulary)."""
        state, size = self._state, len(self.vocabulary)
        scores = np.tile(state.mean, (len(self._design.blends), len(texts), 1))
        for name in self._design.views:
            view = state.terms if name == TERMS else state.meanings[name]
            assert view is not None
            outputs = view.score(texts)
            for block, user in enumerate(self._design.users(name)):
                scores[user] += outputs[:, block * size : (block + 1) * size]
        return scores

    def _pair_features(
        self, texts: Sequence[PreparedText], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return shape (n_texts, n_vocabulary, n_features): scores, tag's uses, mentions."""
        uses = np.log1p(self._state.tag_counts)
        parts = [score_features(blend) for blend in scores]
        parts.append(np.broadcast_to(uses[None, :, None], (len(texts), len(uses), 1)))
        if self._design.mentions:
            parts.append(np.stack([self._mentions.find(text) for text in texts]))
        return np.concatenate(parts, axis=2)

    def _slopes(self, scores: NDArray[np.float32]) -> list[float]:
        """Return how far the log-odds move with each blend's score, where this pair stands."""
        weights = self._state.pairs.weights
        return [
            float(weights[2 * index] + weights[2 * index + 1] / max(float(score), 0.01))
            for index, score in enumerate(scores)
        ]

    def _word_reasons(
        self, text: PreparedText, column: int, slopes: Sequence[float]
    ) -> list[Reason]:
        """Return what each word of the text added to the log-odds."""
        view = self._state.terms
        if view is None:
            return []
        columns, values = view.vector(text)
        carried = np.zeros(len(columns))
        for block, user in enumerate(self._design.users(TERMS)):
            weights = view.weights[columns, block * len(self.vocabulary) + column]
            carried += slopes[user] * values * weights.astype(np.float32)
        return [
            Reason("word", view.vectoriser.terms[position], float(weight))
            for position, weight in zip(columns, carried, strict=True)
        ]

    def _question_reasons(
        self, text: PreparedText, column: int, slopes: Sequence[float]
    ) -> list[Reason]:
        """Return what each training question added to the log-odds, by likeness of meaning."""
        if not self._state.meanings:
            return []
        carried = np.zeros(len(self._state.questions))
        for name, view in self._state.meanings.items():
            likenesses = view.likeness([text])[0]
            for block, user in enumerate(self._design.users(name)):
                dual = view.dual[:, block * len(self.vocabulary) + column]
                carried += slopes[user] * likenesses * dual
        return [
            Reason("question", self._state.questions[row][1], float(carried[row]), key)
            for row in np.argsort(-carried, kind="stable")[:20]
            for key in [self._state.questions[row][0]]
        ]

    def _check_shapes(self, folder: Path) -> None:
        """Raise ModelUnusableError unless the arrays fit the vocabulary and each other."""
        state, size = self._state, len(self.vocabulary)
        wrong = [len(state.mean) != size, len(state.tag_counts) != size]
        if state.terms is not None:
            wrong.append(state.terms.weights.shape[1] != size * len(self._design.users(TERMS)))
        for name, view in state.meanings.items():
            expected = (len(state.questions), size * len(self._design.users(name)))
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
