"""
Topics of a latent Dirichlet allocation, which does not see the tags, and the tags of each topic.

A topic's affinity to a tag is the smoothed share of its questions that have the tag. A question's
score is the mean affinity of its topics, weighted by their proportions in it. gensim is needed for
training only: the topics of a new question are inferred here, by the same variational E-step.

References
----------
.. [1] D. M. Blei, A. Y. Ng and M. I. Jordan, "Latent Dirichlet allocation", Journal of Machine
   Learning Research 3, 993-1022, 2003.
.. [2] M. D. Hoffman, D. M. Blei and F. Bach, "Online learning for latent Dirichlet allocation",
   NIPS 2010.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import psi

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.held_out import (
    calibrate,
    calibration_rows,
    calibration_state,
    stored_calibration,
)
from include.candidates.labels import check_training_data, label_matrix
from include.candidates.model_files import read_array, read_json, write_array, write_json
from include.errors import FixInputError, ModelUnusableError
from include.text.prepared import PreparedText
from include.text.stop_words import STOP_WORDS
from include.text.tokens import keywords, tokenize_code

_MAX_CODE_CHARACTERS: Final = 6_000
_MAX_ITERATIONS: Final = 60
_TOLERANCE: Final = 1e-3
_MB_PER_QUESTION: Final = 0.023
"""Memory of its bag of words, as measured on Stack Overflow's questions."""


