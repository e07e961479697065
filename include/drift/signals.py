"""
The drift signals: each a number that grows with the change, the test behind it, and who moved.

A signal says nothing by itself about what is normal; ``include.drift.calibration`` finds that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from include.drift.samples import FloatArray, Sample
from include.drift.statistics import (
    benjamini_hochberg,
    interval_of_difference,
    jensen_shannon_parts,
    kolmogorov_smirnov,
    log_odds,
    lump_rare,
    reliability_shift,
    two_sided_p,
)

MOVERS: Final = 12
RARE: Final = 5.0
STRONGEST_WORDS: Final = 10
STRONGEST_TAGS: Final = 2
FALSE_DISCOVERIES: Final = 0.05


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
    """

    name: str
    title: str
    test: str
    family: str
    needs: tuple[str, ...]
    value: Callable[[Sample, Sample], float]
    movers: Callable[[Sample, Sample], tuple[Mover, ...]] | None = None


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


def usable_signals(
    reference: Sample, current: Sample, signals: Sequence[Signal] | None = None
) -> tuple[Signal, ...]:
    """Return the signals for which both samples know what is needed."""
    return tuple(
        signal
        for signal in (SIGNALS if signals is None else signals)
        if all(
            getattr(sample, part) is not None
            for part in signal.needs
            for sample in (reference, current)
        )
    )


def read_signals(reference: Sample, current: Sample) -> tuple[SignalValue, ...]:
    """
    Read every signal for which enough is known, with its movers.

    Parameters
    ----------
    reference, current : Sample
        Built together by ``samples_of``; at least two questions each.
    """
    return tuple(
        SignalValue(
            signal=signal.name,
            value=signal.value(reference, current),
            test=signal.test,
            movers=signal.movers(reference, current) if signal.movers else (),
            interval=_f1_interval(reference, current) if signal.name == "f1_fall" else None,
        )
        for signal in usable_signals(reference, current)
    )


def _text_length(reference: Sample, current: Sample) -> float:
    return kolmogorov_smirnov(reference.word_counts, current.word_counts)


def _text_length_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return _quartiles("words", reference.word_counts, current.word_counts)


def _code_share(reference: Sample, current: Sample) -> float:
    return kolmogorov_smirnov(reference.code_shares, current.code_shares)


def _code_share_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return _quartiles("code share", reference.code_shares, current.code_shares)


def _quartiles(what: str, before: FloatArray, after: FloatArray) -> tuple[Mover, ...]:
    names = ("lower quarter", "median", "upper quarter")
    then, now = (np.quantile(values, [0.25, 0.5, 0.75]) for values in (before, after))
    return tuple(
        Mover(f"{what}, {name}", float(a), float(b), float(abs(b - a)))
        for name, a, b in zip(names, then, now, strict=True)
    )


def _unknown_words(reference: Sample, current: Sample) -> float:
    """Share of (question, word) pairs whose word no reference question has."""
    use = current.word_use
    return float(use[reference.word_use == 0].sum() / max(use.sum(), 1))


def _unknown_words_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    new = np.where(reference.word_use == 0, current.word_use, 0)
    return _named(
        new, reference.word_names, reference.word_use, current.word_use, reference, current
    )


def _keywords(reference: Sample, current: Sample) -> float:
    z = np.abs(log_odds(reference.word_use, current.word_use))
    return float(_largest(z, STRONGEST_WORDS).mean()) if len(z) else 0.0


def _keywords_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    """Words whose change holds after correction for the number of words."""
    before, after = reference.word_use, current.word_use
    z = log_odds(before, after)
    tested = before + after >= RARE
    kept = np.zeros(len(z))
    certain = benjamini_hochberg(two_sided_p(z[tested])) <= FALSE_DISCOVERIES
    kept[tested] = np.abs(z[tested]) * certain
    return _named(kept, reference.word_names, before, after, reference, current)


def _embedding(reference: Sample, current: Sample) -> float:
    assert reference.vectors is not None
    assert current.vectors is not None
    difference = current.vectors.mean(axis=0) - reference.vectors.mean(axis=0)
    return float(np.linalg.norm(difference))


def _tag_distribution(reference: Sample, current: Sample) -> float:
    return _divergence(reference.tag_use, current.tag_use)


