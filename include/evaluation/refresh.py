"""When the share of unknown words says that word vectors should be learned anew. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from scipy import stats

FEWEST_MONTHS: Final = 4
"""Months before that show how much the share differs while nothing happens."""
LEVEL: Final = 0.99


def unknown_share(questions: Iterable[Iterable[str]], known: frozenset[str] | set[str]) -> float:
    """
    Return the share of the questions' distinct words that are not ``known``, in [0, 1].

    Parameters
    ----------
    questions : iterable of iterables of str
        Each question's words; repetitions within one do not count.
    known : set of str

    Returns
    -------
    float
        Uses are counted per question; NaN if there is no word at all.

    Examples
    --------
    >>> unknown_share([["a", "b"], ["b", "c", "c"]], {"b"})
    0.5
    """
    distinct = [set(words) for words in questions]
    uses = sum(map(len, distinct))
    return sum(len(words - known) for words in distinct) / uses if uses else float("nan")


def asks_for_new_vectors(shares: Sequence[float], level: float = LEVEL) -> tuple[bool, ...]:
    """
    Return for each month whether its share of unknown words is above what the months before show.

    The limit is the upper end of the one-sided prediction interval of a normal draw with the mean
    and the spread of the months since the last refresh: it widens by itself where few months are
    known or months differ much. With fewer than `FEWEST_MONTHS` since then, there is no answer yet
    and the month counts as quiet.

    Parameters
    ----------
    shares : sequence of float
        By month, oldest first, without gaps.
    level : float, default=0.99
        Chance that a quiet month stays below the limit.

    Examples
    --------
    >>> asks_for_new_vectors([0.10, 0.11, 0.10, 0.11, 0.10, 0.30, 0.31])
    (False, False, False, False, False, True, False)
    """
    asked: list[bool] = []
    quiet: list[float] = []
    for share in shares:
        above = len(quiet) >= FEWEST_MONTHS and share > _limit(quiet, level)
        asked.append(bool(above))
        quiet = [share] if above else [*quiet, share]
    return tuple(asked)


def _limit(shares: Sequence[float], level: float) -> float:
    """Return the upper end of the prediction interval for one more draw."""
    count = len(shares)
    spread = float(np.std(shares, ddof=1)) * float(np.sqrt(1 + 1 / count))
    return float(np.mean(shares)) + float(stats.t.ppf(level, count - 1)) * spread
