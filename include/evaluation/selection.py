"""
Which candidate is best, and whether it may take the champion's place: a decision and its reason.

Everything is decided by `GATE_METRIC`, F1@5 over **all** questions: the capped F1@5 averages over
the questions that a model's own vocabulary reaches, so two models with different vocabularies would
be measured on different questions, and one that knows a new tag would be punished for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.evaluation.bootstrap import Interval, paired_difference

GATE_METRIC: Final = "f1_all@5"
DEARER_GAIN: Final = 0.01
"""A dearer candidate must lead by this much; up to twice as much, chance must not explain it."""
NOT_WORSE: Final = 0.01
"""A challenger under the rule ``not_worse`` may be behind by this much, if by chance."""
MIN_SLICE_QUESTIONS: Final = 30

FloatArray = NDArray[np.float64]
Rule = Literal["better", "not_worse"]


@dataclass(frozen=True, slots=True)
class Gate:
    """
    What a challenger must pass.

    Parameters
    ----------
    rule : {"better", "not_worse"}
        ``not_worse`` after a drift decision, or when the champion's own family has only learned
        from newer months: what it gains shows in the months to come.
    min_gain : float
        Of `GATE_METRIC` under the rule ``better``; the interval's lower end must reach it. [0, 1].
    max_slice_loss : float
        Of `GATE_METRIC`; a slice that surely falls, and by more than this, stops it. [0, 1].
    samples, seed : int
        Of the bootstrap.
    """

    rule: Rule
    min_gain: float
    max_slice_loss: float
    samples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What the gate says.

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
    scores: Mapping[str, FloatArray], cheapest_first: Sequence[str], *, samples: int, seed: int
) -> str:
    """
    Return the name with the highest mean, or the cheapest of those that are hardly behind.

    A candidate is hardly behind by less than `DEARER_GAIN`, or by less than twice that where the
    interval holds 0: the best may cost each answer several hundred times the time and memory.

    Parameters
    ----------
    scores : mapping of str to ndarray, shape (n_questions,)
        `GATE_METRIC` per question, the same questions for all; at least one name.
    cheapest_first : sequence of str
        All names, in the order of what they cost to serve.
    samples, seed : int
        Of the bootstrap.

    Raises
    ------
    FixInputError
        If there is no candidate.
    """
    if not scores:
        raise FixInputError("there is no candidate to choose from")
    in_order = [name for name in cheapest_first if name in scores]
    best = max(in_order, key=lambda name: float(scores[name].mean()))
    for name in in_order:
        behind = paired_difference(scores[best], scores[name], samples=samples, seed=seed)
        by_chance = behind.low <= 0 and behind.mean < 2 * DEARER_GAIN
        if behind.mean < DEARER_GAIN or by_chance:
            return name
    return best


def judge(
    challenger: FloatArray,
    champion: FloatArray,
    slices: Mapping[str, NDArray[np.bool_]],
    gate: Gate,
) -> Decision:
    """
    Decide whether the challenger takes the champion's place.

    Parameters
    ----------
    challenger, champion : ndarray of float, shape (n_questions,)
        `GATE_METRIC` per question, the same questions in the same order.
    slices : mapping of str to ndarray of bool, shape (n_questions,)
        Those with fewer than `MIN_SLICE_QUESTIONS` questions are not judged.
    gate : Gate

    Raises
    ------
    FixInputError
        If there are no questions, or not the same.
    """
    whole = paired_difference(challenger, champion, samples=gate.samples, seed=gate.seed)
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
        "difference": asdict(whole),
        "slices": {name: asdict(part) for name, part in parts.items()},
    }
    passed, said = _on_the_whole(whole, gate)
    if passed and (lost := _worst_loss(parts, gate.max_slice_loss)):
        name, part = lost
        said = (
            f"{said}, but on the slice {name} it falls by {-part.mean:.3f}, more than the "
            f"{gate.max_slice_loss:g} allowed ({part.question_count} questions)"
        )
        passed = False
    return Decision(passed, f"{said}.", figures)


def _on_the_whole(difference: Interval, gate: Gate) -> tuple[bool, str]:
    """Return whether the challenger passes over all questions, and how that is said."""
    over = f"F1@5 over {difference.question_count} questions differs by {difference}"
    if gate.rule == "better":
        if difference.low > 0 and difference.low >= gate.min_gain:
            return True, f"The challenger is better: {over}"
        wanted = f"by at least {gate.min_gain:g}" if gate.min_gain else "with confidence"
        return False, f"The challenger is not better {wanted}: {over}"
    if difference.mean >= -NOT_WORSE and difference.high >= 0:
        return True, f"The challenger is not worse, and has learned from newer questions: {over}"
    return False, f"The challenger is worse: {over}"


def _worst_loss(parts: Mapping[str, Interval], allowed: float) -> tuple[str, Interval] | None:
    """Return the slice that falls most among those that surely fall by more than allowed."""
    lost = [item for item in parts.items() if -item[1].mean > allowed and item[1].high < 0]
    return min(lost, key=lambda item: item[1].mean, default=None)
