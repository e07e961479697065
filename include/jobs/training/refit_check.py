"""
Judge the refitted model, which will be served, on questions that the tested one has learned too.

The gate judges a model that has not learned the test month, on that month. If the month's tags are
wrong, both models are judged by them, and the refitted one learns them. Both fits share the months
before: what was answered well there, and is not after the refit, was spoilt by the test month, or
by a fit that ended badly by chance.

Questions that neither has learned would have to be kept out of every fit. On a site of seventy
questions a month with a window of six, eight in a hundred are some forty, whose mean difference has
a standard error of .015; learned ones have .002 to .009, and cost nothing.

One wrong tag takes one of five places, which costs little F1 and much trust. So the check also
refuses a tag that is newly suggested for many of these questions although they do not have it.
"""

from __future__ import annotations

import tempfile
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.catalogue import load_candidate
from include.evaluation.bootstrap import BootstrapInterval, paired_difference
from include.evaluation.selection import NON_INFERIORITY_MARGIN
from include.jobs.data.datasets import TrainingData
from include.jobs.training.candidate_runs import CandidateRuns
from include.jobs.training.fit_and_score import rank_questions
from include.jobs.training.learned_from import LearnedFrom
from include.jobs.training.plan import TrainedCandidate
from include.months import add_months, month_of, month_start
from include.registry.runs import Run
from include.text.prepared import LabelledTexts

MAX_LOSS: Final = NON_INFERIORITY_MARGIN
"""
Of F1@5. tfidf on a window of six months, in 29 real months up to 2019-05 (devops and a slice about
reactive programming): with the month's own tags the loss was at most .0051, with the same tags
exchanged among its questions at least .0170 (`make bench-poison`).
"""
MAX_SPREAD: Final = 0.3
"""
Of the earlier questions, a tag may be new among the first five. In the same 29 months and five more
of the reactive slice, with the month's own tags, tfidf had at most .096 (rxjs6 at its release); in
a simulated event whose new tag is on 32 % of the month's questions, .16.
"""
MIN_RIGHT: Final = 0.03
"""
Share of these questions that have the tag. Where a tag spread further with the month's own tags,
4 % or more had it: `frequency` exchanges its fifth tag for all questions at once, and `word2vec`
suggested rxjs6 for 18 %. Of a tag that was put on everything, at most 1.5 % did.
"""
_MIN_SPREAD_QUESTIONS: Final = 20
MAX_QUESTIONS: Final = 1_000
MIN_QUESTIONS: Final = 50
_MONTHS: Final = 3
_PLACES: Final = 5


@dataclass(frozen=True, slots=True)
class SpreadTag:
    """
    A tag that the refitted model suggests for many earlier questions and the tested one did not.

    Parameters
    ----------
    tag : str
    share : float
        Of the questions, where it is new among the first five.
    right : float
        Of these, share that bears it.
    """

    tag: str
    share: float
    right: float


