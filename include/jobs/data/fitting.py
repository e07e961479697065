"""A fit of a candidate within the memory that the machine's fits may take together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from include.candidates.base import Candidate
from include.candidates.encoders import MEMORY_MB as ENCODER_MB
from include.memory_budget import MemoryBudget, reserved, resident_memory
from include.text.prepared import LabelledTexts

_LIBRARIES_MB: Final = 250
"""Memory of the libraries that fits import when they start, in MiB: scikit-learn 140, gensim 70."""


@dataclass(frozen=True, slots=True)
class FitCost:
    """
    What a fit took.

    Parameters
    ----------
    seconds : float
        By the clock, without waiting for memory.
    reserved_mb : float
        What was reserved for it, in MiB; see `memory_to_reserve`.
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


def memory_to_reserve(candidate: Candidate, question_count: int, tag_count: int) -> float:
    """
    Return about how much a process's memory grows by a fit, in MiB.

    This is the estimate of `Candidate.fit_memory_mb`, and the libraries and encoders that the first
    fit of a process loads.
    """
    loaded_mb = _LIBRARIES_MB + sum(ENCODER_MB[name] for name in candidate.encoder_names)
    return candidate.fit_memory_mb(question_count, tag_count) + loaded_mb


def fit_within_budget(
    candidate: Candidate,
    questions: LabelledTexts,
    vocabulary: Sequence[str],
    budget: MemoryBudget | None,
    purpose: str,
) -> FitCost:
    """
    Reserve the memory of a candidate's fit, fit it, and return what that took.

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
    needed_mb = memory_to_reserve(candidate, len(questions), len(vocabulary))
    with reserved(budget, needed_mb, purpose), resident_memory() as memory:
        started = time.perf_counter()
        candidate.fit(questions.texts, questions.tags, vocabulary)
        seconds = time.perf_counter() - started
    return FitCost(seconds, needed_mb, memory.peak_mb - memory.before_mb, memory.peak_mb)
