"""Report periods: the consecutive months that one stability report covers. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from include.months import add_months

MAX_MONTHS: Final = 24
"""Longest report period, in months: what one page can show."""

ReportPeriod = tuple[str, str]


def report_periods_around(finished: Collection[str], month: str) -> tuple[ReportPeriod, ...]:
    """
    Return the report periods (first and last month) of the gapless run of months around ``month``.

    Up to `MAX_MONTHS` months are one period. A longer run is split by calendar year, because any
    split that depends on the latest month would make reports depend on the order of the runs.

    Parameters
    ----------
    finished : collection of str
        Months with a model, in any order.
    month : str
        If it is not among them, the result is empty.

    Examples
    --------
    >>> report_periods_around({"2019-01", "2019-02", "2019-04"}, "2019-02")
    (('2019-01', '2019-02'),)
    >>> from include.months import months_between
    >>> report_periods_around(months_between("2017-12", "2020-01"), "2019-05")[:2]
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
    if len(run) <= MAX_MONTHS:
        return ((run[0], run[-1]),)
    years = sorted({each[:4] for each in run})
    parts = [[each for each in run if each.startswith(year)] for year in years]
    return tuple((part[0], part[-1]) for part in parts)
