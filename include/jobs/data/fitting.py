"""A fit of a candidate within the memory that the machine's fits may take together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from include.candidates.base import Candidate
from include.memory_budget import MemoryBudget, reserved, resident_memory
from include.text.prepared import LabelledTexts


@dataclass(frozen=True, slots=True)
class FitCost:
    """
    What a fit took.

    Parameters
    ----------
    seconds : float
        By the clock, without waiting for memory.
    reserved_mb : float
        The estimate that was reserved for it, in MiB.
    added_mb : float
        Resident memory of the process at its peak during the fit, less what it had before, in MiB;
        NaN where the system does not say.
    peak_mb : float
        At its peak during the fit, in MiB; NaN where the system does not say.
    """

    seconds: float
    reserved_mb: float
    added_mb: float
    peak_mb: float


def fit_within_budget(
    candidate: Candidate,
    questions: LabelledTexts,
    vocabulary: Sequence[str],
    budget: MemoryBudget | None,
    purpose: str,
) -> FitCost:
    """
    Reserve a candidate's estimate of memory, fit it, and return what that took.

    Parameters
    ----------
    candidate : Candidate
        Unfitted.
    questions : LabelledTexts
        Oldest first.
    vocabulary : sequence of str
        See `Candidate.fit`.
    budget : MemoryBudget or None
        None for no limit.
    purpose : str
        For the log.

    Raises
    ------
    RetryLaterError
        If other programs have left too little memory.
    """
    needed_mb = candidate.fit_memory_mb(len(questions), len(vocabulary))
    with reserved(budget, needed_mb, purpose), resident_memory() as memory:
        started = time.perf_counter()
        candidate.fit(questions.texts, questions.tags, vocabulary)
        seconds = time.perf_counter() - started
    return FitCost(seconds, needed_mb, memory.peak_mb - memory.before_mb, memory.peak_mb)
