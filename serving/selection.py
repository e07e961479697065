"""Which tags a question is answered with, and which of them are suggested outright."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from include.candidates.base import Suggestion
from include.candidates.suggested_set import MIN_BEST_SCORE, SET_DEPTH, SET_LIMIT, expected_f1
from include.questions import MAX_TAG_LENGTH, is_tag, normalized_tag
from include.tag_names import TagNames
from serving.errors import InvalidRequestError
from serving.payloads import Question

NO_NAMES: Final = TagNames()


def check_exclusions(payload: Question | Sequence[Question]) -> None:
    """Raise InvalidRequestError, which names the field, if an excluded tag is no tag."""
    if isinstance(payload, Question):
        if payload.exclude:
            checked_tags(payload.exclude, "exclude")
        return
    for index, question in enumerate(payload):
        if question.exclude:
            checked_tags(question.exclude, f"[{index}].exclude")


def checked_tags(written: Sequence[str], field: str) -> tuple[str, ...]:
    """
    Return the tags as questions have them, each once.

    Parameters
    ----------
    written : sequence of str
    field : str
        Where the request has them, for the error.

    Raises
    ------
    InvalidRequestError
        If one is no tag by `include.questions.is_tag`.
    """
    tags = [normalized_tag(tag) for tag in written]
    for index, tag in enumerate(tags):
        if not is_tag(tag):
            place = f"{field}[{index}]"
            raise InvalidRequestError(
                f"{place}: a tag is 1 to {MAX_TAG_LENGTH} letters and digits, + - . #", field=place
            )
    return tuple(dict.fromkeys(tags))


def tag_limit(question: Question) -> int:
    """Return the maximum number of tags to suggest."""
    return question.k if question.max_tags is None else question.max_tags


def rank_depth(question: Question) -> int:
    """Return how many tags must be ranked to fill the answer and to choose the suggested ones."""
    return max(tag_limit(question), SET_DEPTH) + len(question.exclude)


@dataclass(frozen=True, slots=True)
class Selection:
    """
    The tags of an answer.

    Parameters
    ----------
    tags : tuple of Suggestion
        Best first, maybe none: not excluded, not below ``min_score``, at most ``max_tags``.
    suggested_count : int
        Of ``tags``, how many of the first are suggested outright; the others are offered.
    reason : str or None
        Why none is suggested outright; only where ``suggested_count`` is 0.
    """

    tags: tuple[Suggestion, ...]
    suggested_count: int
    reason: str | None = None


def select(
    question: Question, ranked: Sequence[Suggestion], names: TagNames = NO_NAMES
) -> Selection:
    """
    Return the tags of an answer, and how many are suggested outright.

    Those are the set with the highest expected F1, together with the excluded tags, which count as
    true: see `include.candidates.suggested_set`.

    Parameters
    ----------
    question : Question
    ranked : sequence of Suggestion
        The model's best tags, best first, at least `rank_depth` of them if it knows so many.
    names : TagNames, default=NO_NAMES
        A synonym that was chosen excludes its canonical tag.
    """
    chosen: set[str] = set()
    if question.exclude:
        chosen.update(names.of_all(normalized_tag(tag) for tag in question.exclude))
        ranked = [item for item in ranked if item.tag not in chosen]
    if not ranked:
        return Selection((), 0, "every tag that the model knows is excluded")
    tags = tuple(ranked[: tag_limit(question)])
    if question.min_score:
        tags = tuple(item for item in tags if item.score >= question.min_score)
    best = ranked[0]
    if not tags:
        below = _rounded_down(best.score)
        reason = f"no tag reaches min_score {question.min_score}, best was {best.tag} with {below}"
        return Selection((), 0, reason)
    if best.score < MIN_BEST_SCORE:
        below = _rounded_down(best.score)
        reason = f"no tag is probable enough: {best.tag} has {below}, {MIN_BEST_SCORE} is needed"
        return Selection(tags, 0, reason)
    scores = np.array([[item.score for item in ranked[:SET_DEPTH]]])
    by_count = expected_f1(scores, min(len(chosen), SET_LIMIT))[0]
    count = int(by_count[: len(tags) + 1].argmax())
    if count == 0:
        return Selection(tags, 0, "the tags already chosen are probably enough")
    return Selection(tags, count)


def _rounded_down(score: float) -> float:
    """Return a score with three digits; rounded up it could look as if it reached a limit."""
    return math.floor(score * 1000) / 1000
