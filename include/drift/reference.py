"""The reference period: the months that an analysis period is compared with. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Final

import numpy as np

from include.drift.samples import Observations
from include.errors import FixInputError
from include.months import add_months, months_between

REFERENCE_MONTHS: Final = 6
REFERENCE_SHARE: Final = 1 / 3
HISTORY_MONTHS: Final = 18
"""Months that estimate the between-month variability."""


def stable_months(training_months: Sequence[str], alarmed: Collection[str]) -> tuple[str, ...]:
    """
    Return the months of a training window since the last alarm, that month included.

    Months before an alarm no longer describe the current distribution; the month of the alarm is
    the first of the new reference, once a model was trained on it.

    Parameters
    ----------
    training_months : sequence of str
        Months of the training window, ascending, at least one.
    alarmed : collection of str
        Months in which drift was found, in any order, also later ones.

    Examples
    --------
    >>> stable_months(("2024-01", "2024-02", "2024-03"), {"2024-02", "2024-09"})
    ('2024-02', '2024-03')
    """
    last = max(
        (month for month in alarmed if month in set(training_months)), default=training_months[0]
    )
    return tuple(month for month in training_months if month >= last)


def reference_months(
    training_months: Sequence[str], alarmed: Collection[str], quiet: Collection[str] = ()
) -> tuple[str, ...]:
    """
    Return the months of the reference period, ascending.

    The latest third of the training window, six months at most. After an alarm within the window
    only the stable months count; if they are fewer than six, the months without drift that follow
    the window are added, so that a comparison does not rest on one month for long. The limit of six
    keeps the reference from following a slow drift.

    Parameters
    ----------
    training_months : sequence of str
        Months of the training window, ascending, at least one.
    alarmed : collection of str
        Months in which drift was found.
    quiet : collection of str
        Months after the training window that were checked and had no drift.

    Examples
    --------
    >>> reference_months(("2024-01", "2024-02", "2024-03"), {"2024-03"}, ["2024-04"])
    ('2024-03', '2024-04')
    """
    stable = stable_months(training_months, alarmed)
    if len(stable) == len(training_months):
        count = -(-len(training_months) // round(1 / REFERENCE_SHARE))
        return tuple(stable[-min(count, REFERENCE_MONTHS) :])
    later = sorted(month for month in quiet if month > training_months[-1])
    following = [
        month
        for month in later
        if set(months_between(training_months[-1], month)[1:]) <= set(later)
    ]
    kept = stable[-REFERENCE_MONTHS:]
    return (*kept, *following[: REFERENCE_MONTHS - len(kept)])


def history_months(last: str, stored: Collection[str]) -> tuple[str, ...]:
    """
    Return the months that estimate the between-month variability, ascending.

    The latest months that are stored without a gap, independent of the training window.

    Parameters
    ----------
    last : str
        Last month of the training window.
    stored : collection of str
        Months with questions, in any order.

    Examples
    --------
    >>> history_months("2024-03", {"2023-11", "2024-01", "2024-02", "2024-03", "2024-04"})
    ('2024-01', '2024-02', '2024-03')
    """
    months = [last]
    while len(months) < HISTORY_MONTHS and (before := add_months(months[-1], -1)) in stored:
        months.append(before)
    return tuple(reversed(months))


def concat(parts: Sequence[Observations]) -> Observations:
    """
    Concatenate observations in the order given; an attribute that one part lacks becomes None.

    Raises
    ------
    FixInputError
        If there are no parts.
    """
    if not parts:
        raise FixInputError("there are no observations to concatenate")
    combined: dict[str, Any] = {}
    for field in fields(Observations):
        values = [getattr(part, field.name) for part in parts]
        if any(value is None for value in values):
            combined[field.name] = None
        elif isinstance(values[0], np.ndarray):
            combined[field.name] = np.concatenate(values)
        else:
            combined[field.name] = list(chain.from_iterable(values))
    return Observations(**combined)