def _tag_distribution_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return _divergence_movers(reference.tag_use, current.tag_use, reference, current)


def _tag_shift(reference: Sample, current: Sample) -> float:
    z = np.abs(log_odds(reference.tag_use, current.tag_use))
    return float(_largest(z, STRONGEST_TAGS).mean()) if len(z) else 0.0


def _tag_shift_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = reference.tag_use, current.tag_use
    z = np.where(before + after >= RARE, np.abs(log_odds(before, after)), 0)
    return _named(z, reference.tag_names, before, after, reference, current)


def _new_tags(reference: Sample, current: Sample) -> float:
    use = current.tag_use
    return float(use[reference.tag_use == 0].sum() / max(use.sum(), 1))


def _new_tags_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = reference.tag_use, current.tag_use
    new = np.where(before == 0, after, 0)
    return _named(new, reference.tag_names, before, after, reference, current)


def _vanished_tags(reference: Sample, current: Sample) -> float:
    use = reference.tag_use
    return float(use[current.tag_use == 0].sum() / max(use.sum(), 1))


def _vanished_tags_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = reference.tag_use, current.tag_use
    gone = np.where(after == 0, before, 0)
    return _named(gone, reference.tag_names, before, after, reference, current)


def _unreachable(reference: Sample, current: Sample) -> float:
    return _unreachable_share(current) - _unreachable_share(reference)


def _unreachable_share(sample: Sample) -> float:
    """Share of true tag uses that the model cannot suggest: recall lost before it starts."""
    assert sample.unreachable is not None
    return float(sample.unreachable.sum() / max(sample.tag_use.sum(), 1))


def _unreachable_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = _unreachable_share(reference), _unreachable_share(current)
    return (Mover("tag uses out of reach", before, after, abs(after - before)),)


def _predicted_tags(reference: Sample, current: Sample) -> float:
    return _divergence(reference.suggested_use, current.suggested_use)


def _predicted_tags_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return _divergence_movers(reference.suggested_use, current.suggested_use, reference, current)


def _confidence(reference: Sample, current: Sample) -> float:
    assert reference.scores is not None
    assert current.scores is not None
    return kolmogorov_smirnov(reference.scores[:, 0], current.scores[:, 0])


def _confidence_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    assert reference.scores is not None
    assert current.scores is not None
    return _quartiles("best score", reference.scores[:, 0], current.scores[:, 0])


def _calibration(reference: Sample, current: Sample) -> float:
    weight, before, after = _reliability(reference, current)
    return float((weight * np.abs(after - before)).sum())


def _calibration_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    weight, before, after = _reliability(reference, current)
    carried = weight * np.abs(after - before)
    return tuple(
        Mover(
            f"hit rate, score fifth {i + 1}", float(before[i]), float(after[i]), float(carried[i])
        )
        for i in np.argsort(-carried, kind="stable")
    )


def _reliability(reference: Sample, current: Sample) -> tuple[FloatArray, FloatArray, FloatArray]:
    assert reference.scores is not None
    assert current.scores is not None
    assert reference.found is not None
    assert current.found is not None
    return reliability_shift(
        reference.scores.ravel(),
        reference.found.ravel(),
        current.scores.ravel(),
        current.found.ravel(),
    )


def _f1_fall(reference: Sample, current: Sample) -> float:
    assert reference.f1 is not None
    assert current.f1 is not None
    return float(reference.f1.mean() - current.f1.mean())


def _f1_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    assert reference.f1 is not None
    assert current.f1 is not None
    fall = _f1_fall(reference, current)
    return (Mover("F1@5", float(reference.f1.mean()), float(current.f1.mean()), abs(fall)),)


def _f1_interval(reference: Sample, current: Sample) -> tuple[float, float]:
    assert reference.f1 is not None
    assert current.f1 is not None
    return interval_of_difference(reference.f1, current.f1)


def _largest(values: FloatArray, count: int) -> FloatArray:
    """Return the ``count`` largest values, in any order; all where there are fewer."""
    if len(values) <= count:
        return values
    return np.partition(values, len(values) - count)[-count:]


def _divergence(before: FloatArray, after: FloatArray) -> float:
    lumped_before, lumped_after, _ = lump_rare(before, after, RARE)
    return float(jensen_shannon_parts(lumped_before, lumped_after).sum())


