"""What a drift signal is: a number that grows with the change, the test behind it, who moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.drift.samples import Sample


@dataclass(frozen=True, slots=True)
class Mover:
    """
    One tag, word or bin that carries a signal.

    Parameters
    ----------
    name : str
    before, after : float
        Its share of the questions (or what the signal's ``movers_unit`` says) then and now.
    weight : float
        How much of the signal it carries; comparable within one signal only.
    """

    name: str
    before: float
    after: float
    weight: float


@dataclass(frozen=True, slots=True)
class Signal:
    """
    One way in which months can differ.

    Parameters
    ----------
    name : str
        As stored.
    title : str
        As people read it.
    test : str
        The statistic, in words.
    family : str
        ``data``, ``text``, ``tags``, ``predictions`` or ``quality``.
    needs : tuple of str
        Parts of ``Sample`` that must be known.
    value : callable of (Sample, Sample)
        Reference first; grows with the change.
    movers : callable of (Sample, Sample) or None
        Who carried it, strongest first.
    interval : callable of (Sample, Sample) or None
        The value's own interval at 95 %, where one is known.
    like : str or None
        A signal that months move alike; its unrest stands in where this one's is not known.
    """

    name: str
    title: str
    test: str
    family: str
    needs: tuple[str, ...]
    value: Callable[[Sample, Sample], float]
    movers: Callable[[Sample, Sample], tuple[Mover, ...]] | None = None
    interval: Callable[[Sample, Sample], tuple[float, float]] | None = None
    like: str | None = None


@dataclass(frozen=True, slots=True)
class SignalValue:
    """
    What a signal read on a month.

    Parameters
    ----------
    signal : str
    value : float
    test : str
    movers : tuple of Mover
        Strongest first; empty where the signal has none.
    interval : tuple of (float, float) or None
        Where the value's own interval is known, at 95 %.
    """

    signal: str
    value: float
    test: str
    movers: tuple[Mover, ...] = ()
    interval: tuple[float, float] | None = None
