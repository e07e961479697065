"""
Word vectors of the training window's own text, pooled to a question's vector, with a linear head.

A question's vector is the TF-IDF weighted mean of its words' vectors, with each field scaled to
unit length before they are added, minus the mean vector of all questions. Ridge regression scores
every tag; a reranker, a logistic regression shared by all tags, turns the scores into
probabilities. gensim is needed for training only.

References
----------
.. [1] T. Mikolov, I. Sutskever, K. Chen, G. Corrado and J. Dean, "Distributed representations of
   words and phrases and their compositionality", NIPS 2013: skip-gram with negative sampling.
"""

from __future__ import annotations

import math
import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from heapq import nsmallest
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.held_out import (
    CALIBRATED_ON,
    calibrate,
    calibration_state,
    stored_calibration,
)
from include.candidates.labels import check_training_data, label_matrix
from include.candidates.model_files import read_array, read_json, write_array, write_json
from include.candidates.primal_ridge import fit_primal_ridge
from include.candidates.reranker import (
    MAX_TRAINING_PAIRS,
    Reranker,
    score_features,
    training_rows,
)
from include.errors import FixInputError, ModelUnusableError
from include.text.prepared import PreparedText
from include.text.tokens import tokenize, tokenize_code

_MAX_PROSE_WORDS: Final = 400
_MAX_CODE_WORDS: Final = 150
_MAX_CODE_CHARACTERS: Final = 6_000
_N_FEATURES: Final = 3
_N_FIELDS: Final = 3
_WORDS_READ: Final = 300_000_000
"""Fewer epochs are enough where the words of all would be more: they take a quarter of an hour."""
_WORDS_PER_QUESTION: Final = 200
_VOCABULARY: Final = (150, 0.62)
"""Factor and exponent of the number of distinct words of n questions, as on Stack Overflow."""
_BATCH_SIZE: Final = 500
"""Texts scored at once: limits the memory for the pair features of a large vocabulary."""


@dataclass(frozen=True, slots=True)
class Word2VecParameters:
    """
    Parameters of `Word2Vec`.

    Parameters
    ----------
    dimensions : int, default=200
        Of a word's vector; >= 1.
    epochs : int, default=20
        Over the training questions; >= 1. Fewer if they have more than 300 million words together.
    window : int, default=5
        Context words on either side; >= 1.
    min_count : int, default=2
        Minimum count of a word; >= 1.
    prose_weight, code_weight : float, default=1.4 and 1.0
        Of the fields, relative to 1 for the title; >= 0.
    penalty : float, default=1.0
        Of the ridge regression; > 0.
    max_questions : int or None, default=None
        Number of the latest questions to learn from; None for all.
    seed : int, default=1
    """

    dimensions: int = 200
    epochs: int = 20
    window: int = 5
    min_count: int = 2
    prose_weight: float = 1.4
    code_weight: float = 1.0
    penalty: float = 1.0
    max_questions: int | None = None
    seed: int = 1


Fields = tuple[list[str], list[str], list[str]]
"""Words of the title, the prose and the code."""


