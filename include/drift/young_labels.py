"""
The fall of F1 that a checked month's young tags explain, as people still change them. Pure.

A month is checked when many of its tags are days old, against months whose tags have settled. Of
the hits on settled tags, tags that agree with them with an F1 of A show about the share A, if
people's changes do not depend on what a model suggests; the rest looks like a loss of the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from include.drift.signal_types import SignalValue


@dataclass(frozen=True, slots=True)
class YoungLabels:
    """
    How many more tags are young in the checked month than in the reference, and what that costs.

    Parameters
    ----------
    share : float
        Share of the checked questions whose tags were last read soon after the question, less that
        of the reference, in [0, 1].
    young_days : int
        How soon.
    agreement : float or None
        F1 of such tags against the settled ones, mean over the questions of earlier months, in
        [0, 1]; None if it is recorded for too few.
    months : int
        Months that it is known of.
    """

    share: float
    young_days: int
    agreement: float | None
    months: int

    def explained_fall(self, f1_reference: float) -> float:
        """
        Return the fall of the mean F1 that young tags alone explain, in [0, 1].

        Examples
        --------
        >>> round(YoungLabels(0.25, 7, 0.96, 3).explained_fall(0.5), 4)
        0.005
        """
        return 0.0 if self.agreement is None else self.share * (1 - self.agreement) * f1_reference

    def sentence(self, f1_reference: float) -> str:
        """Return what is not counted of F1's fall and why; empty if no tag is young."""
        if self.share <= 0:
            return ""
        young = f"{self.share:.0%} more tags than in the reference were last read within "
        young += f"{self.young_days} days of the question"
        if self.agreement is None:
            return (
                f"F1's fall is counted as measured: {young}, but how well such tags agree with "
                "settled ones is not recorded for earlier months."
            )
        return (
            f"Of F1's fall {self.explained_fall(f1_reference):.4f} is not counted: {young}, and "
            f"such tags agree with settled ones by {self.agreement:.3f} (mean F1 of {self.months} "
            "earlier months)."
        )


def without_explained_fall(
    values: Sequence[SignalValue], explained: float
) -> tuple[SignalValue, ...]:
    """Return the signals' values with ``explained`` taken off F1's fall and its interval."""
    return tuple(
        value
        if value.signal != "f1_fall"
        else replace(
            value,
            value=value.value - explained,
            interval=value.interval
            and (value.interval[0] - explained, value.interval[1] - explained),
        )
        for value in values
    )
