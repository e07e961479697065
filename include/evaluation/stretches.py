"""Which consecutive months one report tells of. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from include.months import add_months

LONGEST: Final = 24
"""Months that one page can still show."""

Stretch = tuple[str, str]


def stretches_around(finished: Collection[str], month: str) -> tuple[Stretch, ...]:
    """
    Return the stretches (first and last month) of the gapless run of months around ``month``.

    Up to `LONGEST` months are one stretch. A longer run is cut into its calendar years: cut by
    anything that depends on which month came last, the reports would depend on the order in which
    months are run.

    Parameters
    ----------
    finished : collection of str
        Months with a model, in any order.
    month : str
        No stretch is returned if it is not among them.

    Examples
    --------
    >>> stretches_around({"2019-01", "2019-02", "2019-04"}, "2019-02")
    (('2019-01', '2019-02'),)
    >>> from include.months import months_between
    >>> stretches_around(months_between("2017-12", "2020-01"), "2019-05")[:2]
    (('2017-12', '2017-12'), ('2018-01', '2018-12'))
    """
    known = set(finished)
    if month not in known:
        return ()
    run = [month]
    while (earlier := add_months(run[0], -1)) in known:
        run.insert(0, earlier)
    while (later := add_months(run[-1], 1)) in known:
        run.append(later)
    if len(run) <= LONGEST:
        return ((run[0], run[-1]),)
    years = sorted({each[:4] for each in run})
    parts = [[each for each in run if each.startswith(year)] for year in years]
    return tuple((part[0], part[-1]) for part in parts)
