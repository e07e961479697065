"""
What is behind a period of drift: tags and words that moved, who lost, questions that show it. Pure.

Nothing here knows what to look for: tags and words are ranked by how far their log-odds moved
between the questions before and the questions of the period, and only what holds after a correction
for the number of tags or words looked at is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.drift.movers import RARE
from include.drift.statistics import benjamini_hochberg, log_odds, two_sided_p
from include.evaluation.periods import Period
from include.evaluation.year import SliceLoss, TagChange, WordChange

FloatArray = NDArray[np.float64]

TAGS: Final = 8
WORDS: Final = 12
EXAMPLES: Final = 4
SMALLEST_SLICE: Final = 5
_CERTAIN: Final = 0.05
_NAMED: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """
    What some questions are about; sequences run in parallel, n questions long.

    Parameters
    ----------
    words : sequence of collections of str, length n
        Each question's distinct words.
    tags : sequence of collections of str, length n
    """

    words: Sequence[Collection[str]]
    tags: Sequence[Collection[str]]


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """
    How the model that lost did on some questions.

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
    What is behind a period, strongest first in each list.

    Parameters
    ----------
    new_tags, moved_tags : tuple of TagChange
        Tags that the model that lost could not suggest, and those that it could.
    risen_words, fallen_words : tuple of WordChange
    slices : tuple of SliceLoss
    examples : tuple of int
        Positions of questions of the period.
    """

    new_tags: tuple[TagChange, ...]
    moved_tags: tuple[TagChange, ...]
    risen_words: tuple[WordChange, ...]
    fallen_words: tuple[WordChange, ...]
    slices: tuple[SliceLoss, ...]
    examples: tuple[int, ...]


def find_causes(
    before: Asked,
    during: Asked,
    *,
    judged_before: Judged | None,
    judged: Judged,
    vocabulary: Collection[str],
) -> Causes:
    """
    Return what changed between the questions before and those of a period.

    Parameters
    ----------
    before, during : Asked
        Each with at least one question.
    judged_before : Judged or None
        The model's answers before the period, maybe on other questions than ``before``; None if
        it was not tested then.
    judged : Judged
        Its answers in the period, parallel to ``during``.
    vocabulary : collection of str
        What it could suggest.
    """
    known = frozenset(vocabulary)
    tags = [
        TagChange(name, was, now, known=name in known)
        for name, was, now, _ in _moved(before.tags, during.tags)
    ]
    new = tuple(tag for tag in tags if not tag.known and tag.after > tag.before)[:TAGS]
    moved = tuple(tag for tag in tags if tag.known)[:TAGS]
    words = [WordChange(*change) for change in _moved(before.words, during.words)]
    came = [change.tag for change in (*new, *moved) if change.after > change.before]
    return Causes(
        new_tags=new,
        moved_tags=moved,
        risen_words=tuple(word for word in words if word.z > 0)[:WORDS],
        fallen_words=tuple(word for word in words if word.z < 0)[:WORDS],
        slices=_slices(judged_before, judged) if judged_before else (),
        examples=_examples(during.tags, judged.f1, came),
    )


def say(period: Period, causes: Causes) -> str:
    """Return a period and what is behind it in one sentence."""
    when = (
        f"In {period.first}"
        if period.first == period.last
        else f"From {period.first} to {period.last}"
    )
    what = {
        "fresh": "even the model trained just before lost up to {:.3f} F1@5 against the months "
        "before",
        "frozen": "the model trained at the start lost up to {:.3f} F1@5 against a freshly trained "
        "one on the same questions",
    }[period.kind].format(period.loss)
    risen = [tag for tag in causes.moved_tags if tag.after > tag.before]
    fallen = [tag for tag in causes.moved_tags if tag.after < tag.before]
    reasons = [
        f"{said} {_named(changes)}"
        for said, changes in (
            ("new tags", causes.new_tags),
            ("tags that rose", risen),
            ("tags that fell", fallen),
        )
        if changes
    ]
    if not causes.new_tags and causes.risen_words:
        words = ", ".join(change.word for change in causes.risen_words[:_NAMED])
        reasons.append(f"words that rose: {words}")
    if causes.slices and causes.slices[0].before > causes.slices[0].after:
        worst = causes.slices[0]
        reasons.append(
            f"most was lost on the slice {worst.name.replace('_', ' ')} "
            f"({worst.before:.2f} to {worst.after:.2f})"
        )
    because = "; ".join(reasons) or "no tag, word or slice moved beyond chance"
    return f"{when} {what}: {because}."


def _named(changes: Sequence[TagChange]) -> str:
    """Return a few tags with their shares, as ``combine (0% to 9%)``."""
    return ", ".join(
        f"{change.tag} ({change.before:.0%} to {change.after:.0%})" for change in changes[:_NAMED]
    )


def _moved(
    before: Sequence[Collection[str]], during: Sequence[Collection[str]]
) -> list[tuple[str, float, float, float]]:
    """
    Return the names whose use moved beyond chance, strongest first.

    Each with its share of the questions before and after, and z. A name counts once a question;
    those that fewer than five questions on both sides together bear cannot be told from chance
    and are left out of the correction for many tests.
    """
    was = Counter(name for names in before for name in set(names))
    now = Counter(name for names in during for name in set(names))
    everything = sorted(was.keys() | now.keys())
    if not everything:
        return []
    count_was = np.array([was[name] for name in everything], dtype=np.float64)
    count_now = np.array([now[name] for name in everything], dtype=np.float64)
    z = log_odds(count_was, count_now)
    often = np.flatnonzero(count_was + count_now >= RARE)
    certain = often[benjamini_hochberg(two_sided_p(z[often])) < _CERTAIN]
    strongest = sorted(certain.tolist(), key=lambda row: (-abs(z[row]), everything[row]))
    return [
        (
            everything[row],
            float(count_was[row] / len(before)),
            float(count_now[row] / len(during)),
            float(z[row]),
        )
        for row in strongest
    ]


def _slices(before: Judged, during: Judged) -> tuple[SliceLoss, ...]:
    """Return each slice's F1@5 before and in the period, largest loss first."""
    found = []
    for name, after in during.slices.items():
        was = before.slices.get(name)
        if was is None or min(was.sum(), after.sum()) < SMALLEST_SLICE:
            continue
        means = float(before.f1[was].mean()), float(during.f1[after].mean())
        found.append(SliceLoss(name, *means, question_count=int(after.sum())))
    return tuple(sorted(found, key=lambda each: (each.after - each.before, each.name)))


def _examples(
    tags: Sequence[Collection[str]], f1: FloatArray, came: Sequence[str]
) -> tuple[int, ...]:
    """Return the questions that the model did worst on, first one for each tag that came."""
    order = sorted(range(len(tags)), key=lambda row: (float(f1[row]), row))
    chosen: list[int] = []
    for tag in came[:EXAMPLES]:
        row = next((row for row in order if tag in tags[row] and row not in chosen), None)
        if row is not None:
            chosen.append(row)
    rest = [row for row in order if row not in chosen]
    return tuple([*chosen, *rest][:EXAMPLES])
