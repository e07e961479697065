"""Variant assignment: the champion, or the challenger of an open A/B test, answers a question."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, Literal

from serving.payloads import Question
from serving.served_models import LoadedModel, ServedModels

Variant = Literal["champion", "challenger"]
CHAMPION: Final[Variant] = "champion"
CHALLENGER: Final[Variant] = "challenger"


def randomization_unit(question: Question, key_name: str | None) -> str:
    """
    Return the unit that keeps its variant: the client, else the question, else its title.

    Units of different API keys are different, also if they have the same name.
    """
    prefix = "" if key_name is None else f"key:{key_name}|"
    if question.client is not None:
        return f"{prefix}client:{question.client}"
    if question.question_id is not None:
        return f"{prefix}question:{question.question_id}"
    return f"{prefix}title:{question.title}"


def bucket_of(ab_test_id: int, unit: str) -> float:
    """
    Return a number in [0, 1) by hashing, uniform over units and independent between tests.

    References
    ----------
    .. [1] R. Kohavi, D. Tang and Y. Xu, "Trustworthy Online Controlled Experiments", Cambridge
       University Press, 2020: variant assignment by a hash of experiment and unit.

    Examples
    --------
    >>> bucket_of(1, "client:ann") == bucket_of(1, "client:ann") != bucket_of(2, "client:ann")
    True
    """
    digest = blake2b(f"{ab_test_id}|{unit}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def ab_test_applies(served: ServedModels) -> bool:
    """Return whether the served models are the two that the open A/B test compares."""
    test, champion, challenger = served.ab_test, served.champion, served.challenger
    return (
        test is not None
        and champion is not None
        and challenger is not None
        and champion.version == test.champion_version
        and challenger.version == test.challenger_version
        and champion.version != challenger.version
    )


def assigned_variant(
    served: ServedModels, question: Question, key_name: str | None = None
) -> Variant:
    """Return the variant of ``question``: the champion without an A/B test or in shadow mode."""
    test = served.ab_test
    if test is None or test.shadow or not ab_test_applies(served):
        return CHAMPION
    bucket = bucket_of(test.ab_test_id, randomization_unit(question, key_name))
    return CHALLENGER if bucket < test.share else CHAMPION


def model_of(served: ServedModels, variant: Variant) -> LoadedModel:
    """Return the model of ``variant``; ValueError if none is served."""
    model = served.challenger if variant == CHALLENGER else served.champion
    if model is None:
        raise ValueError(f"no model is served as {variant}")
    return model
