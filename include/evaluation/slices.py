"""
Slices: kinds of questions on which a model may fail unnoticed, as masks over test questions. Pure.

A mask depends on the questions and on the training window, never on a model, so that two models are
compared on the same questions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.evaluation.metrics import DEPTH, QuestionScores, score_questions

SHORT: Final = "short"
CODE_HEAVY: Final = "code_heavy"
RARE_TAGS: Final = "rare_tags"
NEW_TAGS: Final = "new_tags"
GATED_SLICES: Final = (SHORT, CODE_HEAVY, RARE_TAGS, NEW_TAGS)
"""The slices that can stop a promotion; evaluations report two more variants."""
TITLE_ONLY: Final = "title_only"
WITHOUT_COMMON: Final = "without_common_tags"

SHORT_WORDS: Final = 50
CODE_HEAVY_SHARE: Final = 0.5
RARE_SHARE: Final = 0.005
COMMON_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class SliceFeatures:
    """
    Features of test questions that define slices; the sequences are parallel.

    Parameters
    ----------
    true_tags : sequence of collections of str, length n
    word_counts : sequence of int, length n
        Words of title and prose.
    code_shares : sequence of float, length n
        Characters of code among all characters, in [0, 1].
    """

    true_tags: Sequence[Collection[str]]
    word_counts: Sequence[int]
    code_shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class TrainingTagCounts:
    """
    Tag counts of the training window, which define slices by tag.

    Parameters
    ----------
    tag_counts : mapping of str to int
        Questions that have each tag.
    question_count : int
    recent_tags : collection of str
        Tags first used in the window's last months; tags never used in it are new as well.
    """

    tag_counts: Mapping[str, int]
    question_count: int
    recent_tags: Collection[str]


def slice_masks(
    questions: SliceFeatures, training: TrainingTagCounts, vocabulary: Collection[str]
) -> dict[str, NDArray[np.bool_]]:
    """
    Return the mask of each of `GATED_SLICES`; a question may belong to several or none.

    * ``short``: fewer than `SHORT_WORDS` words in title and prose.
    * ``code_heavy``: more than `CODE_HEAVY_SHARE` of the characters are code.
    * ``rare_tags``: has a tag of the vocabulary that fewer than `RARE_SHARE` of the training
      questions have.
    * ``new_tags``: has a recent tag, or one that is not in the training window.
    """
    rare_below = RARE_SHARE * training.question_count
    counts = training.tag_counts
    rare = {tag for tag in vocabulary if counts.get(tag, 0) < rare_below}
    seen = {tag for tag in counts if counts[tag]}
    old = seen.difference(training.recent_tags)
    return {
        SHORT: np.asarray(questions.word_counts) < SHORT_WORDS,
        CODE_HEAVY: np.asarray(questions.code_shares) > CODE_HEAVY_SHARE,
        RARE_TAGS: _mask(not rare.isdisjoint(tags) for tags in questions.true_tags),
        NEW_TAGS: _mask(not old.issuperset(tags) for tags in questions.true_tags),
    }


def _mask(members: Iterable[bool]) -> NDArray[np.bool_]:
    """Return an array of one boolean per question."""
    return np.fromiter(members, dtype=np.bool_)


def common_tags(
    true_tags: Sequence[Collection[str]], share: float = COMMON_SHARE
) -> frozenset[str]:
    """
    Return the tags that more than ``share`` of the questions have.

    In questions that were collected by tag, these tags are almost always right and inflate every
    score.

    Raises
    ------
    FixInputError
        If ``share`` is outside (0, 1].
    """
    if not 0 < share <= 1:
        raise FixInputError(f"share must be in (0, 1], got {share}")
    counts = Counter(tag for tags in true_tags for tag in set(tags))
    return frozenset(tag for tag, count in counts.items() if count > share * len(true_tags))


def score_without(
    removed: Collection[str],
    ranked: Sequence[Sequence[str]],
    true_tags: Sequence[Collection[str]],
    vocabulary: Collection[str],
) -> QuestionScores:
    """
    Score as if the tags ``removed`` did not exist, neither in the truth nor in the suggestions.

    Questions without any other tag are dropped. Pass rankings deeper than DEPTH, so that five
    suggestions remain.
    """
    excluded = frozenset(removed)
    kept = [
        ([tag for tag in suggested if tag not in excluded][:DEPTH], set(tags) - excluded)
        for suggested, tags in zip(ranked, true_tags, strict=True)
        if not excluded.issuperset(tags)
    ]
    return score_questions(
        [suggested for suggested, _ in kept],
        [tags for _, tags in kept],
        frozenset(vocabulary) - excluded,
    )
