"""
Selection of the best candidate, and the gate that decides whether it replaces the champion. Pure.

The criterion is `GATE_METRIC`, F1@5 over **all** questions. The capped F1@5 averages over the
questions that a model's own vocabulary reaches, so models with different vocabularies would be
compared on different questions, and one with a new tag in its vocabulary could score lower for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.evaluation.bootstrap import BootstrapInterval, paired_difference

GATE_METRIC: Final = "f1_all@5"
COSTLIER_MIN_GAIN: Final = 0.01
"""Minimum gain of a costlier candidate; below twice this gain, it must also be significant."""
NON_INFERIORITY_MARGIN: Final = 0.01
"""Margin of the rule ``not_worse``: the loss of a challenger that passes if not significant."""
MIN_SLICE_QUESTIONS: Final = 30

FloatArray = NDArray[np.float64]
GateRule = Literal["better", "not_worse"]


@dataclass(frozen=True, slots=True)
class Gate:
    """
    The criteria that a challenger must meet.

    Parameters
    ----------
    rule : {"better", "not_worse"}
        ``not_worse`` (non-inferiority) after a drift decision, or for the champion's own family
        trained on newer months: its gain is on future months.
    min_gain : float
        Of `GATE_METRIC` under the rule ``better``; a lower bound for the interval's lower end.
        In [0, 1].
    max_slice_loss : float
        Of `GATE_METRIC`; a significant fall on a slice by more than this stops the promotion.
        In [0, 1].
    samples, seed : int
        Of the bootstrap.
    """

    rule: GateRule
    min_gain: float
    max_slice_loss: float
    samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class GateDecision:
    """
    The decision of the gate.

    Parameters
    ----------
    promote : bool
    reason : str
        One sentence for people.
    figures : dict
        Plain JSON values: ``difference`` and ``slices`` with intervals.
    """

    promote: bool
    reason: str
    figures: dict[str, Any]


def best_candidate(
    scores: Mapping[str, FloatArray], by_cost: Sequence[str], *, samples: int, seed: int
) -> str:
    """
    Return the name with the highest mean, or the cheapest one whose deficit is negligible.

    A deficit is negligible below `COSTLIER_MIN_GAIN`, and below twice that if its interval contains
    0: the best candidate may cost several hundred times the time and memory per answer.

    Parameters
    ----------
    scores : mapping of str to ndarray, shape (n_questions,)
        `GATE_METRIC` per question, the same questions for all; at least one name.
    by_cost : sequence of str
        All names, in ascending order of their cost to serve.
    samples, seed : int
        Of the bootstrap.

    Raises
    ------
    FixInputError
        If there is no candidate.
    """
    if not scores:
        raise FixInputError("there is no candidate to select from")
    in_order = [name for name in by_cost if name in scores]
    best = max(in_order, key=lambda name: float(scores[name].mean()))
    for name in in_order:
        deficit = paired_difference(scores[best], scores[name], samples=samples, seed=seed)
        negligible = deficit.low <= 0 and deficit.mean < 2 * COSTLIER_MIN_GAIN
        if deficit.mean < COSTLIER_MIN_GAIN or negligible:
            return name
    return best


def apply_gate(
    challenger: FloatArray,
    champion: FloatArray,
    slices: Mapping[str, NDArray[np.bool_]],
    gate: Gate,
) -> GateDecision:
    """
    Decide whether the challenger replaces the champion.

    Parameters
    ----------
    challenger, champion : ndarray of float, shape (n_questions,)
        `GATE_METRIC` per question, the same questions in the same order.
    slices : mapping of str to ndarray of bool, shape (n_questions,)
        Those with fewer than `MIN_SLICE_QUESTIONS` questions are ignored.
    gate : Gate

    Raises
    ------
    FixInputError
        If there are no questions, or not the same.
    """
    overall = paired_difference(challenger, champion, samples=gate.samples, seed=gate.seed)
    parts = {
        name: paired_difference(
            challenger[mask], champion[mask], samples=gate.samples, seed=gate.seed
        )
        for name, mask in slices.items()
        if mask.sum() >= MIN_SLICE_QUESTIONS
    }
    figures = {
        "metric": GATE_METRIC,
        "rule": gate.rule,
        "challenger": float(challenger.mean()),
        "champion": float(champion.mean()),
        "difference": asdict(overall),
        "slices": {name: asdict(part) for name, part in parts.items()},
    }
    passed, reason = _check_overall(overall, gate)
    if passed and (worst := _worst_loss(parts, gate.max_slice_loss)):
        name, part = worst
        reason = (
            f"{reason}, but on the slice {name} it falls by {-part.mean:.3f}, more than the "
            f"{gate.max_slice_loss:g} allowed ({part.question_count} questions)"
        )
        passed = False
    return GateDecision(passed, f"{reason}.", figures)


def _check_overall(difference: BootstrapInterval, gate: Gate) -> tuple[bool, str]:
    """Return whether the challenger passes over all questions, and the reason."""
    over = f"F1@5 over {difference.question_count} questions differs by {difference}"
    if gate.rule == "better":
        if difference.low > 0 and difference.low >= gate.min_gain:
            return True, f"The challenger is better: {over}"
        requirement = (
            f"better by at least {gate.min_gain:g}" if gate.min_gain else "significantly better"
        )
        return False, f"The challenger is not {requirement}: {over}"
    if difference.mean >= -NON_INFERIORITY_MARGIN and difference.high >= 0:
        return True, f"The challenger is not worse, and was trained on newer questions: {over}"
    return False, f"The challenger is worse: {over}"


def _worst_loss(
    parts: Mapping[str, BootstrapInterval], allowed: float
) -> tuple[str, BootstrapInterval] | None:
    """Return the slice with the largest loss among significant losses of more than allowed."""
    losses = [item for item in parts.items() if -item[1].mean > allowed and item[1].high < 0]
    return min(losses, key=lambda item: item[1].mean, default=None)
