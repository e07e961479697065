"""
Causes of a drift period: tags and words whose use changed, affected slices, and examples. Pure.

Tags and words are ranked by the change of their log-odds between the questions before and the
questions of the period. Only changes that are significant after correction for multiple tests are
reported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.drift.contributors import MIN_USES
from include.drift.statistics import benjamini_hochberg, log_odds, two_sided_p
from include.evaluation.drift_periods import DriftPeriod
from include.evaluation.year import SliceLoss, TagChange, WordChange

FloatArray = NDArray[np.float64]

TAGS: Final = 8
WORDS: Final = 12
EXAMPLES: Final = 4
SMALLEST_SLICE: Final = 5
_FALSE_DISCOVERY_RATE: Final = 0.05
_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class QuestionContents:
    """
    Words and tags of n questions; the sequences are parallel.

    Parameters
    ----------
    words : sequence of collections of str, length n
        Each question's distinct words.
    tags : sequence of collections of str, length n
    """

    words: Sequence[Collection[str]]
    tags: Sequence[Collection[str]]


@dataclass(frozen=True, slots=True, eq=False)
class QuestionOutcomes:
    """
    F1@5 and slices of n questions, for the model whose quality fell.

    Parameters
    ----------
    f1 : ndarray of float, shape (n,)
        F1@5 over all true tags, in [0, 1].
    slices : mapping of str to ndarray of bool, shape (n,)
    """

    f1: FloatArray
    slices: Mapping[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class Causes:
    """
    Causes of a drift period, largest change first in each list.

    Parameters
    ----------
    new_tags, moved_tags : tuple of TagChange
        Tags outside and inside the vocabulary of the model whose quality fell.
    risen_words, fallen_words : tuple of WordChange
    slices : tuple of SliceLoss
    examples : tuple of int
        Positions of example questions within the period.
    """

    new_tags: tuple[TagChange, ...]
    moved_tags: tuple[TagChange, ...]
    risen_words: tuple[WordChange, ...]
    fallen_words: tuple[WordChange, ...]
    slices: tuple[SliceLoss, ...]
    examples: tuple[int, ...]


def find_causes(
    before: QuestionContents,
    during: QuestionContents,
    *,
    outcomes_before: QuestionOutcomes | None,
    outcomes: QuestionOutcomes,
    vocabulary: Collection[str],
) -> Causes:
    """
    Return what changed between the questions before and those of a period.

    Parameters
    ----------
    before, during : QuestionContents
        Each with at least one question.
    outcomes_before : QuestionOutcomes or None
        The model's outcomes before the period, possibly on other questions than ``before``; None
        if it was not tested then.
    outcomes : QuestionOutcomes
        Its outcomes in the period, parallel to ``during``.
    vocabulary : collection of str
        Of the model.
    """
    known = frozenset(vocabulary)
    tags = [
        TagChange(name, share_before, share_during, known=name in known)
        for name, share_before, share_during, _ in _significant_changes(before.tags, during.tags)
    ]
    new = tuple(tag for tag in tags if not tag.known and tag.after > tag.before)[:TAGS]
    moved = tuple(tag for tag in tags if tag.known)[:TAGS]
    words = [WordChange(*change) for change in _significant_changes(before.words, during.words)]
    risen_tags = [change.tag for change in (*new, *moved) if change.after > change.before]
    return Causes(
        new_tags=new,
        moved_tags=moved,
        risen_words=tuple(word for word in words if word.z > 0)[:WORDS],
        fallen_words=tuple(word for word in words if word.z < 0)[:WORDS],
        slices=_slices(outcomes_before, outcomes) if outcomes_before else (),
        examples=_examples(during.tags, outcomes.f1, risen_tags),
    )


def period_sentence(period: DriftPeriod, causes: Causes) -> str:
    """Return a drift period and its causes in one sentence."""
    when = (
        f"In {period.first}"
        if period.first == period.last
        else f"From {period.first} to {period.last}"
    )
    what = {
        "fresh": "the fresh model lost up to {:.3f} F1@5 against the months before",
        "frozen": "the frozen model lost up to {:.3f} F1@5 against the fresh "
        "model on the same questions",
    }[period.kind].format(period.loss)
    risen = [tag for tag in causes.moved_tags if tag.after > tag.before]
    fallen = [tag for tag in causes.moved_tags if tag.after < tag.before]
    reasons = [
        f"{label} {_tag_changes(changes)}"
        for label, changes in (
            ("new tags", causes.new_tags),
            ("tags that rose", risen),
            ("tags that fell", fallen),
        )
        if changes
    ]
    if not causes.new_tags and causes.risen_words:
        words = ", ".join(change.word for change in causes.risen_words[:_SHOWN])
        reasons.append(f"words that rose: {words}")
    if causes.slices and causes.slices[0].before > causes.slices[0].after:
        worst = causes.slices[0]
        reasons.append(
            f"the slice with the largest loss is {worst.name.replace('_', ' ')} "
            f"({worst.before:.2f} to {worst.after:.2f})"
        )
    because = "; ".join(reasons) or "no tag, word or slice changed significantly"
    return f"{when} {what}: {because}."


def _tag_changes(changes: Sequence[TagChange]) -> str:
    """Return a few tags with their shares, as ``combine (0% to 9%)``."""
    return ", ".join(
        f"{change.tag} ({change.before:.0%} to {change.after:.0%})" for change in changes[:_SHOWN]
    )


def _significant_changes(
    before: Sequence[Collection[str]], during: Sequence[Collection[str]]
) -> list[tuple[str, float, float, float]]:
    """
    Return the names whose use changed significantly, largest change first.

    Each with its share of the questions before and during the period, and z. A name counts once
    per question; names of fewer than five questions in both together cannot become significant
    and are left out of the correction for multiple tests.
    """
    counts_before = Counter(name for row in before for name in set(row))
    counts_during = Counter(name for row in during for name in set(row))
    names = sorted(counts_before.keys() | counts_during.keys())
    if not names:
        return []
    before_array = np.array([counts_before[name] for name in names], dtype=np.float64)
    during_array = np.array([counts_during[name] for name in names], dtype=np.float64)
    z = log_odds(before_array, during_array)
    tested = np.flatnonzero(before_array + during_array >= MIN_USES)
    significant = tested[benjamini_hochberg(two_sided_p(z[tested])) < _FALSE_DISCOVERY_RATE]
    ordered = sorted(significant.tolist(), key=lambda row: (-abs(z[row]), names[row]))
    return [
        (
            names[row],
            float(before_array[row] / len(before)),
            float(during_array[row] / len(during)),
            float(z[row]),
        )
        for row in ordered
    ]


def _slices(before: QuestionOutcomes, during: QuestionOutcomes) -> tuple[SliceLoss, ...]:
    """Return each slice's F1@5 before and in the period, largest loss first."""
    losses = []
    for name, mask in during.slices.items():
        mask_before = before.slices.get(name)
        if mask_before is None or min(mask_before.sum(), mask.sum()) < SMALLEST_SLICE:
            continue
        means = float(before.f1[mask_before].mean()), float(during.f1[mask].mean())
        losses.append(SliceLoss(name, *means, question_count=int(mask.sum())))
    return tuple(sorted(losses, key=lambda each: (each.after - each.before, each.name)))


def _examples(
    tags: Sequence[Collection[str]], f1: FloatArray, risen_tags: Sequence[str]
) -> tuple[int, ...]:
    """Return the questions with the lowest F1@5, first one for each tag that rose."""
    order = sorted(range(len(tags)), key=lambda row: (float(f1[row]), row))
    chosen: list[int] = []
    for tag in risen_tags[:EXAMPLES]:
        row = next((row for row in order if tag in tags[row] and row not in chosen), None)
        if row is not None:
            chosen.append(row)
    rest = [row for row in order if row not in chosen]
    return tuple([*chosen, *rest][:EXAMPLES])
