"""Signals on the true tags: which are used, which are new or gone, which are out of reach."""

from __future__ import annotations

from typing import Final

import numpy as np

from include.drift.movers import RARE, divergence, divergence_movers, largest, named
from include.drift.samples import Sample
from include.drift.signal import Mover, Signal
from include.drift.statistics import log_odds

STRONGEST_TAGS: Final = 2
DIVERGENCE: Final = "Jensen-Shannon divergence in bits, tags used fewer than 5 times in one"


def _tag_distribution(reference: Sample, current: Sample) -> float:
    return divergence(reference.tag_use, current.tag_use)


def _tag_distribution_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return divergence_movers(reference.tag_use, current.tag_use, reference, current)


def _tag_shift(reference: Sample, current: Sample) -> float:
    z = np.abs(log_odds(reference.tag_use, current.tag_use))
    return float(largest(z, STRONGEST_TAGS).mean()) if len(z) else 0.0


def _tag_shift_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = reference.tag_use, current.tag_use
    z = np.where(before + after >= RARE, np.abs(log_odds(before, after)), 0)
    return named(z, reference.tag_names, before, after, reference, current)


def _new_tags(reference: Sample, current: Sample) -> float:
    use = current.tag_use
    return float(use[reference.tag_use == 0].sum() / max(use.sum(), 1))


def _new_tags_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = reference.tag_use, current.tag_use
    new = np.where(before == 0, after, 0)
    return named(new, reference.tag_names, before, after, reference, current)


def _vanished_tags(reference: Sample, current: Sample) -> float:
    use = reference.tag_use
    return float(use[current.tag_use == 0].sum() / max(use.sum(), 1))


def _vanished_tags_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = reference.tag_use, current.tag_use
    gone = np.where(after == 0, before, 0)
    return named(gone, reference.tag_names, before, after, reference, current)


def _unreachable(reference: Sample, current: Sample) -> float:
    return _unreachable_share(current) - _unreachable_share(reference)


def _unreachable_share(sample: Sample) -> float:
    """Share of true tag uses that the model cannot suggest: recall lost before it starts."""
    assert sample.unreachable is not None
    return float(sample.unreachable.sum() / max(sample.tag_use.sum(), 1))


def _unreachable_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    before, after = _unreachable_share(reference), _unreachable_share(current)
    return (Mover("tag uses out of reach", before, after, abs(after - before)),)


TAG_SIGNALS: Final = (
    Signal(
        "tag_distribution",
        "Tag distribution",
        DIVERGENCE,
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
)
