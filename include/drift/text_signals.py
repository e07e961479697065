"""Signals on what is asked: lengths, code, words, embeddings. True tags are not needed."""

from __future__ import annotations

from typing import Final

import numpy as np

from include.drift.movers import RARE, largest, named, quartiles
from include.drift.samples import Sample
from include.drift.signal import Mover, Signal
from include.drift.statistics import (
    benjamini_hochberg,
    kolmogorov_smirnov,
    log_odds,
    two_sided_p,
)

STRONGEST_WORDS: Final = 10
FALSE_DISCOVERIES: Final = 0.05
_KS: Final = "Kolmogorov-Smirnov distance"


def _text_length(reference: Sample, current: Sample) -> float:
    return kolmogorov_smirnov(reference.word_counts, current.word_counts)


def _text_length_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return quartiles("words", reference.word_counts, current.word_counts)


def _code_share(reference: Sample, current: Sample) -> float:
    return kolmogorov_smirnov(reference.code_shares, current.code_shares)


def _code_share_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    return quartiles("code share", reference.code_shares, current.code_shares)


def _unknown_words(reference: Sample, current: Sample) -> float:
    """Share of (question, word) pairs whose word no reference question has."""
    use = current.word_use
    return float(use[reference.word_use == 0].sum() / max(use.sum(), 1))


def _unknown_words_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    new = np.where(reference.word_use == 0, current.word_use, 0)
    return named(
        new, reference.word_names, reference.word_use, current.word_use, reference, current
    )


def _keywords(reference: Sample, current: Sample) -> float:
    z = np.abs(log_odds(reference.word_use, current.word_use))
    return float(largest(z, STRONGEST_WORDS).mean()) if len(z) else 0.0


def _keywords_movers(reference: Sample, current: Sample) -> tuple[Mover, ...]:
    """Words whose change holds after correction for the number of words."""
    before, after = reference.word_use, current.word_use
    z = log_odds(before, after)
    tested = before + after >= RARE
    kept = np.zeros(len(z))
    certain = benjamini_hochberg(two_sided_p(z[tested])) <= FALSE_DISCOVERIES
    kept[tested] = np.abs(z[tested]) * certain
    return named(kept, reference.word_names, before, after, reference, current)


def _embedding(reference: Sample, current: Sample) -> float:
    assert reference.vectors is not None
    assert current.vectors is not None
    difference = current.vectors.mean(axis=0) - reference.vectors.mean(axis=0)
    return float(np.linalg.norm(difference))


TEXT_SIGNALS: Final = (
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
)
