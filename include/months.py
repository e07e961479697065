"""
Month arithmetic, and the month of a DAG run.

A month is a string ``YYYY-MM``. It is the half-open range from its start to the start of the next
month, in UTC.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from include.errors import FixInputError

MONTH_PATTERN: Final = r"^\d{4}-(0[1-9]|1[0-2])$"
_MONTH: Final = re.compile(MONTH_PATTERN)


def check_month(month: str) -> str:
    """
    Return ``month`` unchanged; FixInputError unless it is ``YYYY-MM``.

    Examples
    --------
    >>> check_month("2024-02")
    '2024-02'
    """
    if not _MONTH.match(month):
        raise FixInputError(f"month must look like 2024-02, got {month!r}")
    return month


def month_of(moment: datetime) -> str:
    """
    Return the UTC month of an aware ``moment``.

    Raises
    ------
    FixInputError
        If ``moment`` is naive: its month would depend on the machine's time zone.
    """
    if moment.tzinfo is None:
        raise FixInputError(f"{moment!r} has no time zone; pass an aware datetime")
    utc = moment.astimezone(UTC)
    return f"{utc.year:04d}-{utc.month:02d}"


def month_start(month: str) -> datetime:
    """Return the start of ``month``, UTC."""
    year, number = check_month(month).split("-")
    return datetime(int(year), int(number), 1, tzinfo=UTC)


def day_start(day: str) -> datetime:
    """
    Return the start of a day, UTC.

    Parameters
    ----------
    day : str
        ``YYYY-MM-DD``.

    Raises
    ------
    FixInputError
        If it has another form.

    Examples
    --------
    >>> f"{day_start('2024-02-29'):%Y-%m-%d %H:%M %Z}"
    '2024-02-29 00:00 UTC'
    """
    try:
        return datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise FixInputError(f"a day must look like 2024-02-29, got {day!r}") from error


def month_range(month: str) -> tuple[datetime, datetime]:
    """Return the half-open range ``[start, end)`` of ``month``, UTC."""
    return month_start(month), month_start(add_months(month, 1))


def add_months(month: str, count: int) -> str:
    """
    Return the month ``count`` months after ``month``, or before it if ``count`` is negative.

    Examples
    --------
    >>> add_months("2024-01", -1), add_months("2024-11", 2)
    ('2023-12', '2025-01')
    """
    start = month_start(month)
    index = start.year * 12 + start.month - 1 + count
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def last_month_before(moment: datetime) -> str:
    """
    Return the last month that was over at an aware ``moment``.

    Examples
    --------
    >>> last_month_before(datetime(2024, 3, 1, tzinfo=UTC))
    '2024-02'
    """
    return add_months(month_of(moment), -1)


def period_end_label(end: datetime) -> str:
    """
    Return the last month or day of a period that ends before ``end``, for people.

    Examples
    --------
    >>> period_end_label(datetime(2024, 3, 1, tzinfo=UTC))
    '2024-02'
    >>> period_end_label(datetime(2024, 3, 5, tzinfo=UTC))
    '2024-03-04'
    """
    last = end.astimezone(UTC) - timedelta(microseconds=1)
    month = month_of(last)
    return month if end == month_range(month)[1] else f"{last:%Y-%m-%d}"


def period_label(first: str, end: datetime) -> str:
    """
    Return the period from a month to what ends before ``end``, for people.

    Examples
    --------
    >>> period_label("2023-01", datetime(2024, 3, 5, tzinfo=UTC))
    '2023-01 to 2024-03-04'
    """
    return f"{first} to {period_end_label(end)}"


def months_between(first: str, last: str) -> tuple[str, ...]:
    """
    Return every month from ``first`` to ``last``, both included; empty if first > last.

    Examples
    --------
    >>> months_between("2023-12", "2024-02")
    ('2023-12', '2024-01', '2024-02')
    """
    months = []
    month = check_month(first)
    while month <= check_month(last):
        months.append(month)
        month = add_months(month, 1)
    return tuple(months)


def resolve_month(
    params: Mapping[str, Any],
    data_interval_start: datetime | None,
    data_interval_end: datetime | None,
) -> str:
    """
    Return the month of a DAG run.

    The param ``month`` has precedence over the data interval of a scheduled or backfilled run. A
    run triggered by hand has no data interval and must have the param.

    Parameters
    ----------
    params : mapping
        The run's params; ``month`` is None, empty or ``YYYY-MM``.
    data_interval_start, data_interval_end : datetime or None
        The run's data interval, aware; both None for a manual run.

    Raises
    ------
    FixInputError
        If there is no month, or the interval is empty (a timetable without intervals).
    """
    month = params.get("month")
    if month:
        return check_month(str(month))
    if data_interval_start is None or data_interval_end is None:
        raise FixInputError(
            "this run was triggered by hand without a month: trigger it again with the "
            "param 'month', such as 2024-02"
        )
    if data_interval_start >= data_interval_end:
        raise FixInputError(
            f"the run's data interval is empty ({data_interval_start} .. {data_interval_end}): "
            "the DAG needs a timetable with data intervals"
        )
    return month_of(data_interval_start)
