"""
Thresholds that keep false alarms at a set rate, over all signals of a check together.

Two things move a signal while nothing happens. Chance: shown by random splits of the reference
into a part as large as a month and the rest. And the months' own unrest (season, volume, the slow
turn of topics): shown by comparing months with those before them. The first gives the shape
of the null, the second widens it where months differ by more than chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.drift.movers import RARE
from include.drift.samples import FloatArray, Sample
from include.drift.signal import Signal, SignalValue
from include.drift.signals import SIGNALS, usable_signals

CALIBRATION_VERSION: Final = 2
DRAWS: Final = 1000
MONTHLY_CHECKS: Final = 12.0
HOURLY_CHECKS: Final = 24 * 365.0
FEWEST_PAIRS: Final = 4
LARGEST_SAMPLE: Final = 5000
TAIL: Final = 0.1


@dataclass(frozen=True, slots=True)
class Null:
    """
    How a signal behaves while nothing happens.

    Parameters
    ----------
    centre, spread : float
        Mean and standard deviation over random splits.
    unrest_centre, unrest_spread : float or None
        Median and scaled median deviation over pairs of months; None if there are too few.
    threshold : float
        A value above it is an alarm.
    """

    centre: float
    spread: float
    unrest_centre: float | None
    unrest_spread: float | None
    threshold: float


@dataclass(frozen=True)
class Calibration:
    """
    The thresholds of one model's checks.

    Parameters
    ----------
    size : int
        Questions of the window that the thresholds hold for; for more they are a little strict.
    false_alarms_per_year, checks_per_year : float
        What was asked for.
    level : float
        Chance of a false alarm of one signal in one check, in (0, 1).
    nulls : dict of str to Null
        By signal.
    draws, pairs : int
        Random splits, and pairs of months.
    seed : int
    """

    size: int
    false_alarms_per_year: float
    checks_per_year: float
    level: float
    nulls: dict[str, Null]
    draws: int
    pairs: int
    seed: int
    version: int = field(default=CALIBRATION_VERSION)

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each signal."""
        return {name: null.threshold for name, null in self.nulls.items()}

    def alarms(self, values: Sequence[SignalValue]) -> tuple[SignalValue, ...]:
        """Return the values above their thresholds, furthest above first, in null spreads."""
        above = [v for v in values if v.signal in self.nulls and v.value > self._limit(v.signal)]
        return tuple(sorted(above, key=self.excess, reverse=True))

    def excess(self, value: SignalValue) -> float:
        """Return how far a value lies above its threshold, in spreads of its null."""
        null = self.nulls[value.signal]
        spread = max(null.spread, null.unrest_spread or 0.0, 1e-9)
        return (value.value - null.threshold) / spread

    def _limit(self, signal: str) -> float:
        return self.nulls[signal].threshold


def calibrate(
    reference: Sample,
    size: int,
    *,
    false_alarms_per_year: float,
    checks_per_year: float = MONTHLY_CHECKS,
    history: Sample | None = None,
    signals: Sequence[Signal] = SIGNALS,
    draws: int = DRAWS,
    seed: int = 0,
) -> Calibration:
    """
    Find each signal's threshold for checks of ``size`` questions against ``reference``.

    Parameters
    ----------
    reference : Sample
        Questions of stable months, at least four; what later windows are compared with.
    size : int
        Questions in a window to be checked, >= 2. Where the reference is less than twice as
        large, halves of it stand in, which makes the thresholds strict.
    false_alarms_per_year : float
        Over all signals together, > 0.
    checks_per_year : float, default=12
        > 0.
    history : Sample or None
        The latest months, for the months' own unrest; text and tags are enough. A few months of
        drift among them do no harm: medians are taken.
    signals : sequence of Signal
    draws : int, default=1000
        Random splits.
    seed : int, default=0
        The same input and seed give the same thresholds.
    """
    generator = np.random.default_rng(seed)
    used = usable_signals(reference, reference, signals)
    table = np.array(
        [
            [s.value(*pair) for s in used]
            for pair in random_splits(reference, size, draws, generator)
        ]
    )
    level = common_level(table, min(false_alarms_per_year / checks_per_year, 0.5))
    pairs = [] if history is None else list(month_pairs(history, reference, size, generator))
    own = list(months_apart(reference, size, generator))
    nulls = {
        signal.name: _null(table[:, i], level, _unrest(signal, pairs, own), RARE / size)
        for i, signal in enumerate(used)
    }
    return Calibration(
        size=size,
        false_alarms_per_year=false_alarms_per_year,
        checks_per_year=checks_per_year,
        level=level,
        nulls=nulls,
        draws=draws,
        pairs=max(len(pairs), len(own)),
        seed=seed,
    )