@dataclass(frozen=True, slots=True)
class LdaParameters:
    """
    Parameters of `Lda`.

    Parameters
    ----------
    topics : int, default=150
        >= 2.
    passes : int, default=6
        Over the training questions; >= 1.
    title_weight : int, default=2
        Factor on the counts of words in the title; >= 1.
    min_questions : int, default=3
        Minimum document frequency of a word; >= 1.
    max_share : float, default=0.3
        Maximum document frequency of a word, as a share of the questions; in (0, 1].
    sharpness : float, default=2.5
        Exponent on a question's topic proportions, which raises its main topics; > 0.
    smoothing : float, default=0.5
        Pseudo-count of average questions in each topic; > 0.
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
    """Topics and their affinities to tags; see the module."""

    name: ClassVar[str] = "lda"

    def __init__(self, parameters: LdaParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters

    def fit_memory_mb(self, question_count: int, tag_count: int) -> float:
        """Return the size of the bags of words; see `Candidate.fit_memory_mb`."""
        topics_mb = 8e-6 * self.parameters.topics * (question_count + tag_count)
        return _MB_PER_QUESTION * question_count + topics_mb

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Fit the topics, then their affinities to tags; see `Candidate.fit`."""
        check_training_data(texts, tags, vocabulary)
        self.vocabulary = tuple(vocabulary)
        counts = [self._word_counts(text) for text in texts]
        self._terms = self._select_terms(counts)
        self._columns = {term: column for column, term in enumerate(self._terms)}
        bags = [self._bag(row) for row in counts]
        self._fit_topics(bags)
        labels = label_matrix(tags, self.vocabulary)
        proportions = self._topic_weights(bags)
        held_out = calibration_rows(len(bags))
        if held_out.start < held_out.stop:  # the topics, which know no tags, are those of all
            self._fit_affinity(proportions[: held_out.start], labels[: held_out.start])
            scores = self._scores(bags[held_out], proportions[held_out])
            self.calibration = calibrate(scores, labels[held_out].toarray())
        self._fit_affinity(proportions, labels)
        return self

    def _fit_affinity(self, proportions: NDArray[np.float32], labels: sp.csr_array) -> None:
        self._mean: NDArray[np.float32] = labels.mean(axis=0, dtype=np.float32)
        prior = self.parameters.smoothing
        questions = proportions.sum(axis=0)[:, None]
        affinity = (proportions.T @ labels + prior * self._mean) / (questions + prior)
        self._affinity: NDArray[np.float32] = affinity.astype(np.float32)

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """
        Return the affinity of each text's topics to each tag; see `Candidate.score`.

        A text without a known word has no topics and gets the tags' shares in training.
        """
        bags = [self._bag(self._word_counts(text)) for text in texts]
        return self._scores(bags, self._topic_weights(bags))

    def _scores(
        self,
        bags: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]],
        proportions: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = np.clip(proportions @ self._affinity, 0, 1)
        scores[[not len(columns) for columns, _ in bags]] = self._mean
        return scores

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        """Return the words that contribute most to the affinity of the topics to each tag."""
        columns, counts = self._bag(self._word_counts(text))
        proportions = self._topic_weights([(columns, counts)])[0]
        likelihood = self._topic_words[:, columns] * proportions[:, None]
        responsibilities = likelihood / np.maximum(likelihood.sum(axis=0), 1e-30)

        def reasons(tag: str) -> tuple[Reason, ...]:
            affinity = self._affinity[:, self.vocabulary.index(tag)]
            contributions = counts * (affinity @ responsibilities)
            order = np.argsort(-contributions, kind="stable")[:limit]
            return tuple(
                Reason("word", self._terms[columns[i]], float(contributions[i])) for i in order
            )

        return [reasons(tag) if tag in self.vocabulary else () for tag in tags]

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
            "calibration": calibration_state(self.calibration),
        }
        write_json(folder, "lda.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; see `Candidate.load`."""
        state = read_json(folder, "lda.json")
        candidate = cls(LdaParameters(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate.calibration = stored_calibration(state)
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

    def get_params(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _word_counts(self, text: PreparedText) -> Counter[str]:
        title = keywords(PreparedText(text.title, "", ""))
        code = tokenize_code(text.code[:_MAX_CODE_CHARACTERS], parts=False)
        counts = Counter(keywords(PreparedText("", text.prose, "")))
        counts.update(word for word in code if word not in STOP_WORDS)
        for word in title:
            counts[word] += self.parameters.title_weight
        return counts

    def _select_terms(self, counts: Sequence[Counter[str]]) -> list[str]:
        """Return the words whose document frequency is within the limits, sorted."""
        questions = Counter(word for row in counts for word in row)
        most = max(self.parameters.max_share * len(counts), self.parameters.min_questions)
        terms = sorted(
            word
            for word, count in questions.items()
            if self.parameters.min_questions <= count <= most
        )
        if not terms:
            raise FixInputError(
                "no word is used often enough to fit topics: train on more months or lower "
                "min_questions"
            )
        return terms

    def _bag(self, counts: Counter[str]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Return the bag of words: the columns of known words, ascending, and their counts."""
        known = sorted(
            (self._columns[word], count) for word, count in counts.items() if word in self._columns
        )
        columns = np.array([column for column, _ in known], dtype=np.intp)
        return columns, np.array([count for _, count in known], dtype=np.float32)

    def _fit_topics(self, bags: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]]) -> None:
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
        # The parameters for inference: exp(E[log beta]), shape (topics, terms), and alpha.
        self._topic_words: NDArray[np.float32] = model.expElogbeta.astype(np.float32)
        self._topic_prior: NDArray[np.float32] = model.alpha.astype(np.float32)

    def _topic_weights(
        self, bags: Sequence[tuple[NDArray[np.intp], NDArray[np.float32]]]
    ) -> NDArray[np.float32]:
        """Return the topic proportions, raised to ``sharpness`` and renormalized, rows sum to 1."""
        proportions = np.empty((len(bags), len(self._topic_prior)), dtype=np.float32)
        for row, (columns, counts) in enumerate(bags):
            proportions[row] = self._infer_topics(columns, counts)
        proportions **= np.float32(self.parameters.sharpness)
        proportions /= proportions.sum(axis=1, keepdims=True)
        return proportions

    def _infer_topics(
        self, columns: NDArray[np.intp], counts: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """
        Return the expected topic proportions of one question, shape (topics,), summing to 1.

        The variational E-step of Hoffman et al. [1]_, started from a uniform gamma instead of a
        random one, so that the same text always has the same topics.

        References
        ----------
        .. [1] M. D. Hoffman, D. M. Blei and F. Bach, "Online learning for latent Dirichlet
           allocation", NIPS 2010, algorithm 1.
        """
        words = self._topic_words[:, columns]
        gamma = self._topic_prior + counts.sum() / np.float32(len(self._topic_prior))
        for _ in range(_MAX_ITERATIONS):
            before = gamma
            expected = np.exp(psi(gamma) - psi(gamma.sum())).astype(np.float32)
            normalizer = expected @ words + np.float32(1e-30)
            gamma = self._topic_prior + expected * (words @ (counts / normalizer))
            if np.abs(gamma - before).mean() < _TOLERANCE:
                break
        proportions: NDArray[np.float32] = gamma / gamma.sum()
        return proportions
