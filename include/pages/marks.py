"""Letters that identify drift periods on the page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from include.evaluation.year import ExplainedPeriod
from include.months import months_between


@dataclass(frozen=True, slots=True)
class Mark:
    """
    A drift period with its letter.

    Parameters
    ----------
    letter : str
        ``A`` for the earliest, then in order of time.
    explained : ExplainedPeriod
    months : tuple of str
        All months of the period.
    """

    letter: str
    explained: ExplainedPeriod
    months: tuple[str, ...]

    @property
    def kind(self) -> str:
        """``fresh`` or ``frozen``, as in `include.evaluation.drift_periods.DriftPeriod`."""
        return self.explained.period.kind


def marks_of(periods: Sequence[ExplainedPeriod]) -> tuple[Mark, ...]:
    """Assign letters in order of time; of two that start together, the fresh model's first."""
    ordered = sorted(periods, key=lambda each: (each.period.first, each.period.kind != "fresh"))
    return tuple(
        Mark(_letter(index), each, months_between(each.period.first, each.period.last))
        for index, each in enumerate(ordered)
    )


def _letter(index: int) -> str:
    """Return A to Z, then A2 to Z2, and so on."""
    repetition, position = divmod(index, len(ascii_uppercase))
    return ascii_uppercase[position] + (str(repetition + 1) if repetition else "")
