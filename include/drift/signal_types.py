"""What a drift signal is: a statistic that grows with the change, and its top contributors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.drift.samples import Sample


@dataclass(frozen=True, slots=True)
class Contributor:
    """
    One tag, word or bin that contributes to a signal.

    Parameters
    ----------
    name : str
    before, after : float
        Its share of the questions in the reference and in the analysis period; for quartiles and
        bins, the quantity that ``name`` says.
    weight : float
        Its contribution to the signal; comparable within one signal only.
    significant : bool or None
        For a tag or word, whether its share changed by more than chance explains, corrected for the
        number of tags or words; None for other contributors.
    """

    name: str
    before: float
    after: float
    weight: float
    significant: bool | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """
    A statistic that compares an analysis period with the reference.

    Parameters
    ----------
    name : str
        As stored in the database.
    title : str
        For people.
    test : str
        The statistic, in words.
    family : str
        ``data``, ``text``, ``tags``, ``predictions`` or ``quality``.
    needs : tuple of str
        Attributes of ``Sample`` that must not be None.
    value : callable of (Sample, Sample)
        Reference first; grows with the change.
    contributors : callable of (Sample, Sample) or None
        The top contributors, largest first.
    interval : callable of (Sample, Sample) or None
        The value's own 95 % confidence interval, where one is known.
    proxy : str or None
        The signal whose between-month variability stands in where this one's is not known.
    """

    name: str
    title: str
    test: str
    family: str
    needs: tuple[str, ...]
    value: Callable[[Sample, Sample], float]
    contributors: Callable[[Sample, Sample], tuple[Contributor, ...]] | None = None
    interval: Callable[[Sample, Sample], tuple[float, float]] | None = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class SignalValue:
    """
    The value of a signal for one analysis period.

    Parameters
    ----------
    signal : str
    value : float
    test : str
    contributors : tuple of Contributor
        Largest first; empty where the signal has none.
    interval : tuple of (float, float) or None
        The value's own 95 % confidence interval, where it is known.
    """

    signal: str
    value: float
    test: str
    contributors: tuple[Contributor, ...] = ()
    interval: tuple[float, float] | None = None