@dataclass(frozen=True, slots=True)
class RefitComparison:
    """
    What the refitted model has lost on questions that both have learned.

    Parameters
    ----------
    difference : BootstrapInterval
        F1@5 over all tags of the refitted model minus that of the tested one.
    spread : SpreadTag or None
        The tag that has spread too far, if one has.
    """

    difference: BootstrapInterval
    spread: SpreadTag | None = None

    @property
    def lost(self) -> bool:
        """Whether the loss is both significant and above `MAX_LOSS`."""
        return self.difference.mean < -MAX_LOSS and self.difference.high < 0

    @property
    def passed(self) -> bool:
        """Whether the model has not lost, and no tag has spread."""
        return not self.lost and self.spread is None

    @property
    def reason(self) -> str:
        """One clause for people, if it has not passed."""
        found = []
        if self.lost:
            found.append(f"worse: F1@5 differs by {self.difference}")
        if self.spread is not None:
            found.append(
                f"with {self.spread.tag} for {self.spread.share:.0%} of them, of which "
                f"{self.spread.right:.0%} bear it"
            )
        return (
            f"refitted with the tested questions, the model answers "
            f"{self.difference.question_count} earlier ones, which it had learned before, "
            f"{', and '.join(found)}; the tags of the tested questions may be wrong"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values: those of the difference, and ``spread``."""
        return asdict(self.difference) | {"spread": self.spread and asdict(self.spread)}


def learned_by_both(train: LabelledTexts, refit_from: datetime) -> LabelledTexts:
    """
    Return the latest questions that the tested and the refitted model have learned.

    At most `MAX_QUESTIONS` of the last three months before the test.

    Parameters
    ----------
    train : LabelledTexts
        The tested model's, oldest first, at least one.
    refit_from : datetime
        Aware: the first question that the refitted model has learned. A family that holds only the
        latest questions may have learned few of the training questions again.
    """
    start = max(refit_from, month_start(add_months(month_of(train.asked_at[-1]), 1 - _MONTHS)))
    first = max(bisect_left(train.asked_at, start), len(train) - MAX_QUESTIONS)
    return train.take(range(first, len(train)))


def compare_refit(
    tested: NDArray[np.float64],
    refitted: NDArray[np.float64],
    spread: SpreadTag | None = None,
    *,
    samples: int,
    seed: int,
) -> RefitComparison | None:
    """
    Compare both models; None if there are too few questions.

    Parameters
    ----------
    tested, refitted : ndarray of float, shape (n_questions,)
        F1@5 over all tags of the questions of `learned_by_both`.
    spread : SpreadTag or None, default=None
        See `spread_tag`.
    samples, seed : int
        Of the bootstrap.
    """
    if len(tested) < MIN_QUESTIONS:
        return None
    return RefitComparison(paired_difference(refitted, tested, samples=samples, seed=seed), spread)


def spread_tag(
    tested: Sequence[Sequence[str]],
    refitted: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]],
) -> SpreadTag | None:
    """
    Return the tag that has spread furthest, if it has spread too far.

    Parameters
    ----------
    tested, refitted : sequence of sequences of str, length n_questions
        What both models suggest, best first; five of each count.
    tags : sequence of sequences of str, length n_questions
        The questions' own.
    """
    new, right = Counter[str](), Counter[str]()
    for before, after, own in zip(tested, refitted, tags, strict=True):
        added = set(after[:_PLACES]) - set(before[:_PLACES])
        new.update(added)
        right.update(added & set(own))
    too_far = [
        SpreadTag(tag, count / len(tags), right[tag] / count)
        for tag, count in new.items()
        if count >= max(_MIN_SPREAD_QUESTIONS, MAX_SPREAD * len(tags))
        and right[tag] < MIN_RIGHT * count
    ]
    return max(too_far, key=lambda found: (found.share, found.tag), default=None)


def compare_with_tested(
    candidates: CandidateRuns,
    train: LabelledTexts,
    best: TrainedCandidate,
    refit: Run,
    refit_data: TrainingData,
    *,
    samples: int,
    seed: int,
) -> RefitComparison | None:
    """
    Compare a refitted model with the one that was tested; None if they share too few questions.

    Parameters
    ----------
    candidates : CandidateRuns
    train : LabelledTexts
        What the tested one has learned.
    best : TrainedCandidate
        The tested one.
    refit : Run
        Of the same family, with the tested questions too.
    refit_data : TrainingData
        Of the refit.
    samples, seed : int
        Of the bootstrap.

    Raises
    ------
    ModelUnusableError
        If one of both does not load.
    """
    candidate = candidates.unfitted(best.spec, refit_data)
    refit_from = LearnedFrom.of(candidate, refit_data).first_asked_at
    known = learned_by_both(train, refit_from)
    scores, suggested = [], []
    with tempfile.TemporaryDirectory() as work:
        for run in (candidates.runs.get(best.run_id), refit):
            model = load_candidate(candidates.runs.candidate(run, Path(work)), candidates.encoders)
            results = rank_questions(model, known, titles_too=False)
            scores.append(results.f1_all(results.question_ids, known.tags))
            suggested.append(results.ranking.tags)
    spread = spread_tag(suggested[0], suggested[1], known.tags)
    return compare_refit(scores[0], scores[1], spread, samples=samples, seed=seed)
