"""Which of the ranked tags a question asks for: not excluded, good enough, not too many."""

from __future__ import annotations

import math
from collections.abc import Sequence

from include.candidates.base import Suggestion
from include.questions import MAX_TAG_LENGTH, is_tag, normalized_tag
from serving.errors import InvalidRequestError
from serving.payloads import Question


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
    """Return how many tags must be ranked so that enough are left without the excluded ones."""
    return tag_limit(question) + len(question.exclude)


def select(question: Question, ranked: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    """
    Return what to suggest, best first, maybe nothing.

    Parameters
    ----------
    question : Question
    ranked : sequence of Suggestion
        The model's best tags, best first, at least `rank_depth` of them if it knows so many.
    """
    if question.exclude:
        ranked = _not_excluded(question, ranked)
    selected = tuple(ranked[: tag_limit(question)])
    if question.min_score:
        return tuple(item for item in selected if item.score >= question.min_score)
    return selected


def reason_for_none(question: Question, ranked: Sequence[Suggestion]) -> str:
    """Return why `select` suggests nothing, given the same arguments."""
    left = _not_excluded(question, ranked)
    if not left:
        return "every tag that the model knows is excluded"
    best = left[0]
    below = math.floor(best.score * 1000) / 1000  # rounded up it could look as if it reached it
    return f"no tag reaches min_score {question.min_score}, best was {best.tag} with {below}"


def _not_excluded(question: Question, ranked: Sequence[Suggestion]) -> list[Suggestion]:
    excluded = {normalized_tag(tag) for tag in question.exclude}
    return [item for item in ranked if item.tag not in excluded]
