"""Who carried a signal: the names and quartiles that moved, and what signals of names share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from include.drift.samples import FloatArray, Sample
from include.drift.signal import Mover
from include.drift.statistics import jensen_shannon_parts, lump_rare

MOVERS: Final = 12
RARE: Final = 5.0
"""Uses in both samples together below which a tag or word is not told apart."""


def quartiles(what: str, before: FloatArray, after: FloatArray) -> tuple[Mover, ...]:
    """Return the quartiles of a number before and after."""
    names = ("lower quarter", "median", "upper quarter")
    then, now = (np.quantile(values, [0.25, 0.5, 0.75]) for values in (before, after))
    return tuple(
        Mover(f"{what}, {name}", float(a), float(b), float(abs(b - a)))
        for name, a, b in zip(names, then, now, strict=True)
    )


def largest(values: FloatArray, count: int) -> FloatArray:
    """Return the ``count`` largest values, in any order; all where there are fewer."""
    if len(values) <= count:
        return values
    return np.partition(values, len(values) - count)[-count:]


def divergence(before: FloatArray, after: FloatArray) -> float:
    """Return the Jensen-Shannon divergence of two counts of names, in bits, rare ones in one."""
    lumped_before, lumped_after, _ = lump_rare(before, after, RARE)
    return float(jensen_shannon_parts(lumped_before, lumped_after).sum())


def divergence_movers(
    before: FloatArray, after: FloatArray, reference: Sample, current: Sample
) -> tuple[Mover, ...]:
    """Return the tags that carry the divergence, heaviest first."""
    lumped_before, lumped_after, kept = lump_rare(before, after, RARE)
    carried = np.zeros(len(before))
    carried[kept] = jensen_shannon_parts(lumped_before, lumped_after)[:-1]
    return named(carried, reference.tag_names, before, after, reference, current)


def named(
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
