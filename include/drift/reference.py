"""Which months a model is compared with, and what is put together for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any, Final

import numpy as np

from include.drift.samples import Observed
from include.errors import FixInputError
from include.months import add_months, months_between

REFERENCE_MONTHS: Final = 6
REFERENCE_SHARE: Final = 1 / 3
HISTORY_MONTHS: Final = 18
"""Months that show how much months differ while nothing happens."""


def stable_months(learned: Sequence[str], alarmed: Collection[str]) -> tuple[str, ...]:
    """
    Return the months of a training window since the last alarm, that month included.

    What came before an alarm is no longer normal; the month of the alarm is the first of the new
    normal, once a model has learned it.

    Parameters
    ----------
    learned : sequence of str
        Months of the training window, ascending, at least one.
    alarmed : collection of str
        Months in which drift was found, in any order, also later ones.

    Examples
    --------
    >>> stable_months(("2024-01", "2024-02", "2024-03"), {"2024-02", "2024-09"})
    ('2024-02', '2024-03')
    """
    last = max((month for month in alarmed if month in set(learned)), default=learned[0])
    return tuple(month for month in learned if month >= last)


def reference_months(
    learned: Sequence[str], alarmed: Collection[str], quiet: Collection[str] = ()
) -> tuple[str, ...]:
    """
    Return the months that later ones are compared with, ascending.

    The latest third of the stable months of the training window, six at most. Where an alarm has
    left fewer than six, the quiet months that follow the window fill them up, so that a comparison
    does not rest on one month for long; they stop at six, so that the reference does not follow
    a slow drift.

    Parameters
    ----------
    learned : sequence of str
        Months of the training window, ascending, at least one.
    alarmed : collection of str
        Months in which drift was found.
    quiet : collection of str
        Months checked after the window and found quiet.

    Examples
    --------
    >>> reference_months(("2024-01", "2024-02", "2024-03"), {"2024-03"}, ["2024-04"])
    ('2024-03', '2024-04')
    """
    stable = stable_months(learned, alarmed)
    if len(stable) == len(learned):
        wanted = -(-len(learned) // round(1 / REFERENCE_SHARE))
        return tuple(stable[-min(wanted, REFERENCE_MONTHS) :])
    later = sorted(month for month in quiet if month > learned[-1])
    following = [
        month for month in later if set(months_between(learned[-1], month)[1:]) <= set(later)
    ]
    kept = stable[-REFERENCE_MONTHS:]
    return (*kept, *following[: REFERENCE_MONTHS - len(kept)])


def history_months(last: str, stored: Collection[str]) -> tuple[str, ...]:
    """
    Return the months that show how much months differ while nothing happens, ascending.

    The latest that are stored without a gap, whatever window a model learned from.

    Parameters
    ----------
    last : str
        The last month that the model learned.
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


def joined(parts: Sequence[Observed]) -> Observed:
    """
    Put questions together, in the order given; what one part does not know, none does.

    Raises
    ------
    FixInputError
        If there are no parts.
    """
    if not parts:
        raise FixInputError("there are no questions to join")
    together: dict[str, Any] = {}
    for field in fields(Observed):
        values = [getattr(part, field.name) for part in parts]
        if any(value is None for value in values):
            together[field.name] = None
        elif isinstance(values[0], np.ndarray):
            together[field.name] = np.concatenate(values)
        else:
            together[field.name] = list(chain.from_iterable(values))
    return Observed(**together)
