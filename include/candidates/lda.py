"""
Topics that gensim finds without looking at tags, and the tags that go with each topic.

A topic's affinity to a tag is the smoothed share of its questions that bear the tag; a question's
score is the affinity of its topics, weighed by how much of it they are. gensim is needed to learn
only: the topics of a new question are inferred here, by the same variational steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import psi

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.folder import read_array, read_json, write_array, write_json
from include.candidates.labels import check_training, label_matrix
from include.errors import FixInputError, ModelUnusableError
from include.text.prepared import PreparedText
from include.text.stop_words import STOP_WORDS
from include.text.tokens import keywords, tokenize_code

_CODE_CHARACTERS: Final = 6_000
_STEPS: Final = 60
_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, slots=True)
class LdaParameters:
    """
    What can be chosen.

    Parameters
    ----------
    topics : int, default=150
        >= 2.
    passes : int, default=6
        Over the training questions; >= 1.
    title_weight : int, default=2
        How often a word of the title counts, against once in the body; >= 1.
    min_questions : int, default=3
        Questions that must use a word for it to be learned; >= 1.
    max_share : float, default=0.3
        Of the questions; a word in more of them tells no topics apart; in (0, 1].
    sharpness : float, default=2.5
        Power of a question's topic shares, which makes its main topics count more; > 0.
    smoothing : float, default=0.5
        Questions with the tags of the average that each topic is given beforehand; > 0.
    seed : int, default=1
    """

    topics: int = 150
    passes: int = 6
    title_weight: int = 2
    min_questions: int = 3
    max_share: float = 0.3
    sharpness: float = 2.5
    smoothing: float = 0.5
    seed: int = 1


class Lda(Candidate):
    """Topics and the tags that go with them; see the module."""

    name: ClassVar[str] = "lda"

    def __init__(self, parameters: LdaParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Find the topics, then the tags of each; see `Candidate.fit`."""
        check_training(texts, tags, vocabulary)
        self.vocabulary = tuple(vocabulary)
        counts = [self._word_counts(text) for text in texts]
        self._terms = self._choose_terms(counts)
        self._columns = {term: column for column, term in enumerate(self._terms)}
        bags = [self._bag(row) for row in counts]
        self._learn_topics(bags)
        labels = label_matrix(tags, self.vocabulary)
        self._mean: NDArray[np.float32] = labels.mean(axis=0)
        shares = self._sharpened(bags)
        prior = self.parameters.smoothing
        questions = shares.sum(axis=0)[:, None]
        affinity = (shares.T @ labels + prior * self._mean) / (questions + prior)
        self._affinity: NDArray[np.float32] = affinity.astype(np.float32)
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """
        Return the affinity of each text's topics to each tag; see `Candidate.score`.

        A text without a known word has no topics and gets the tags' shares in training.
        """
        bags = [self._bag(self._word_counts(text)) for text in texts]
        scores: NDArray[np.float32] = np.clip(self._sharpened(bags) @ self._affinity, 0, 1)
        scores[[not len(columns) for columns, _ in bags]] = self._mean
        return scores

    def explain(self, text: PreparedText, tag: str, limit: int = 5) -> tuple[Reason, ...]:
        """Return the words that brought the question to topics which ``tag`` goes with."""
        if tag not in self.vocabulary:
            return ()
        columns, numbers = self._bag(self._word_counts(text))
        shares = self._sharpened([(columns, numbers)])[0]
        likelihood = self._topic_words[:, columns] * shares[:, None]
        belongs = likelihood / np.maximum(likelihood.sum(axis=0), 1e-30)
        affinity = self._affinity[:, self.vocabulary.index(tag)]
        carried = numbers * (affinity @ belongs)
        order = np.argsort(-carried, kind="stable")[:limit]
        return tuple(Reason("word", self._terms[columns[i]], float(carried[i])) for i in order)

    def save(self, folder: Path) -> None:
        """Write the topics' words, the tags' affinities and ``lda.json``."""
        write_array(folder, "topic_words.npy", self._topic_words)
        write_array(folder, "topic_prior.npy", self._topic_prior)
        write_array(folder, "affinity.npy", self._affinity)
        write_array(folder, "mean.npy", self._mean)
        state = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "terms": self._terms,
        }
        write_json(folder, "lda.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; see `Candidate.load`."""
        state = read_json(folder, "lda.json")
        candidate = cls(LdaParameters(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate._terms = list(state["terms"])
        candidate._columns = {term: column for column, term in enumerate(candidate._terms)}
        candidate._topic_words = read_array(folder, "topic_words.npy")
        candidate._topic_prior = read_array(folder, "topic_prior.npy")
        candidate._affinity = read_array(folder, "affinity.npy")
        candidate._mean = read_array(folder, "mean.npy")
        topics = len(candidate._topic_prior)
        if candidate._topic_words.shape != (topics, len(candidate._terms)):
            raise ModelUnusableError(f"{folder / 'topic_words.npy'} does not fit lda.json")
        if candidate._affinity.shape != (topics, len(candidate.vocabulary)):
            raise ModelUnusableError(f"{folder / 'affinity.npy'} does not fit lda.json")
        return candidate

    def describe(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _word_counts(self, text: PreparedText) -> Counter[str]:
        title = keywords(PreparedText(text.title, "", ""))
        code = tokenize_code(text.code[:_CODE_CHARACTERS], parts=False)
        counts = Counter(keywords(PreparedText("", text.prose, "")))
        counts.update(word for word in code if word not in STOP_WORDS)
        for word in title:
            counts[word] += self.parameters.title_weight
        return counts

    def _choose_terms(self, counts: Sequence[Counter[str]]) -> list[str]:
        """Return the words that are neither too rare nor too common, sorted."""
        questions = Counter(word for row in counts for word in row)
        most = max(self.parameters.max_share * len(counts), self.parameters.min_questions)
        terms = sorted(
            word
            for word, count in questions.items()
            if self.parameters.min_questions <= count <= most
        )
        if not terms:
            raise FixInputError(
                "no word is used often enough to find topics: train on more months or lower "
                "min_questions"
            )
        return terms

    def _bag(self, counts: Counter[str]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the known words' columns, in order, and how often each occurs."""
        known = sorted(
            (self._columns[word], count) for word, count in counts.items() if word in self._columns
        )
        columns = np.array([column for column, _ in known], dtype=np.intp)
        return columns, np.array([count for _, count in known], dtype=np.float32)

    def _learn_topics(self, bags: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]]) -> None:
        from gensim.models import LdaModel

        model = LdaModel(
            [list(zip(columns.tolist(), counts.tolist(), strict=True)) for columns, counts in bags],
            num_topics=self.parameters.topics,
            id2word=dict(enumerate(self._terms)),
            passes=self.parameters.passes,
            alpha="asymmetric",
            random_state=self.parameters.seed,
            chunksize=500,
            eval_every=None,
        )
        # What inference needs: exp(E[log beta]), shape (topics, terms), and alpha.
        self._topic_words: NDArray[np.float32] = model.expElogbeta.astype(np.float32)
        self._topic_prior: NDArray[np.float32] = model.alpha.astype(np.float32)

    def _sharpened(
        self, bags: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]]
    ) -> NDArray[np.float32]:
        """Return each question's topic shares to the power of ``sharpness``, rows summing to 1."""
        shares = np.empty((len(bags), len(self._topic_prior)), dtype=np.float32)
        for row, (columns, counts) in enumerate(bags):
            shares[row] = self._topic_shares(columns, counts)
        shares **= np.float32(self.parameters.sharpness)
        shares /= shares.sum(axis=1, keepdims=True)
        return shares

    def _topic_shares(
        self, columns: NDArray[np.intp], counts: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """
        Return the expected topic shares of one question, shape (topics,), summing to 1.

        The E step of Hoffman, Blei and Bach, "Online learning for latent Dirichlet allocation"
        (NIPS 2010), from an even start, so that the same text always has the same topics.
        """
        words = self._topic_words[:, columns]
        weights = self._topic_prior + counts.sum() / np.float32(len(self._topic_prior))
        for _ in range(_STEPS):
            before = weights
            expected = np.exp(psi(weights) - psi(weights.sum())).astype(np.float32)
            normaliser = expected @ words + np.float32(1e-30)
            weights = self._topic_prior + expected * (words @ (counts / normaliser))
            if np.abs(weights - before).mean() < _TOLERANCE:
                break
        shares: NDArray[np.float32] = weights / weights.sum()
        return shares