def _divergence_movers(
    before: FloatArray, after: FloatArray, reference: Sample, current: Sample
) -> tuple[Mover, ...]:
    lumped_before, lumped_after, kept = lump_rare(before, after, RARE)
    carried = np.zeros(len(before))
    carried[kept] = jensen_shannon_parts(lumped_before, lumped_after)[:-1]
    return _named(carried, reference.tag_names, before, after, reference, current)


def _named(
    weight: FloatArray,
    names: Sequence[str],
    before: FloatArray,
    after: FloatArray,
    reference: Sample,
    current: Sample,
) -> tuple[Mover, ...]:
    """Return the heaviest names with their shares of the questions; those of weight 0 never."""
    best = np.argsort(-weight, kind="stable")[:MOVERS]
    return tuple(
        Mover(
            names[i],
            float(before[i] / max(len(reference), 1)),
            float(after[i] / max(len(current), 1)),
            float(weight[i]),
        )
        for i in best
        if weight[i] > 0
    )


_KS: Final = "Kolmogorov-Smirnov distance"
_JS: Final = "Jensen-Shannon divergence in bits, tags used fewer than 5 times in one"

SIGNALS: Final[tuple[Signal, ...]] = (
    Signal(
        "text_length",
        "Length of texts",
        f"{_KS} of words per question",
        "data",
        (),
        _text_length,
        _text_length_movers,
    ),
    Signal(
        "code_share",
        "Share of code",
        f"{_KS} of the share of code per question",
        "data",
        (),
        _code_share,
        _code_share_movers,
    ),
    Signal(
        "unknown_words",
        "Words never seen before",
        "share of the month's word uses that no reference question has",
        "text",
        (),
        _unknown_words,
        _unknown_words_movers,
    ),
    Signal(
        "keywords",
        "Keyword frequencies",
        "mean of the 10 largest |z| of log-odds with an informative Dirichlet prior; the words "
        "named hold after Benjamini-Hochberg at 5 %",
        "text",
        (),
        _keywords,
        _keywords_movers,
    ),
    Signal(
        "embedding",
        "Embeddings",
        "distance between the mean vectors (maximum mean discrepancy, linear kernel)",
        "text",
        ("vectors",),
        _embedding,
    ),
    Signal(
        "tag_distribution",
        "Tag distribution",
        _JS,
        "tags",
        ("tags",),
        _tag_distribution,
        _tag_distribution_movers,
    ),
    Signal(
        "tag_shift",
        "Tags that moved most",
        "mean of the 2 largest |z| of log-odds with an informative Dirichlet prior",
        "tags",
        ("tags",),
        _tag_shift,
        _tag_shift_movers,
    ),
    Signal(
        "new_tags",
        "New tags",
        "share of the month's tag uses that no reference question bears",
        "tags",
        ("tags",),
        _new_tags,
        _new_tags_movers,
    ),
    Signal(
        "vanished_tags",
        "Vanished tags",
        "share of the reference's tag uses that no question of the month bears",
        "tags",
        ("tags",),
        _vanished_tags,
        _vanished_tags_movers,
    ),
    Signal(
        "unreachable",
        "Recall out of reach",
        "rise of the share of tag uses outside the model's vocabulary",
        "tags",
        ("unreachable",),
        _unreachable,
        _unreachable_movers,
    ),
    Signal(
        "predicted_tags",
        "Suggested tags",
        f"{_JS}; suggestions now against suggestions on the reference",
        "predictions",
        ("suggested",),
        _predicted_tags,
        _predicted_tags_movers,
    ),
    Signal(
        "confidence",
        "Confidence",
        f"{_KS} of each question's best score",
        "predictions",
        ("scores",),
        _confidence,
        _confidence_movers,
    ),
    Signal(
        "calibration",
        "Calibration of scores",
        "mean difference of the hit rate between suggestions of like scores, in fifths",
        "quality",
        ("scores", "found"),
        _calibration,
        _calibration_movers,
    ),
    Signal(
        "f1_fall",
        "F1@5 on true tags",
        "fall of the mean F1@5 over all true tags, with Welch's interval",
        "quality",
        ("f1",),
        _f1_fall,
        _f1_movers,
    ),
)
SIGNAL: Final = {signal.name: signal for signal in SIGNALS}
