"""
Thresholds that keep false alarms at a set rate, over all signals of a check together.

Two things move a signal while nothing happens. Chance: shown by random splits of the reference
into a part as large as a month and the rest. And the months' own unrest (season, volume, the slow
turn of topics): shown by comparing months with those before them. The first gives the shape
of the null, the second widens it where months differ by more than chance (`include.drift.unrest`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from include.drift.movers import RARE
from include.drift.samples import FloatArray, Sample
from include.drift.signal import Signal, SignalValue
from include.drift.signals import SIGNAL, SIGNALS, usable_signals
from include.drift.unrest import (
    Pair,
    PastVocabulary,
    Unrest,
    month_pairs,
    months_apart,
    sum_up,
    widened,
)

CALIBRATION_VERSION: Final = 5
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
        Median and robust deviation over pairs of months; None if there are too few.
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
    draws : int
        Random splits.
    pairs : int or None
        Pairs of months that the months' own unrest is known from; None if no history was given.
    seed : int
    """

    size: int
    false_alarms_per_year: float
    checks_per_year: float
    level: float
    nulls: dict[str, Null]
    draws: int
    pairs: int | None
    seed: int
    version: int = field(default=CALIBRATION_VERSION)

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each signal."""
        return {name: null.threshold for name, null in self.nulls.items()}

    @property
    def knows_months(self) -> bool:
        """
        Whether enough months were seen to tell drift from how months differ anyway.

        Without, thresholds know chance alone, and every other quiet month of a small site passes
        them. Where no history was given, that is the caller's affair.
        """
        return self.pairs is None or self.pairs >= FEWEST_PAIRS

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
    vocabulary: PastVocabulary | None = None,
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
        drift among them do little harm: the estimate is robust.
    vocabulary : PastVocabulary or None
        What could be suggested before each of them; without it, what is out of reach is judged by
        months that the model has learned, as if the next one were known as well.
    signals : sequence of Signal
    draws : int, default=1000
        Random splits.
    seed : int, default=0
        The same input and seed give the same thresholds.
    """
    generator = np.random.default_rng(seed)
    used = usable_signals(reference, reference, signals)
    read = (*used, *_lenders(reference, used))
    table = np.array(
        [
            [s.value(*pair) for s in read]
            for pair in random_splits(reference, size, draws, generator)
        ]
    )
    level = common_level(table[:, : len(used)], min(false_alarms_per_year / checks_per_year, 0.5))
    draws_of = {signal.name: table[:, i] for i, signal in enumerate(read)}
    pairs = [] if history is None else _pairs(history, reference, size, generator, vocabulary)
    own = list(months_apart(reference, size, generator))
    unrest = _unrest_of(read, draws_of, pairs, own)
    nulls = {
        signal.name: _null(draws_of[signal.name], level, unrest[signal.name], RARE / size)
        for signal in used
    }
    return Calibration(
        size=size,
        false_alarms_per_year=false_alarms_per_year,
        checks_per_year=checks_per_year,
        level=level,
        nulls=nulls,
        draws=draws,
        pairs=None if history is None else max(len(pairs), len(own)),
        seed=seed,
    )


def _pairs(
    history: Sample,
    reference: Sample,
    size: int,
    generator: np.random.Generator,
    vocabulary: PastVocabulary | None,
) -> list[Pair]:
    """
    Return pairs of months as wide as the reference or, of a short history, one month wide.

    Single months differ more than a month and several do, so the latter make strict thresholds.
    """
    width = len(np.unique(reference.months))
    pairs = list(month_pairs(history, width, size, generator, vocabulary))
    if len(pairs) < FEWEST_PAIRS and width > 1:
        pairs = list(month_pairs(history, 1, size, generator, vocabulary))
    return pairs


def _lenders(reference: Sample, used: Sequence[Signal]) -> tuple[Signal, ...]:
    """Return the signals that are not used but whose unrest may stand in for a used one's."""
    names = {signal.name for signal in used}
    lenders = [SIGNAL[s.like] for s in used if s.like and s.like not in names]
    return usable_signals(reference, reference, lenders)


def random_splits(
    reference: Sample, size: int, draws: int, generator: np.random.Generator
) -> Iterator[tuple[Sample, Sample]]:
    """Yield ``draws`` pairs (rest, ``size`` questions) of disjoint parts of the reference."""
    count = len(reference)
    size = min(size, count // 2)
    for _ in range(draws):
        order = generator.permutation(count)
        yield reference.take(order[size:]), reference.take(order[:size])


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


def _null(draws: FloatArray, level: float, unrest: Unrest | None, least: float) -> Null:
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
    deviations = (by_chance - centre) / spread
    stretched = max(centre, unrest.centre) + widened(deviations, spread, unrest, level)
    return Null(centre, spread, unrest.centre, unrest.spread, max(by_chance, stretched))


def _unrest_of(
    signals: Sequence[Signal],
    draws: Mapping[str, FloatArray],
    pairs: Sequence[Pair],
    own: Sequence[Pair],
) -> dict[str, Unrest | None]:
    """
    Return each signal's unrest where it is known.

    Best from ``pairs``, in which each month follows those it is compared with, as in a check. Next,
    that of the signal that it is like. Last from ``own``, whose months lie among the others and so
    differ less than a month ahead does.
    """
    forward = {signal.name: _read(signal, pairs) for signal in signals}
    found = {}
    for signal in signals:
        known, like = forward[signal.name], forward.get(signal.like or "")
        if known is None and signal.like and like is not None:
            known = _as_restless_as(like, draws[signal.like], draws[signal.name])
        found[signal.name] = known or _read(signal, own)
    return found


def _read(signal: Signal, pairs: Sequence[Pair]) -> Unrest | None:
    """Read the signal on the pairs that know what it needs; None if they are too few."""
    usable = [pair for pair in pairs if usable_signals(*pair, [signal])]
    if len(usable) < FEWEST_PAIRS:
        return None
    return sum_up(np.array([signal.value(*pair) for pair in usable]))


def _as_restless_as(like: Unrest, draws_of_like: FloatArray, draws: FloatArray) -> Unrest | None:
    """Return the unrest of a like signal in this one's terms: the same in spreads of chance."""
    if not draws_of_like.std():
        return None
    scale = float(draws.std() / draws_of_like.std())
    shift = (like.centre - float(draws_of_like.mean())) * scale
    return Unrest(float(draws.mean()) + shift, like.spread * scale, like.count)
