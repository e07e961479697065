"""Numbers and months formatted for people. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import groupby
from typing import Final

NOTHING: Final = "–"
_MINUS: Final = "\N{MINUS SIGN}"
_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
_LICENCE: Final = re.compile(r"CC BY-SA (2\.5|3\.0|4\.0)")


def figure(value: float | None, digits: int = 3) -> str:
    """
    Return a figure with a true minus; a dash where there is none.

    Examples
    --------
    >>> figure(0.4213), figure(-0.02), figure(float("inf")), figure(float("nan")), figure(-0.0001)
    ('0.421', '−0.020', '∞', '–', '0.000')
    """
    if value is None or math.isnan(value):
        return NOTHING
    if math.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    text = f"{value:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", _MINUS)


def short_figure(value: float, digits: int = 2) -> str:
    """
    Return a figure in [0, 1] without its leading zero, for narrow cells.

    Examples
    --------
    >>> short_figure(0.523), short_figure(1.0), short_figure(float("nan"))
    ('.52', '1.0', '–')
    """
    text = figure(value, digits)
    return "1.0" if text.startswith("1.") else text.removeprefix("0")


def span(low: float, high: float, digits: int = 3) -> str:
    """
    Return an interval.

    Examples
    --------
    >>> span(-0.01, 0.024)
    '[−0.010, 0.024]'
    """
    return f"[{figure(low, digits)}, {figure(high, digits)}]"


def share(value: float) -> str:
    """
    Return a share in per cent.

    Examples
    --------
    >>> share(0.0943), share(float("nan"))
    ('9.4 %', '–')
    """
    return f"{figure(100 * value, 1)} %" if math.isfinite(value) else NOTHING


def seconds(value: float) -> str:
    """
    Return a duration in seconds, with one digit below ten.

    Examples
    --------
    >>> seconds(1.234), seconds(1234.5), seconds(float("nan"))
    ('1.2', '1,234', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def month_name(month: str) -> str:
    """
    Return a month in words.

    Examples
    --------
    >>> month_name("2019-06")
    'Jun 2019'
    """
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"


def days_named(days: Sequence[str]) -> str:
    """
    Return days as an enumeration, each month once.

    Examples
    --------
    >>> days_named(["2019-05-08", "2019-05-15", "2019-06-01"])
    '8 and 15 May 2019, 1 Jun 2019'
    """
    months = groupby(days, key=lambda day: day[:7])
    return ", ".join(
        f"{join_names([str(int(day[8:])) for day in each])} {month_name(month)}"
        for month, each in months
    )


def month_span(first: str, last: str) -> str:
    """
    Return one month, or the first and the last of several.

    Examples
    --------
    >>> month_span("2019-06", "2019-06"), month_span("2019-06", "2020-01")
    ('Jun 2019', 'Jun 2019 to Jan 2020')
    """
    return month_name(first) if first == last else f"{month_name(first)} to {month_name(last)}"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """
    Return a count with its noun.

    Examples
    --------
    >>> counted(1, "training"), counted(1204, "training")
    ('1 training', '1,204 trainings')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"


def join_names(names: Sequence[str]) -> str:
    """
    Return names as an enumeration.

    Examples
    --------
    >>> join_names(["combine", "swiftui", "rxjs"])
    'combine, swiftui and rxjs'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def web_address(link: str) -> str | None:
    """
    Return the link if a browser may follow it, else None: data must not become a script.

    Examples
    --------
    >>> web_address("https://stackoverflow.com/q/7"), web_address("javascript:alert(1)")
    ('https://stackoverflow.com/q/7', None)
    """
    return link if link.startswith(("https://", "http://")) else None


def licence_address(licence: str | None) -> str | None:
    """
    Return the address of a Creative Commons licence; None for any other.

    Examples
    --------
    >>> licence_address("CC BY-SA 4.0")
    'https://creativecommons.org/licenses/by-sa/4.0/'
    """
    known = _LICENCE.fullmatch(licence or "")
    return f"https://creativecommons.org/licenses/by-sa/{known[1]}/" if known else None