class Word2Vec(Candidate):
    """Pooled word vectors; see the module."""

    name: ClassVar[str] = "word2vec"

    def __init__(self, parameters: Word2VecParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters

    @property
    def question_limit(self) -> int | None:
        """The parameter ``max_questions``; see `Candidate.question_limit`."""
        return self.parameters.max_questions

    def fit_memory_mb(self, question_count: int, tag_count: int) -> float:
        """Return the size of words, vectors and pairs of the reranker; see the base class."""
        n = min(question_count, self.parameters.max_questions or question_count)
        dimensions = self.parameters.dimensions
        factor, exponent = _VOCABULARY
        of_words = factor * math.pow(n, exponent) * (8 * dimensions + 400)
        of_questions = n * (4 * _WORDS_PER_QUESTION + 4 * dimensions)
        rows = min(n, CALIBRATED_ON + MAX_TRAINING_PAIRS // max(1, tag_count))
        of_pairs = tag_count * (60 * rows + 16 * dimensions)
        return 1e-6 * (of_words + of_questions + of_pairs)

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Fit the word vectors, then the head; see `Candidate.fit`."""
        check_training_data(texts, tags, vocabulary)
        self.vocabulary = tuple(vocabulary)
        latest = slice(-(self.parameters.max_questions or len(texts)), None)
        words = _Words.of(texts[latest])
        self._fit_word_vectors(words)
        vectors = np.empty((len(words), self.parameters.dimensions), dtype=np.float32)
        for row in range(len(words)):
            vectors[row] = self._pool(words.fields(row))
        self._common: NDArray[np.float32] = vectors.mean(axis=0)
        vectors -= self._common
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        labels = label_matrix(tags[latest], self.vocabulary)
        ridge = fit_primal_ridge(vectors, labels, self.parameters.penalty)
        self._weights: NDArray[np.float32] = ridge.weights
        self._mean = ridge.mean
        self._uses: NDArray[np.float32] = np.log1p(labels.sum(axis=0))

        def scored(rows: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
            """Return pair features by a regression without the question, and true tags."""
            true = labels[rows].toarray()
            return self._pair_features(ridge.scores_without_themselves(vectors[rows], true)), true

        self._reranker = Reranker.fit(*scored(training_rows(len(words), len(self.vocabulary))))
        features, true = scored(slice(-CALIBRATED_ON, None))
        self.calibration = calibrate(self._reranker.predict_proba(features), true)
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the probability of each tag; see `Candidate.score`."""
        parts = [np.zeros((0, len(self.vocabulary)), dtype=np.float32)]
        for start in range(0, len(texts), _BATCH_SIZE):
            scores = self._vectors(texts[start : start + _BATCH_SIZE]) @ self._weights + self._mean
            parts.append(self._reranker.predict_proba(self._pair_features(scores)))
        return np.concatenate(parts)

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        """Return the words whose vectors raised the question's score for each tag most."""
        fields = _fields(text)
        rows, factors = self._factors(fields)
        length = float(np.linalg.norm(self._pool(fields) - self._common))
        vectors = self._word_vectors[rows].astype(np.float32)

        def reasons(tag: str) -> tuple[Reason, ...]:
            weights = self._weights[:, self.vocabulary.index(tag)] / max(length, 1e-9)
            # The mean vector is subtracted from each word in proportion to its factor.
            common = float(self._common @ weights) / max(float(factors.sum()), 1e-9)
            moved = factors * (vectors @ weights - common)
            found: dict[str, float] = {}
            for row, value in zip(rows.tolist(), moved.tolist(), strict=True):
                found[self._words[row]] = found.get(self._words[row], 0.0) + value
            largest = nsmallest(limit, found.items(), key=lambda item: (-item[1], item[0]))
            return tuple(Reason("word", word, value) for word, value in largest if value > 0)

        return [reasons(tag) if tag in self.vocabulary else () for tag in tags]

    def save(self, folder: Path) -> None:
        """Write the word vectors, the head and ``word2vec.json``."""
        write_array(folder, "word_vectors.npy", self._word_vectors)
        for name in ("word_weights", "common", "weights", "mean", "uses"):
            write_array(folder, f"{name}.npy", getattr(self, f"_{name}"))
        state = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "words": self._words,
            "pair_weights": self._reranker.weights.tolist(),
            "calibration": calibration_state(self.calibration),
        }
        write_json(folder, "word2vec.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote, with the word vectors memory-mapped; see `Candidate.load`."""
        state = read_json(folder, "word2vec.json")
        candidate = cls(Word2VecParameters(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate.calibration = stored_calibration(state)
        candidate._set_words(
            list(state["words"]),
            read_array(folder, "word_vectors.npy", mapped=True),
            read_array(folder, "word_weights.npy"),
        )
        for name in ("common", "weights", "mean", "uses"):
            setattr(candidate, f"_{name}", read_array(folder, f"{name}.npy"))
        candidate._reranker = Reranker.from_list(state["pair_weights"], _N_FEATURES)
        size = candidate.parameters.dimensions
        if candidate._word_vectors.shape != (len(candidate._words), size):
            raise ModelUnusableError(f"{folder / 'word_vectors.npy'} does not fit word2vec.json")
        if candidate._weights.shape != (size, len(candidate.vocabulary)):
            raise ModelUnusableError(f"{folder / 'weights.npy'} does not fit word2vec.json")
        return candidate

    def get_params(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _fit_word_vectors(self, words: _Words) -> None:
        """Fit a vector for each word, the same in each process."""
        from gensim.models import Word2Vec as Gensim

        model = Gensim(
            vector_size=self.parameters.dimensions,
            window=self.parameters.window,
            min_count=self.parameters.min_count,
            sg=1,
            sample=1e-4,
            seed=self.parameters.seed,
            # With several workers the order of updates is random; Python's hash differs by process.
            workers=1,
            hashfxn=lambda word: zlib.crc32(word.encode()),
        )
        model.build_vocab(words)
        known = list(model.wv.index_to_key)
        if not known:
            raise FixInputError(
                "no word is used often enough to be learned: train on more months or lower "
                "min_count"
            )
        epochs = max(1, min(self.parameters.epochs, _WORDS_READ // words.word_count))
        model.train(words, total_examples=len(words), epochs=epochs)
        questions = words.question_counts()
        idf = [np.log((1 + len(words)) / questions[word]) for word in known]
        # Half precision: half the disk and memory for the same ranking.
        vectors = _normalize(model.wv.vectors).astype(np.float16)
        self._set_words(known, vectors, np.asarray(idf, dtype=np.float32))

    def _set_words(
        self, words: list[str], vectors: NDArray[np.float16], weights: NDArray[np.float32]
    ) -> None:
        self._words = words
        self._rows = {word: row for row, word in enumerate(words)}
        self._word_vectors = vectors
        self._word_weights = weights

    def _vectors(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return unit-length vectors, shape (n_texts, dimensions)."""
        return _normalize(np.stack([self._pool(_fields(text)) for text in texts]) - self._common)

    def _pool(self, fields: Fields) -> NDArray[np.float32]:
        """Return the weighted sum of the fields' unit vectors, shape (dimensions,)."""
        rows, factors = self._factors(fields)
        pooled: NDArray[np.float32] = factors @ self._word_vectors[rows].astype(np.float32)
        return pooled

    def _factors(self, fields: Fields) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the rows of the known words, and the factor of each word's vector."""
        rows, factors = [np.zeros(0, np.intp)], [np.zeros(0, np.float32)]
        weights = (1.0, self.parameters.prose_weight, self.parameters.code_weight)
        for words, weight in zip(fields, weights, strict=True):
            counts = Counter(self._rows[word] for word in words if word in self._rows)
            known = np.fromiter(counts.keys(), dtype=np.intp)
            uses = np.fromiter(counts.values(), dtype=np.float32)
            tfidf = (1 + np.log(uses)) * self._word_weights[known]
            length = np.linalg.norm(tfidf @ self._word_vectors[known].astype(np.float32))
            rows.append(known)
            factors.append(tfidf * np.float32(weight / max(float(length), 1e-9)))
        return np.concatenate(rows), np.concatenate(factors)

    def _pair_features(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return shape (n, n_vocabulary, 3): score, its logarithm, log count of the tag."""
        uses = np.broadcast_to(self._uses[None, :, None], (*scores.shape, 1))
        return np.concatenate([score_features(scores), uses], axis=2)


class _Words:
    """The words of many questions as numbers: four bytes a word, read as often as needed."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._words = array("i")
        self._ends = array("q", [0])
        """Of each field, three a question, after a first 0."""

    @classmethod
    def of(cls, texts: Iterable[PreparedText]) -> Self:
        """Return the words of texts; no text is kept."""
        made = cls()
        for text in texts:
            for field in _fields(text):
                made._words.extend(map(made._number, field))
                made._ends.append(len(made._words))
        return made

    def __len__(self) -> int:
        """Return the number of questions."""
        return len(self._ends) // _N_FIELDS

    def __iter__(self) -> Iterator[list[str]]:
        """Yield all words of each question, in order."""
        for row in range(len(self)):
            first, last = self._ends[_N_FIELDS * row], self._ends[_N_FIELDS * (row + 1)]
            yield self._text(first, last)

    @property
    def word_count(self) -> int:
        """All uses of words."""
        return len(self._words)

    def fields(self, row: int) -> Fields:
        """Return the words of a question's title, prose and code."""
        title, prose, code, end = self._ends[_N_FIELDS * row : _N_FIELDS * (row + 1) + 1]
        return self._text(title, prose), self._text(prose, code), self._text(code, end)

    def question_counts(self) -> Counter[str]:
        """Return how many questions have each word."""
        return Counter(word for words in self for word in set(words))

    def _text(self, first: int, last: int) -> list[str]:
        return [self._names[number] for number in self._words[first:last]]

    def _number(self, word: str) -> int:
        number = self._numbers.setdefault(word, len(self._names))
        if number == len(self._names):
            self._names.append(word)
        return number


def _fields(text: PreparedText) -> Fields:
    return (
        tokenize(text.title, parts=True),
        tokenize(text.prose, parts=True)[:_MAX_PROSE_WORDS],
        tokenize_code(text.code[:_MAX_CODE_CHARACTERS])[:_MAX_CODE_WORDS],
    )


def _normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows scaled to unit length; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return unit
