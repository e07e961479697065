"""
Thresholds that hold the false-alarm rate, over all signals of a check together. Pure.

A signal varies for two reasons in the absence of drift. Sampling variability is estimated by random
splits of the reference into a part as large as a month and the rest. Between-month variability
(season, volume, slow changes of topics) is estimated by comparing months with those before them.
The first gives the shape of the null distribution; the second widens it where months differ by more
than sampling explains (`include.drift.variability`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from scipy import stats

from include.drift.contributors import MIN_USES
from include.drift.samples import FloatArray, Sample
from include.drift.signal_catalogue import SIGNAL, SIGNALS, usable_signals
from include.drift.signal_types import Signal, SignalValue
from include.drift.variability import (
    BetweenMonthVariability,
    PastVocabulary,
    SamplePair,
    assumed_variability,
    between_month_variability,
    consecutive_month_pairs,
    forward_unreachable,
    leave_one_month_out,
    widened_distance,
)

CALIBRATION_VERSION: Final = 7
DRAWS: Final = 1000
MONTHLY_CHECKS: Final = 12.0
HOURLY_CHECKS: Final = 24 * 365.0
MIN_MONTH_PAIRS: Final = 4
MAX_SAMPLE: Final = 5000
TAIL_SHARE: Final = 0.1


@dataclass(frozen=True, slots=True)
class NullDistribution:
    """
    A signal's distribution in the absence of drift.

    Parameters
    ----------
    mean, std : float
        Mean and standard deviation over random splits.
    month_location, month_scale : float or None
        Median and robust standard deviation over pairs of months; None if there are too few.
    threshold : float
        A value above it raises an alarm.
    """

    mean: float
    std: float
    month_location: float | None
    month_scale: float | None
    threshold: float


@dataclass(frozen=True)
class ThresholdCalibration:
    """
    The thresholds of one model's checks.

    Parameters
    ----------
    size : int
        Questions of the analysis period that the thresholds hold for; with more questions they
        are slightly conservative.
    false_alarms_per_year, checks_per_year : float
        The rate that was set, and the checks that it is shared by.
    level : float
        Probability of a false alarm of one signal in one check, in (0, 1).
    null_distributions : dict of str to NullDistribution
        By signal.
    draws : int
        Random splits.
    pairs : int or None
        Pairs of months that estimate the between-month variability; None without a history.
    seed : int
    """

    size: int
    false_alarms_per_year: float
    checks_per_year: float
    level: float
    null_distributions: dict[str, NullDistribution]
    draws: int
    pairs: int | None
    seed: int
    version: int = field(default=CALIBRATION_VERSION)

    @property
    def thresholds(self) -> dict[str, float]:
        """Threshold of each signal."""
        return {name: null.threshold for name, null in self.null_distributions.items()}

    @property
    def has_enough_months(self) -> bool:
        """
        Whether there were enough months to estimate the between-month variability.

        Without it, thresholds account for sampling variability alone, and every other month
        without drift of a small site exceeds them. True if the caller passed no history.
        """
        return self.pairs is None or self.pairs >= MIN_MONTH_PAIRS

    def alarms(self, values: Sequence[SignalValue]) -> tuple[SignalValue, ...]:
        """Return the values above their thresholds, sorted by `excess`, largest first."""
        above = [
            v
            for v in values
            if v.signal in self.null_distributions and self.exceeds(v.signal, v.value)
        ]
        return tuple(sorted(above, key=self.excess, reverse=True))

    def excess(self, value: SignalValue) -> float:
        """Return how far a value exceeds its threshold, in standard deviations of its null."""
        null = self.null_distributions[value.signal]
        scale = max(null.std, null.month_scale or 0.0, 1e-9)
        return (value.value - null.threshold) / scale

    def exceeds(self, signal: str, value: float) -> bool:
        """Return whether a value of a calibrated signal raises an alarm."""
        return value > self.null_distributions[signal].threshold


def calibrate_thresholds(
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
) -> ThresholdCalibration:
    """
    Find each signal's threshold for checks of ``size`` questions against ``reference``.

    Parameters
    ----------
    reference : Sample
        Questions of the reference period, at least four.
    size : int
        Questions in an analysis period, >= 2. Where the reference is less than twice as large,
        it is split into halves, which makes the thresholds conservative.
    false_alarms_per_year : float
        Over all signals together, > 0.
    checks_per_year : float, default=12
        > 0.
    history : Sample or None
        The latest months, to estimate the between-month variability; texts and tags are enough.
        A few months of drift among them do little harm: the estimator is robust.
    vocabulary : PastVocabulary or None
        The vocabulary before each of them; without it, the null distribution of tags outside the
        vocabulary comes from training months, whose tags the model knows.
    signals : sequence of Signal
    draws : int, default=1000
        Random splits.
    seed : int, default=0
        The same input and seed give the same thresholds.
    """
    generator = np.random.default_rng(seed)
    selected = usable_signals(reference, reference, signals)
    calculated = (*selected, *_proxy_signals(reference, selected))
    table = np.array(
        [
            [s.value(*pair) for s in calculated]
            for pair in random_splits(reference, size, draws, generator)
        ]
    )
    if history is not None and vocabulary is not None and history.tags is not None:
        _replace_unreachable(
            table, calculated, forward_unreachable(history, vocabulary), size, generator
        )
    family_level = min(false_alarms_per_year / checks_per_year, 0.5)
    level = common_level(table[:, : len(selected)], family_level)
    # How signals correlate over months is not known from a few of them
    monthly = checks_per_year <= MONTHLY_CHECKS
    month_level = independent_level(family_level, len(selected)) if monthly else None
    values_of = {signal.name: table[:, i] for i, signal in enumerate(calculated)}
    pairs = [] if history is None else _pairs(history, reference, size, generator, vocabulary)
    left_out = list(leave_one_month_out(reference, size, generator))
    variability = _variability_of(calculated, values_of, pairs, left_out)
    null_distributions = {
        signal.name: _null(
            values_of[signal.name], level, month_level, variability[signal.name], MIN_USES / size
        )
        for signal in selected
    }
    return ThresholdCalibration(
        size=size,
        false_alarms_per_year=false_alarms_per_year,
        checks_per_year=checks_per_year,
        level=level,
        null_distributions=null_distributions,
        draws=draws,
        pairs=None if history is None else max(len(pairs), len(left_out)),
        seed=seed,
    )


def _replace_unreachable(
    table: FloatArray,
    signals: Sequence[Signal],
    forward: Sample,
    size: int,
    generator: np.random.Generator,
) -> None:
    """
    Replace the draws of tags outside the vocabulary by those of months that came after a model.

    The reference's months are training months: their tags are in the vocabulary, so that no draw of
    them varies as the share of new tags in a month ahead does.
    """
    columns = [i for i, signal in enumerate(signals) if signal.needs == ("unreachable",)]
    if not columns or len(forward) < 4:
        return
    forward = replace(forward, vectors=None)  # large, and read by no signal of these
    for row, pair in enumerate(random_splits(forward, size, len(table), generator)):
        table[row, columns] = [signals[i].value(*pair) for i in columns]


def _pairs(
    history: Sample,
    reference: Sample,
    size: int,
    generator: np.random.Generator,
    vocabulary: PastVocabulary | None,
) -> list[SamplePair]:
    """
    Return pairs whose first part is as many months as the reference or, if too few, one month.

    Two single months differ more than a month and several do, so single months make conservative
    thresholds.
    """
    width = len(np.unique(reference.months))
    pairs = list(consecutive_month_pairs(history, width, size, generator, vocabulary))
    if len(pairs) < MIN_MONTH_PAIRS and width > 1:
        pairs = list(consecutive_month_pairs(history, 1, size, generator, vocabulary))
    return pairs


def _proxy_signals(reference: Sample, selected: Sequence[Signal]) -> tuple[Signal, ...]:
    """Return the proxies of the selected signals that are not selected themselves."""
    names = {signal.name for signal in selected}
    proxies = [SIGNAL[s.proxy] for s in selected if s.proxy and s.proxy not in names]
    return usable_signals(reference, reference, proxies)


def random_splits(
    reference: Sample, size: int, draws: int, generator: np.random.Generator
) -> Iterator[tuple[Sample, Sample]]:
    """Yield ``draws`` random splits of the reference into (the rest, ``size`` questions)."""
    count = len(reference)
    size = min(size, count // 2)
    for _ in range(draws):
        yield reference.split(generator.permutation(count), size)


def common_level(table: FloatArray, family_level: float) -> float:
    """
    Return the per-signal level at which the family-wise error rate is ``family_level``.

    From the distribution of the smallest p-value over signals (minP), which accounts for the
    correlation of signals; with too few draws for it, Sidak's level for independent signals.

    Parameters
    ----------
    table : ndarray, shape (draws, n_signals)
        Values of the signals on random splits.
    family_level : float
        In (0, 1).

    References
    ----------
    .. [1] Westfall and Young, "Resampling-based multiple testing", Wiley (1993).
    .. [2] Sidak, "Rectangular confidence regions for the means of multivariate normal
       distributions", Journal of the American Statistical Association 62 (1967), 626-633.

    Examples
    --------
    >>> same = np.tile(np.arange(1000.0)[:, None], (1, 5))
    >>> round(common_level(same, 0.05), 2)  # five copies of one signal count once
    0.05
    """
    draws, count = table.shape
    independent = independent_level(family_level, count)
    if draws * family_level < 20:
        return independent
    ascending = np.sort(table, axis=0)
    # Ties count as exceeded: a signal that is nearly always 0 raises no alarm at 0.
    above = np.stack(
        [draws - np.searchsorted(ascending[:, i], table[:, i], "left") for i in range(count)]
    )
    smallest = (above / draws).min(axis=0)
    return max(float(np.quantile(smallest, family_level)), independent)


def independent_level(family_level: float, count: int) -> float:
    """
    Return the level of each of ``count`` independent signals (Sidak, as `common_level` cites).

    Examples
    --------
    >>> round(independent_level(0.05, 9), 4)
    0.0057
    """
    return float(1 - (1 - family_level) ** (1 / max(count, 1)))


def tail_quantile(values: FloatArray, level: float) -> float:
    """
    Return the value exceeded with probability ``level``, from draws and an exponential tail.

    An exponential distribution is fitted to the largest tenth of the draws by its mean excess
    (peaks over threshold), so that levels below 1 / ``len(values)`` are possible and a single
    extreme draw does not determine the result.

    Parameters
    ----------
    values : ndarray, shape (n,)
    level : float
        In (0, 1).

    References
    ----------
    .. [1] Balkema and de Haan, "Residual life time at great age", Annals of Probability 2 (1974),
       792-804: the tail's generalised Pareto limit, of which the exponential is the case of
       shape 0.

    Examples
    --------
    >>> draws = np.random.default_rng(0).exponential(size=20_000)
    >>> round(tail_quantile(draws, 0.001), 1)  # exactly: 6.9
    6.9
    """
    start = float(np.quantile(values, 1 - TAIL_SHARE))
    if level >= TAIL_SHARE:
        return float(np.quantile(values, 1 - level))
    excess = values[values > start] - start
    scale = float(excess.mean()) if len(excess) else 0.0
    return start + scale * float(np.log(TAIL_SHARE / level))


def _null(
    draws: FloatArray,
    level: float,
    month_level: float | None,
    variability: BetweenMonthVariability | None,
    min_excess: float,
) -> NullDistribution:
    """
    Return the null distribution of sampling, widened by the between-month variability.

    A signal that is constant over all draws (no tag was ever new) raises an alarm at ``min_excess``
    above that constant, which a few questions make up, and not at the first question; or above what
    months without drift have, where they differ.
    """
    mean, std = float(draws.mean()), float(draws.std())
    if std == 0 and (variability is None or not variability.scale):
        return NullDistribution(mean, std, None, None, mean + min_excess)
    if std == 0 and variability is not None:
        own = variability.scale
        quantile = float(stats.t.isf(month_level or level, variability.degrees_of_freedom))
        distance = quantile * own * float(np.sqrt(1 + variability.location_variance))
        threshold = max(mean, variability.location) + max(distance, min_excess)
        return NullDistribution(mean, std, variability.location, own, threshold)
    sampling_threshold = tail_quantile(draws, level)
    if variability is None:
        return NullDistribution(mean, std, None, None, sampling_threshold)
    deviations = (sampling_threshold - mean) / std
    distance = widened_distance(deviations, std, variability, level, month_level)
    threshold = max(sampling_threshold, max(mean, variability.location) + distance)
    return NullDistribution(mean, std, variability.location, variability.scale, threshold)


def _variability_of(
    signals: Sequence[Signal],
    draws: Mapping[str, FloatArray],
    pairs: Sequence[SamplePair],
    left_out: Sequence[SamplePair],
) -> dict[str, BetweenMonthVariability | None]:
    """
    Return each signal's between-month variability, None where it cannot be estimated.

    Preferably from ``pairs``, in which each month follows those it is compared with, as in a check.
    Next, that of the signal's proxy. Last from ``left_out``, whose months lie among the others and
    so differ less than a month ahead does; for signals on answers beside an assumption, since no
    past answers of the same model are known.
    """
    forward = {signal.name: _estimate(signal, pairs) for signal in signals}
    found = {}
    for signal in signals:
        known, proxy = forward[signal.name], forward.get(signal.proxy or "")
        if known is None and signal.proxy and proxy is not None:
            known = _rescaled_variability(proxy, draws[signal.proxy], draws[signal.name])
        if known is None and {"f1", "found"} & set(signal.needs):
            known = _of_answers(signal, draws[signal.name], left_out)
        found[signal.name] = known or _estimate(signal, left_out)
    return found


def _of_answers(
    signal: Signal, draws: FloatArray, left_out: Sequence[SamplePair]
) -> BetweenMonthVariability | None:
    """Return the assumed variability of a signal on answers; None where it never varies."""
    if not draws.std():
        return None
    values = [signal.value(*pair) for pair in left_out if usable_signals(*pair, [signal])]
    return assumed_variability(float(draws.mean()), float(draws.std()), np.array(values))


def _estimate(signal: Signal, pairs: Sequence[SamplePair]) -> BetweenMonthVariability | None:
    """Estimate the variability from the pairs that meet the signal's needs; None if too few."""
    usable = [pair for pair in pairs if usable_signals(*pair, [signal])]
    if len(usable) < MIN_MONTH_PAIRS:
        return None
    return between_month_variability(np.array([signal.value(*pair) for pair in usable]))


def _rescaled_variability(
    proxy: BetweenMonthVariability, proxy_draws: FloatArray, draws: FloatArray
) -> BetweenMonthVariability | None:
    """Return the proxy's variability, rescaled by the ratio of the standard deviations."""
    if not proxy_draws.std():
        return None
    scale = float(draws.std() / proxy_draws.std())
    shift = (proxy.location - float(proxy_draws.mean())) * scale
    return BetweenMonthVariability(
        float(draws.mean()) + shift, proxy.scale * scale, proxy.count, proxy.degrees_of_freedom
    )
