"""
What tfidf, bert, use and hybrid have in common: two stages.

First stage: ridge regressions of all tags, each on its own blend of views. Second stage: for every
(question, tag) pair, the first stage's scores, how often the tag is used, whether it is rising, and
whether the question names it, weighed by a logistic regression that all tags share. It learns from
leave-one-out scores, so it knows how far each score can be trusted.
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
from include.candidates.first_stage import Design, FirstStage
from include.candidates.folder import read_array, read_json, write_array, write_json
from include.candidates.labels import check_training, label_matrix
from include.candidates.mentions import MENTION_FEATURES, MentionFinder
from include.candidates.pairs import PairModel, latest_rows, score_features
from include.candidates.recency import rise_before_each
from include.errors import ModelUnusableError
from include.text.prepared import PreparedText

_AT_ONCE: Final = 200
"""Texts scored at once: keeps the pair features of a large vocabulary in memory's reach."""


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
        rise = rise_before_each(labels)
        self._tag_facts = _tag_facts(labels, rise[-1])
        self._stage, left_out = FirstStage.fit(self._design, self._encoders, texts, labels)
        rows = latest_rows(len(texts), len(self.vocabulary))
        facts = np.broadcast_to(self._tag_facts, (len(labels[rows]), *self._tag_facts.shape)).copy()
        facts[:, :, 1] = rise[:-1][rows]
        features = self._pair_features(texts[rows], left_out[:, rows], facts)
        self._learn_pairs(PairModel.fit(features, labels[rows]))
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the chance of each tag; see `Candidate.score`."""
        if len(texts) <= _AT_ONCE:
            return self._score(texts)
        starts = range(0, len(texts), _AT_ONCE)
        return np.concatenate([self._score(texts[at : at + _AT_ONCE]) for at in starts])

    def _learn_pairs(self, pairs: PairModel) -> None:
        self._pairs = pairs
        self._tag_logits = pairs.logits_of_facts(self._tag_facts, 2 * len(self._design.blends))

    def _score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        scores = self._stage.score(texts)
        mentions = [self._mentions.find(text) for text in texts] if self._design.mentions else []
        return self._pairs.chance_of_parts(scores, self._tag_logits, mentions)

    def explain(self, text: PreparedText, tag: str, limit: int = 5) -> tuple[Reason, ...]:
        """Return the words, mentions and like questions that raised the tag's log-odds most."""
        if tag not in self.vocabulary:
            return ()
        column = self.vocabulary.index(tag)
        scores = self._stage.score([text])
        reasons = self._stage.reasons(text, column, self._slopes(scores[:, 0, column]))
        if self._design.mentions:
            values = self._mentions.find(text)[column]
            weights = self._pairs.weights[-1 - len(MENTION_FEATURES) : -1]
            reasons += [
                Reason("mention", f"{tag}: {name}", float(weight * value))
                for name, weight, value in zip(MENTION_FEATURES, weights, values, strict=True)
            ]
        strongest = sorted(reasons, key=lambda reason: (-reason.weight, reason.text))
        return tuple(reason for reason in strongest[:limit] if reason.weight > 0)

    def save(self, folder: Path) -> None:
        """Write the first stage's arrays, ``tag_facts.npy`` and ``<family>.json``."""
        self._stage.save(folder)
        write_array(folder, "tag_facts.npy", self._tag_facts)
        described = {
            "parameters": asdict(self.parameters),
            "vocabulary": self.vocabulary,
            "pair_weights": self._pairs.weights.tolist(),
            "encoders": {name: view.encoder.name for name, view in self._stage.meanings.items()},
        }
        write_json(folder, f"{self.name}.json", described)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; encoders are made but compute nothing yet."""
        described = read_json(folder, f"{cls.name}.json")
        candidate = cls(cls.parameters_type(**described["parameters"]), encoders)
        candidate.vocabulary = tuple(described["vocabulary"])
        candidate._mentions = MentionFinder(candidate.vocabulary)
        design, size = candidate._design, len(candidate.vocabulary)
        candidate._stage = FirstStage.load(folder, design, encoders, described["encoders"], size)
        candidate._tag_facts = read_array(folder, "tag_facts.npy")
        if candidate._tag_facts.shape != (size, 2):
            raise ModelUnusableError(f"{folder}: tag_facts.npy does not fit the vocabulary")
        features = 2 * len(design.blends) + 2 + design.mentions * len(MENTION_FEATURES)
        candidate._learn_pairs(PairModel.from_list(described["pair_weights"], features))
        return candidate

    def describe(self) -> dict[str, Any]:
        """Return the parameters."""
        return asdict(self.parameters)

    def _pair_features(
        self,
        texts: Sequence[PreparedText],
        scores: NDArray[np.float32],
        facts: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return shape (n_texts, n_vocabulary, n_features): scores, the tags' facts, mentions."""
        parts = [*(score_features(blend) for blend in scores), facts]
        if self._design.mentions:
            parts.append(np.stack([self._mentions.find(text) for text in texts]))
        return np.concatenate(parts, axis=2)

    def _slopes(self, scores: NDArray[np.float32]) -> list[float]:
        """Return how far the log-odds move with each blend's score, where this pair stands."""
        weights = self._pairs.weights
        return [
            float(weights[2 * index] + weights[2 * index + 1] / max(float(score), 0.01))
            for index, score in enumerate(scores)
        ]


def _tag_facts(labels: NDArray[np.float32], rise: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return shape (n_vocabulary, 2): the logarithm of each tag's uses, and its rise."""
    return np.stack([np.log1p(labels.sum(axis=0)), rise], axis=1)
