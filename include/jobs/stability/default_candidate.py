"""Which candidates a study takes that names none. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from include.jobs.training.plan import CandidateSpec
from include.months import add_months


def largest_window(counts: Mapping[str, int], window_months: int | None) -> int:
    """
    Return the number of questions in the largest training window of a site's stored months.

    Parameters
    ----------
    counts : mapping of str to int
        Stored questions by month; at least one.
    window_months : int or None
        Length of the window in months, >= 1; None for all months before the tested one.

    Examples
    --------
    >>> counts = {"2024-01": 10, "2024-02": 30, "2024-03": 20, "2024-04": 25}
    >>> largest_window(counts, None), largest_window(counts, 2)
    (60, 50)
    """
    if window_months is None:
        return sum(counts.values()) - counts[max(counts)]
    return max(
        sum(counts.get(add_months(month, -age), 0) for age in range(1, window_months + 1))
        for month in counts
    )


def that_hold(
    candidates: Sequence[CandidateSpec],
    question_count: int,
    limit_of: Callable[[CandidateSpec], int | None],
) -> tuple[CandidateSpec, ...]:
    """
    Return the candidates of the first family that can learn from so many questions.

    Every month of a study has to choose the same, whichever machine runs it, so that memory, which
    differs, has no part in it.

    Parameters
    ----------
    candidates : sequence of CandidateSpec
        At least one, those of a family together; the last is taken if none holds the questions.
    question_count : int
    limit_of : callable
        Returns `Candidate.question_limit` of a candidate.
    """
    limits = ((spec, limit_of(spec)) for spec in candidates)
    first = next(
        (spec for spec, limit in limits if limit is None or limit >= question_count),
        candidates[-1],
    )
    return tuple(spec for spec in candidates if spec.name == first.name)