def random_splits(
    reference: Sample, size: int, draws: int, generator: np.random.Generator
) -> Iterator[tuple[Sample, Sample]]:
    """Yield ``draws`` pairs (rest, ``size`` questions) of disjoint parts of the reference."""
    count = len(reference)
    size = min(size, count // 2)
    for _ in range(draws):
        order = generator.permutation(count)
        yield reference.take(order[size:]), reference.take(order[:size])


def month_pairs(
    history: Sample, reference: Sample, size: int, generator: np.random.Generator
) -> Iterator[tuple[Sample, Sample]]:
    """Yield (months before, month) for each month of ``history`` with as many months before it."""
    width = len(np.unique(reference.months))
    months = np.unique(history.months)
    for i in range(width, len(months)):
        before = np.flatnonzero(np.isin(history.months, months[i - width : i]))
        month = _at_most(np.flatnonzero(history.months == months[i]), size, generator)
        if 2 * len(month) >= size:
            yield history.take(before), history.take(month)


def months_apart(
    reference: Sample, size: int, generator: np.random.Generator
) -> Iterator[tuple[Sample, Sample]]:
    """Yield (the other months, month) for each month of the reference."""
    for name in np.unique(reference.months):
        month = _at_most(np.flatnonzero(reference.months == name), size, generator)
        others = np.flatnonzero(reference.months != name)
        if 2 * len(month) >= size and len(others):
            yield reference.take(others), reference.take(month)


def common_level(table: FloatArray, family_level: float) -> float:
    """
    Return the level of each signal that gives all of them together ``family_level``.

    By the distribution of the smallest p-value over signals (Westfall and Young, 1993), which
    knows how signals move together; where the draws are too few for it, as if they were
    independent (Sidak).

    Parameters
    ----------
    table : ndarray, shape (draws, n_signals)
    family_level : float
        In (0, 1).

    Examples
    --------
    >>> same = np.tile(np.arange(1000.0)[:, None], (1, 5))
    >>> round(common_level(same, 0.05), 2)  # five times the same signal costs nothing
    0.05
    """
    draws, count = table.shape
    independent = float(1 - (1 - family_level) ** (1 / max(count, 1)))
    if draws * family_level < 20:
        return independent
    ascending = np.sort(table, axis=0)
    # A tie counts as reached: a signal that is nearly always 0 does not alarm at 0.
    above = np.stack(
        [draws - np.searchsorted(ascending[:, i], table[:, i], "left") for i in range(count)]
    )
    smallest = (above / draws).min(axis=0)
    return max(float(np.quantile(smallest, family_level)), independent)


def tail_quantile(values: FloatArray, level: float) -> float:
    """
    Return the value passed with chance ``level``, from draws and an exponential tail.

    The highest tenth of the draws is described by its mean excess, so that levels rarer than one
    in ``len(values)`` can be asked for and one extreme draw does not decide alone.

    Examples
    --------
    >>> draws = np.random.default_rng(0).exponential(size=20_000)
    >>> round(tail_quantile(draws, 0.001), 1)  # exactly: 6.9
    6.9
    """
    start = float(np.quantile(values, 1 - TAIL))
    if level >= TAIL:
        return float(np.quantile(values, 1 - level))
    excess = values[values > start] - start
    scale = float(excess.mean()) if len(excess) else 0.0
    return start + scale * float(np.log(TAIL / level))


def _null(draws: FloatArray, level: float, unrest: FloatArray | None, least: float) -> Null:
    """
    Stretch the null of chance to the centre and spread that months show, if wider.

    A signal that never moved in any draw (no tag was ever new) alarms at ``least`` above, a
    handful of questions' worth, and not at the first question.
    """
    centre, spread = float(draws.mean()), float(draws.std())
    if spread == 0:
        return Null(centre, spread, None, None, centre + least)
    by_chance = tail_quantile(draws, level)
    if unrest is None:
        return Null(centre, spread, None, None, by_chance)
    unrest_centre = float(np.median(unrest))
    unrest_spread = 1.4826 * float(np.median(np.abs(unrest - unrest_centre)))
    deviations = (by_chance - centre) / spread
    stretched = max(centre, unrest_centre) + deviations * max(spread, unrest_spread)
    return Null(centre, spread, unrest_centre, unrest_spread, max(by_chance, stretched))


def _unrest(signal: Signal, *sources: Sequence[tuple[Sample, Sample]]) -> FloatArray | None:
    """Read the signal on the first source that knows enough pairs of what it needs."""
    for pairs in sources:
        usable = [pair for pair in pairs if usable_signals(*pair, [signal])]
        if len(usable) >= FEWEST_PAIRS:
            return np.array([signal.value(*pair) for pair in usable])
    return None


def _at_most(rows: NDArray[np.intp], size: int, generator: np.random.Generator) -> NDArray[np.intp]:
    return rows if len(rows) <= size else generator.choice(rows, size, replace=False)
