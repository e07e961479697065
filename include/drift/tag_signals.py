"""Signals on the true tags: changes in use, new and vanished tags, tags out of vocabulary."""

from __future__ import annotations

from typing import Final

import numpy as np

from include.drift.contributors import (
    MIN_USES,
    divergence_contributors,
    jensen_shannon_divergence,
    largest_values,
    top_contributors,
)
from include.drift.samples import Sample
from include.drift.signal_types import Contributor, Signal
from include.drift.statistics import log_odds

TOP_TAGS: Final = 2
DIVERGENCE: Final = "Jensen-Shannon divergence in bits, tags with fewer than 5 uses merged"


def _tag_distribution(reference: Sample, analysis: Sample) -> float:
    return jensen_shannon_divergence(reference.tag_use, analysis.tag_use)


def _tag_distribution_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    return divergence_contributors(reference.tag_use, analysis.tag_use, reference, analysis)


def _tag_shift(reference: Sample, analysis: Sample) -> float:
    z = np.abs(log_odds(reference.tag_use, analysis.tag_use))
    return float(largest_values(z, TOP_TAGS).mean()) if len(z) else 0.0


def _tag_shift_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    before, after = reference.tag_use, analysis.tag_use
    z = np.where(before + after >= MIN_USES, np.abs(log_odds(before, after)), 0)
    return top_contributors(z, reference.tag_names, before, after, reference, analysis)


def _new_tags(reference: Sample, analysis: Sample) -> float:
    use = analysis.tag_use
    return float(use[reference.tag_use == 0].sum() / max(use.sum(), 1))


def _new_tags_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    before, after = reference.tag_use, analysis.tag_use
    new = np.where(before == 0, after, 0)
    return top_contributors(new, reference.tag_names, before, after, reference, analysis)


def _vanished_tags(reference: Sample, analysis: Sample) -> float:
    use = reference.tag_use
    return float(use[analysis.tag_use == 0].sum() / max(use.sum(), 1))


def _vanished_tags_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    before, after = reference.tag_use, analysis.tag_use
    vanished = np.where(after == 0, before, 0)
    return top_contributors(vanished, reference.tag_names, before, after, reference, analysis)


def _unreachable(reference: Sample, analysis: Sample) -> float:
    return _unreachable_share(analysis) - _unreachable_share(reference)


def _unreachable_share(sample: Sample) -> float:
    """Return the share of true tag uses that are outside the model's vocabulary, in [0, 1]."""
    assert sample.unreachable is not None
    return float(sample.unreachable.sum() / max(sample.tag_use.sum(), 1))


def _unreachable_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    before, after = _unreachable_share(reference), _unreachable_share(analysis)
    return (Contributor("tag uses outside the vocabulary", before, after, abs(after - before)),)


TAG_SIGNALS: Final = (
    Signal(
        "tag_distribution",
        "Tag distribution",
        DIVERGENCE,
        "tags",
        ("tags",),
        _tag_distribution,
        _tag_distribution_contributors,
    ),
    Signal(
        "tag_shift",
        "Tags that changed most",
        "mean of the 2 largest |z| of log-odds with an informative Dirichlet prior",
        "tags",
        ("tags",),
        _tag_shift,
        _tag_shift_contributors,
    ),
    Signal(
        "new_tags",
        "New tags",
        "share of the tag uses whose tag no reference question has",
        "tags",
        ("tags",),
        _new_tags,
        _new_tags_contributors,
    ),
    Signal(
        "vanished_tags",
        "Vanished tags",
        "share of the reference's tag uses whose tag no question of the analysis period has",
        "tags",
        ("tags",),
        _vanished_tags,
        _vanished_tags_contributors,
    ),
    Signal(
        "unreachable",
        "Tags outside the vocabulary",
        "rise of the share of tag uses outside the model's vocabulary",
        "tags",
        ("unreachable",),
        _unreachable,
        _unreachable_contributors,
    ),
)
