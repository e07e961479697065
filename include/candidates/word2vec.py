"""
Word vectors that gensim learns from the training window, pooled to a question's, linear head.

A question's vector is the weighted mean of its words' (rare words count more), each field made
unit length before they are added, less what all questions have in common. Ridge regression scores
every tag; a logistic regression shared by all tags turns the score into a chance. gensim is needed
to learn only.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.folder import read_array, read_json, write_array, write_json
from include.candidates.labels import check_training, label_matrix
from include.candidates.pairs import PairModel, latest_rows, score_features
from include.candidates.ridge import MAX_QUESTIONS, fit_ridge
from include.errors import FixInputError, ModelUnusableError
from include.text.prepared import PreparedText
from include.text.tokens import tokenize, tokenize_code

_PROSE_WORDS: Final = 400
_CODE_WORDS: Final = 150
_CODE_CHARACTERS: Final = 6_000
_PAIR_FEATURES: Final = 3
_NEAR: Final = 500
"""Texts scored at once: keeps the pair features of a large vocabulary in memory's reach."""


@dataclass(frozen=True, slots=True)
class Word2VecParameters:
    """
    What can be chosen.

    Parameters
    ----------
    dimensions : int, default=200
        Of a word's vector; >= 1.
    epochs : int, default=20
        Over the training questions; >= 1.
    window : int, default=5
        Words to either side that a word is learned from; >= 1.
    min_count : int, default=2
        Uses that give a word a vector; >= 1.
    prose_weight, code_weight : float, default=1.4 and 1.0
        Of the fields, against 1 for the title; >= 0.
    penalty : float, default=1.0
        Of the ridge regression; > 0.
    max_questions : int, default=20000
        The latest questions that the head learns from; memory grows with its square.
    seed : int, default=1
    """

    dimensions: int = 200
    epochs: int = 20
    window: int = 5
    min_count: int = 2
    prose_weight: float = 1.4
    code_weight: float = 1.0
    penalty: float = 1.0
    max_questions: int = MAX_QUESTIONS
    seed: int = 1


Fields = tuple[list[str], list[str], list[str]]
"""Words of the title, of the prose and of the code."""


