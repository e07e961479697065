"""Signals on the texts: lengths, code, words, embeddings. They need no true tags."""

from __future__ import annotations

from typing import Final

import numpy as np

from include.drift.contributors import (
    MIN_USES,
    largest_values,
    quartile_contributors,
    top_contributors,
)
from include.drift.samples import Sample
from include.drift.signal_types import Contributor, Signal
from include.drift.statistics import (
    benjamini_hochberg,
    kolmogorov_smirnov,
    log_odds,
    two_sided_p,
)

TOP_WORDS: Final = 10
FALSE_DISCOVERY_RATE: Final = 0.05
_KS: Final = "Kolmogorov-Smirnov distance"


def _text_length(reference: Sample, analysis: Sample) -> float:
    return kolmogorov_smirnov(reference.word_counts, analysis.word_counts)


def _text_length_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    return quartile_contributors("words", reference.word_counts, analysis.word_counts)


def _code_share(reference: Sample, analysis: Sample) -> float:
    return kolmogorov_smirnov(reference.code_shares, analysis.code_shares)


def _code_share_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    return quartile_contributors("code share", reference.code_shares, analysis.code_shares)


def _unknown_words(reference: Sample, analysis: Sample) -> float:
    """Return the share of (question, word) pairs whose word no reference question has."""
    use = analysis.word_use
    return float(use[reference.word_use == 0].sum() / max(use.sum(), 1))


def _unknown_words_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    new = np.where(reference.word_use == 0, analysis.word_use, 0)
    return top_contributors(
        new, reference.word_names, reference.word_use, analysis.word_use, reference, analysis
    )


def _keywords(reference: Sample, analysis: Sample) -> float:
    z = np.abs(log_odds(reference.word_use, analysis.word_use))
    return float(largest_values(z, TOP_WORDS).mean()) if len(z) else 0.0


def _keywords_contributors(reference: Sample, analysis: Sample) -> tuple[Contributor, ...]:
    """Return the words whose change is significant after correction for multiple tests."""
    before, after = reference.word_use, analysis.word_use
    z = log_odds(before, after)
    tested = before + after >= MIN_USES
    weight = np.zeros(len(z))
    significant = benjamini_hochberg(two_sided_p(z[tested])) <= FALSE_DISCOVERY_RATE
    weight[tested] = np.abs(z[tested]) * significant
    return top_contributors(weight, reference.word_names, before, after, reference, analysis)


def _embedding(reference: Sample, analysis: Sample) -> float:
    """Return the maximum mean discrepancy with a linear kernel (Gretton et al., JMLR 13, 2012)."""
    assert reference.vectors is not None
    assert analysis.vectors is not None
    difference = analysis.vectors.mean(axis=0) - reference.vectors.mean(axis=0)
    return float(np.linalg.norm(difference))


TEXT_SIGNALS: Final = (
    Signal(
        "text_length",
        "Length of texts",
        f"{_KS} of words per question",
        "data",
        (),
        _text_length,
        _text_length_contributors,
    ),
    Signal(
        "code_share",
        "Share of code",
        f"{_KS} of the share of code per question",
        "data",
        (),
        _code_share,
        _code_share_contributors,
    ),
    Signal(
        "unknown_words",
        "Words never seen before",
        "share of the word uses whose word no reference question has",
        "text",
        (),
        _unknown_words,
        _unknown_words_contributors,
    ),
    Signal(
        "keywords",
        "Keyword frequencies",
        "mean of the 10 largest |z| of log-odds with an informative Dirichlet prior; the words "
        "shown are significant after Benjamini-Hochberg at 5 %",
        "text",
        (),
        _keywords,
        _keywords_contributors,
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
