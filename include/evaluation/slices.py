"""
Kinds of questions on which a model may fail unseen: masks over the test month's questions.

A mask depends on the questions and on the training window, never on a model, so that two models are
compared on the same ones.
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
GATED: Final = (SHORT, CODE_HEAVY, RARE_TAGS, NEW_TAGS)
"""The slices that may stop a promotion; evaluations show two variations more."""
TITLE_ONLY: Final = "title_only"
WITHOUT_COMMON: Final = "without_common_tags"

SHORT_WORDS: Final = 50
CODE_HEAVY_SHARE: Final = 0.5
RARE_SHARE: Final = 0.005
COMMON_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class TestQuestions:
    """
    What slices look at; the sequences run in parallel.

    Parameters
    ----------
    true_tags : sequence of collections of str, length n
    word_counts : sequence of int, length n
        Words of title and prose.
    code_shares : sequence of float, length n
        Characters of code among all characters, in [0, 1].
    """

    __test__ = False  # pytest: not a test class

    true_tags: Sequence[Collection[str]]
    word_counts: Sequence[int]
    code_shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class Training:
    """
    What slices need of the training window.

    Parameters
    ----------
    tag_counts : mapping of str to int
        Questions that bear each tag.
    question_count : int
    young_tags : collection of str
        Tags first used in the window's last months; tags never used in it are new anyway.
    """

    tag_counts: Mapping[str, int]
    question_count: int
    young_tags: Collection[str]


def slice_masks(
    questions: TestQuestions, training: Training, vocabulary: Collection[str]
) -> dict[str, NDArray[np.bool_]]:
    """
    Return which questions belong to each of `GATED`; a question may belong to several or none.

    * ``short``: fewer than `SHORT_WORDS` words in title and prose.
    * ``code_heavy``: more than `CODE_HEAVY_SHARE` of the characters are code.
    * ``rare_tags``: bears a tag of the vocabulary that fewer than `RARE_SHARE` of the training
      questions bear.
    * ``new_tags``: bears a tag that is young or was never seen in training.
    """
    rare_below = RARE_SHARE * training.question_count
    counts = training.tag_counts
    rare = {tag for tag in vocabulary if counts.get(tag, 0) < rare_below}
    seen = {tag for tag in counts if counts[tag]}
    old = seen.difference(training.young_tags)
    return {
        SHORT: np.asarray(questions.word_counts) < SHORT_WORDS,
        CODE_HEAVY: np.asarray(questions.code_shares) > CODE_HEAVY_SHARE,
        RARE_TAGS: _mask(not rare.isdisjoint(tags) for tags in questions.true_tags),
        NEW_TAGS: _mask(not old.issuperset(tags) for tags in questions.true_tags),
    }


def _mask(members: Iterable[bool]) -> NDArray[np.bool_]:
    """Return an array of what was said of each question."""
    return np.fromiter(members, dtype=np.bool_)


def common_tags(
    true_tags: Sequence[Collection[str]], share: float = COMMON_SHARE
) -> frozenset[str]:
    """
    Return the tags that more than ``share`` of the questions bear.

    Where questions were collected by tag, these tags are nearly given away and make every score
    run high.

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
    left_out: Collection[str],
    ranked: Sequence[Sequence[str]],
    true_tags: Sequence[Collection[str]],
    vocabulary: Collection[str],
) -> QuestionScores:
    """
    Score as if the tags ``left_out`` did not exist, neither in the truth nor in the suggestions.

    Questions without any other tag are left out. Pass rankings deeper than DEPTH, so that five
    suggestions remain.
    """
    gone = frozenset(left_out)
    kept = [
        ([tag for tag in suggested if tag not in gone][:DEPTH], set(tags) - gone)
        for suggested, tags in zip(ranked, true_tags, strict=True)
        if not gone.issuperset(tags)
    ]
    return score_questions(
        [suggested for suggested, _ in kept],
        [tags for _, tags in kept],
        frozenset(vocabulary) - gone,
    )