class Word2Vec(Candidate):
    """Pooled word vectors; see the module."""

    name: ClassVar[str] = "word2vec"

    def __init__(self, parameters: Word2VecParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Learn the words' vectors, then the head; see `Candidate.fit`."""
        check_training(texts, tags, vocabulary)
        self.vocabulary = tuple(vocabulary)
        fields = [_fields(text) for text in texts]
        self._learn_words(fields)
        latest = slice(max(0, len(texts) - self.parameters.max_questions), None)
        pooled = np.stack([self._pool(row) for row in fields[latest]])
        self._common: NDArray[np.float32] = pooled.mean(axis=0)
        vectors = _unit(pooled - self._common)
        labels = label_matrix(tags[latest], self.vocabulary)
        ridge = fit_ridge(vectors @ vectors.T, labels, self.parameters.penalty)
        self._weights: NDArray[np.float32] = vectors.T @ ridge.dual
        self._mean = ridge.mean
        self._uses: NDArray[np.float32] = np.log1p(labels.sum(axis=0))
        rows = latest_rows(len(labels), len(self.vocabulary))
        self._pairs = PairModel.fit(self._pair_features(ridge.left_out[rows]), labels[rows])
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the chance of each tag; see `Candidate.score`."""
        parts = [np.zeros((0, len(self.vocabulary)), dtype=np.float32)]
        for start in range(0, len(texts), _NEAR):
            scores = self._vectors(texts[start : start + _NEAR]) @ self._weights + self._mean
            parts.append(self._pairs.chance(self._pair_features(scores)))
        return np.concatenate(parts)

    def explain(self, text: PreparedText, tag: str, limit: int = 5) -> tuple[Reason, ...]:
        """Return the words whose vectors moved the question's score for ``tag`` up most."""
        if tag not in self.vocabulary:
            return ()
        fields = _fields(text)
        rows, factors = self._factors(fields)
        length = float(np.linalg.norm(self._pool(fields) - self._common))
        weights = self._weights[:, self.vocabulary.index(tag)] / max(length, 1e-9)
        # What all questions have in common is taken off each word in proportion.
        common = float(self._common @ weights) / max(float(factors.sum()), 1e-9)
        moved = factors * (self._word_vectors[rows].astype(np.float32) @ weights - common)
        carried: dict[str, float] = {}
        for row, value in zip(rows.tolist(), moved.tolist(), strict=True):
            carried[self._words[row]] = carried.get(self._words[row], 0.0) + value
        strongest = sorted(carried.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Reason("word", word, value) for word, value in strongest[:limit] if value > 0)

    def save(self, folder: Path) -> None:
        """Write the words' vectors, the head and ``word2vec.json``."""
        write_array(folder, "word_vectors.npy", self._word_vectors)
        for name in ("word_weights", "common", "weights", "mean", "uses"):
            write_array(folder, f"{name}.npy", getattr(self, f"_{name}"))
        state = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "words": self._words,
            "pair_weights": self._pairs.weights.tolist(),
        }
        write_json(folder, "word2vec.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote, the words' vectors mapped from disk; see `Candidate.load`."""
        state = read_json(folder, "word2vec.json")
        candidate = cls(Word2VecParameters(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate._set_words(
            list(state["words"]),
            read_array(folder, "word_vectors.npy", mapped=True),
            read_array(folder, "word_weights.npy"),
        )
        for name in ("common", "weights", "mean", "uses"):
            setattr(candidate, f"_{name}", read_array(folder, f"{name}.npy"))
        candidate._pairs = PairModel.from_list(state["pair_weights"], _PAIR_FEATURES)
        size = candidate.parameters.dimensions
        if candidate._word_vectors.shape != (len(candidate._words), size):
            raise ModelUnusableError(f"{folder / 'word_vectors.npy'} does not fit word2vec.json")
        if candidate._weights.shape != (size, len(candidate.vocabulary)):
            raise ModelUnusableError(f"{folder / 'weights.npy'} does not fit word2vec.json")
        return candidate

    def describe(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _learn_words(self, fields: Sequence[Fields]) -> None:
        """Learn a vector for each word, the same one in each process."""
        from gensim.models import Word2Vec as Gensim

        model = Gensim(
            vector_size=self.parameters.dimensions,
            window=self.parameters.window,
            min_count=self.parameters.min_count,
            sg=1,
            sample=1e-4,
            seed=self.parameters.seed,
            # Several workers would take turns by chance, Python's own hash differs by process.
            workers=1,
            hashfxn=lambda word: zlib.crc32(word.encode()),
        )
        sentences = [title + prose + code for title, prose, code in fields]
        model.build_vocab(sentences)
        words = list(model.wv.index_to_key)
        if not words:
            raise FixInputError(
                "no word is used often enough to learn from: train on more months or lower "
                "min_count"
            )
        model.train(sentences, total_examples=len(sentences), epochs=self.parameters.epochs)
        questions = Counter(word for sentence in sentences for word in set(sentence))
        rarity = [np.log((1 + len(fields)) / questions[word]) for word in words]
        # Half precision: half the disk and memory for the same ranking.
        vectors = _unit(model.wv.vectors).astype(np.float16)
        self._set_words(words, vectors, np.asarray(rarity, dtype=np.float32))

    def _set_words(
        self, words: list[str], vectors: NDArray[np.float16], weights: NDArray[np.float32]
    ) -> None:
        self._words = words
        self._rows = {word: row for row, word in enumerate(words)}
        self._word_vectors = vectors
        self._word_weights = weights

    def _vectors(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return unit-length vectors, shape (n_texts, dimensions)."""
        return _unit(np.stack([self._pool(_fields(text)) for text in texts]) - self._common)

    def _pool(self, fields: Fields) -> NDArray[np.float32]:
        """Return the sum of the fields' unit vectors, weighted, shape (dimensions,)."""
        rows, factors = self._factors(fields)
        pooled: NDArray[np.float32] = factors @ self._word_vectors[rows].astype(np.float32)
        return pooled

    def _factors(self, fields: Fields) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the known words' rows, and what each word's vector is multiplied by."""
        rows, factors = [np.zeros(0, np.intp)], [np.zeros(0, np.float32)]
        weights = (1.0, self.parameters.prose_weight, self.parameters.code_weight)
        for words, weight in zip(fields, weights, strict=True):
            counts = Counter(self._rows[word] for word in words if word in self._rows)
            known = np.fromiter(counts.keys(), dtype=np.intp)
            uses = np.fromiter(counts.values(), dtype=np.float32)
            emphasis = (1 + np.log(uses)) * self._word_weights[known]
            length = np.linalg.norm(emphasis @ self._word_vectors[known].astype(np.float32))
            rows.append(known)
            factors.append(emphasis * np.float32(weight / max(float(length), 1e-9)))
        return np.concatenate(rows), np.concatenate(factors)

    def _pair_features(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return shape (n, n_vocabulary, 3): score, its logarithm, how often the tag is used."""
        uses = np.broadcast_to(self._uses[None, :, None], (*scores.shape, 1))
        return np.concatenate([score_features(scores), uses], axis=2)


def _fields(text: PreparedText) -> Fields:
    return (
        tokenize(text.title, parts=True),
        tokenize(text.prose, parts=True)[:_PROSE_WORDS],
        tokenize_code(text.code[:_CODE_CHARACTERS])[:_CODE_WORDS],
    )


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows at unit length; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit
