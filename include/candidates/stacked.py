"""
Stacked generalization, the model of tfidf, bert, use and hybrid.

First stage: kernel ridge regressions of all tags, each on one or more views of the questions.
Second stage: a reranker, a logistic regression shared by all tags. Its features, for each
(question, tag) pair, are the first stage's scores, how often the tag is used, the trend of its use,
and mentions of it in the question. It is fitted to what a model of earlier questions alone knew of
each question, so it knows how far each score can be trusted, also that of a tag that was used once.
The probabilities of the best tags are calibrated on the same questions.

References
----------
.. [1] D. H. Wolpert, "Stacked generalization", Neural Networks 5(2), 241-259, 1992.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory, Reason
from include.candidates.explanations import mention_reasons, score_slopes, strongest
from include.candidates.first_stage import TERMS, FirstStage, StackSpec
from include.candidates.held_out import (
    CALIBRATED_ON,
    calibrate,
    calibration_state,
    stored_calibration,
)
from include.candidates.labels import check_training_data, label_matrix
from include.candidates.mentions import MENTION_FEATURES, MentionFinder
from include.candidates.model_files import read_array, read_json, write_array, write_json
from include.candidates.reranker import Reranker, score_features, training_rows
from include.candidates.tag_trends import TagHistory
from include.candidates.time_blocks import Block, latest_blocks
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

_BATCH_SIZE: Final = 200
"""Texts scored at once: limits the memory for the scores of a large vocabulary."""


class StackedCandidate(Candidate):
    """Base of the two-stage families; a subclass gives its parameters and its `StackSpec`."""

    parameters: Any
    parameters_type: ClassVar[type]

    def __init__(self, parameters: Any, encoders: EncoderFactory) -> None:
        self.parameters = parameters
        self._encoders = encoders
        self._spec = self.spec()

    @abstractmethod
    def spec(self) -> StackSpec:
        """Return the parts of the model, from the family's parameters."""

    @property
    def question_limit(self) -> int | None:
        """The parameter ``max_questions``; see `Candidate.question_limit`."""
        limit: int = self._spec.max_questions
        return limit

    @property
    def encoder_names(self) -> tuple[str, ...]:
        """The views that are not of words; see `Candidate.encoder_names`."""
        return tuple(name for name in self._spec.views if name != TERMS)

    def fit_memory_mb(self, question_count: int, tag_count: int) -> float:
        """Return the size of kernels, scores and coefficients; see `Candidate.fit_memory_mb`."""
        n = min(question_count, self._spec.max_questions)
        kernels = max(len(self._spec.views) + 1, 3)  # a sparse product takes three
        scores = 4 * len(self._spec.ridges) + 4
        if TERMS in self._spec.views:  # weights in half precision of some twelve terms a question
            scores += 6 * len(self._spec.ridges_using(TERMS))
        return 4e-6 * n * (kernels * n + scores * tag_count)

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Fit the first stage, then the reranker; see `Candidate.fit`."""
        check_training_data(texts, tags, vocabulary)
        latest = slice(max(0, len(texts) - self._spec.max_questions), None)
        texts, tags = texts[latest], tags[latest]
        self.vocabulary = tuple(vocabulary)
        self._mentions = MentionFinder(self.vocabulary)
        labels_of_questions = label_matrix(tags, self.vocabulary)
        history = TagHistory(labels_of_questions)
        self._tag_features = np.stack(
            [np.log1p(history.counts, dtype=np.float32), history.latest_trends()], axis=1
        )
        labels = labels_of_questions.toarray()
        rows = training_rows(len(texts), len(self.vocabulary))
        blocks = latest_blocks(len(texts), rows.stop - rows.start)
        self._stage, scores = FirstStage.fit(self._spec, self._encoders, texts, labels, blocks)
        scored = slice(blocks[0].start, None)
        tag_features = _tag_features_known(history, blocks)
        features = self._pair_features(texts[scored], scores, tag_features)
        reranker = Reranker.fit(features, labels[scored])
        self._set_reranker(reranker)
        recent = slice(-CALIBRATED_ON, None)
        recent_scores = reranker.predict_proba(features[recent])
        self.calibration = calibrate(recent_scores, labels[scored][recent])
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the probability of each tag; see `Candidate.score`."""
        if len(texts) <= _BATCH_SIZE:
            return self._score(texts)
        starts = range(0, len(texts), _BATCH_SIZE)
        return np.concatenate([self._score(texts[start : start + _BATCH_SIZE]) for start in starts])

    def _set_reranker(self, reranker: Reranker) -> None:
        self._reranker = reranker
        first = 2 * len(self._spec.ridges)
        self._tag_logits = reranker.logits_of_tag_features(self._tag_features, first)

    def _score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        scores = self._stage.score(texts)
        mentions = (
            [self._mentions.find_dense(text) for text in texts] if self._spec.mentions else []
        )
        return self._reranker.predict_proba_from_parts(scores, self._tag_logits, mentions)

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        """Return the words, mentions and similar questions that raised each tag's log-odds most."""
        columns = {tag: self.vocabulary.index(tag) for tag in tags if tag in self.vocabulary}
        if not columns:
            return [()] * len(tags)
        scores = self._stage.score([text])[:, 0]
        evidence = self._stage.evidence(text)
        mentions = self._mentions.find_dense(text) if self._spec.mentions else None
        weights = self._reranker.weights[-1 - len(MENTION_FEATURES) : -1]

        def reasons(tag: str) -> tuple[Reason, ...]:
            column = columns[tag]
            slopes = score_slopes(self._reranker.weights, scores[:, column].tolist())
            found = evidence.reasons(column, slopes, limit)
            if mentions is not None:
                found += mention_reasons(tag, weights, mentions[column])
            return strongest(found, limit)

        return [reasons(tag) if tag in columns else () for tag in tags]

    def save(self, folder: Path) -> None:
        """Write the first stage's arrays, ``tag_facts.npy`` and ``<family>.json``."""
        self._stage.save(folder)
        write_array(folder, "tag_facts.npy", self._tag_features)
        state = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "pair_weights": self._reranker.weights.tolist(),
            "calibration": calibration_state(self.calibration),
            "encoders": {name: view.encoder.name for name, view in self._stage.embeddings.items()},
        }
        write_json(folder, f"{self.name}.json", state)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; encoders are created but compute nothing yet."""
        state = read_json(folder, f"{cls.name}.json")
        candidate = cls(cls.parameters_type(**state["parameters"]), encoders)
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate._mentions = MentionFinder(candidate.vocabulary)
        spec, size = candidate._spec, len(candidate.vocabulary)
        candidate._stage = FirstStage.load(folder, spec, encoders, state["encoders"], size)
        candidate._tag_features = read_array(folder, "tag_facts.npy")
        if candidate._tag_features.shape != (size, 2):
            raise ModelUnusableError(f"{folder}: tag_facts.npy does not fit the vocabulary")
        features = 2 * len(spec.ridges) + 2 + spec.mentions * len(MENTION_FEATURES)
        candidate._set_reranker(Reranker.from_list(state["pair_weights"], features))
        candidate.calibration = stored_calibration(state)
        return candidate

    def get_params(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _pair_features(
        self,
        texts: Sequence[PreparedText],
        scores: NDArray[np.float32],
        tag_features: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return shape (n_texts, n_vocabulary, n_features): scores, tag features, mentions."""
        parts = [*(score_features(ridge_scores) for ridge_scores in scores), tag_features]
        if self._spec.mentions:
            parts.append(np.stack([self._mentions.find_dense(text) for text in texts]))
        return np.concatenate(parts, axis=2)


def _tag_features_known(history: TagHistory, blocks: Sequence[Block]) -> NDArray[np.float32]:
    """Return shape (n_scored, n_vocabulary, 2): log count and trend as known at each block."""
    known = [history.known_before(block.known) for block in blocks]
    by_block = np.stack([np.stack([np.log1p(counts), trends], axis=1) for counts, trends in known])
    sizes = [block.stop - block.start for block in blocks]
    return np.repeat(by_block.astype(np.float32), sizes, axis=0)
