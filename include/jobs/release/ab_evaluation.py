"""One look at an A/B test: its outcomes are read and compared; nothing is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from include import names
from include.evaluation.ab_verdict import (
    Comparison,
    SequentialVerdict,
    compare_units,
    verdict_without_any_key,
)
from include.evaluation.sequential import StoppingRule, confidence_sequence
from include.registry import Registry
from include.store.ab_tests import StoredAbTest, read_paired_scores, read_units

CHAMPION_CHANGED: Final = "the champion has changed since the test began: the comparison is void"


@dataclass(frozen=True, slots=True)
class Trust:
    """
    Whose word decides a test besides the site's own tags.

    Parameters
    ----------
    feedback : bool, default=False
        Whether feedback of clients counts.
    keys : frozenset of str
        API keys that may decide alone.
    """

    feedback: bool = False
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AbTestResult:
    """
    Result of one look at an A/B test; ``figures`` are plain JSON values.

    ``verdict`` is ``promote``, ``stop`` or ``go_on``, ``reason`` one sentence for people.
    """

    ab_test_id: int
    champion_version: str
    challenger_version: str
    shadow: bool
    verdict: SequentialVerdict
    reason: str
    figures: dict[str, Any]


def evaluate(
    connection: Connection,
    registry: Registry,
    test: StoredAbTest,
    rule: StoppingRule,
    trust: Trust,
    now: datetime,
) -> AbTestResult:
    """Return the current result of ``test``; writes nothing."""
    champion = registry.alias(names.CHAMPION)
    holder = champion.version if champion is not None else None
    if holder not in {test.champion_version, test.challenger_version}:
        return result_of(test, "stop", CHAMPION_CHANGED, {"champion": holder})
    days = (now - test.started_at).total_seconds() / 86400
    keys, compare = _comparer(connection, test, rule, trust)
    verdict, reason = verdict_without_any_key(compare, keys, days, rule, trust.keys)
    comparison = compare(np.ones(len(keys), dtype=np.bool_))
    figures = {
        "gain": _finite(asdict(comparison.gain)),
        "split": comparison.ratio and asdict(comparison.ratio),
        "judged_split": comparison.judged_ratio and asdict(comparison.judged_ratio),
        "gain_if_missing": [_finite(asdict(filled)) for filled in comparison.gain_if_missing],
        "days": round(days, 2),
        "rule": asdict(rule),
    }
    return result_of(test, verdict, reason, figures)


def _comparer(
    connection: Connection, test: StoredAbTest, rule: StoppingRule, trust: Trust
) -> tuple[list[str | None], Callable[[NDArray[np.bool_]], Comparison]]:
    """Return the API key of each unit, and what compares the versions on selected units."""
    if test.shadow:
        pairs = read_paired_scores(connection, test.ab_test_id)
        gains = np.array([pair.challenger - pair.champion for pair in pairs], dtype=np.float64)
        return (
            [pair.key_name for pair in pairs],
            lambda chosen: Comparison(confidence_sequence(gains[chosen], rule)),
        )
    units = read_units(connection, test.ab_test_id, feedback=trust.feedback)
    scores = np.array([np.nan if u.score is None else u.score for u in units], dtype=np.float64)
    treated = np.array([u.variant == names.CHALLENGER for u in units], dtype=np.bool_)
    return (
        [unit.key_name for unit in units],
        lambda chosen: compare_units(scores[chosen], treated[chosen], test.share, rule),
    )


def result_of(
    test: StoredAbTest, verdict: SequentialVerdict, reason: str, figures: dict[str, Any]
) -> AbTestResult:
    """Return the result of one look at ``test``."""
    return AbTestResult(
        test.ab_test_id,
        test.champion_version,
        test.challenger_version,
        test.shadow,
        verdict,
        reason,
        figures,
    )


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    """Return ``figures`` with None in place of numbers that JSON does not have."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }
