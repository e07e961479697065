"""Who answers a question: the champion, or the challenger of an open A/B test."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final, Literal

from serving.live_model import Live, LoadedModel
from serving.payloads import Question

Variant = Literal["champion", "challenger"]
CHAMPION: Final[Variant] = "champion"
CHALLENGER: Final[Variant] = "challenger"


def sticky_key(question: Question) -> str:
    """Return whom an A/B test keeps to: the client, else the question, else its title."""
    if question.client is not None:
        return f"client:{question.client}"
    if question.question_id is not None:
        return f"question:{question.question_id}"
    return f"title:{question.title}"


def share_of(ab_test_id: int, key: str) -> float:
    """
    Return the place of ``key`` in [0, 1), uniform over keys and drawn anew for each test.

    Examples
    --------
    >>> share_of(1, "client:ann") == share_of(1, "client:ann") != share_of(2, "client:ann")
    True
    """
    digest = blake2b(f"{ab_test_id}|{key}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def on_trial(live: Live) -> bool:
    """Return whether the loaded models are the two that the open A/B test is about."""
    test, champion, challenger = live.ab_test, live.champion, live.challenger
    return (
        test is not None
        and champion is not None
        and challenger is not None
        and champion.version == test.champion_version
        and challenger.version == test.challenger_version
        and champion.version != challenger.version
    )


def variant_of(live: Live, question: Question) -> Variant:
    """Return who answers ``question``; without an A/B test, and in shadow mode, the champion."""
    test = live.ab_test
    if test is None or test.shadow or not on_trial(live):
        return CHAMPION
    place = share_of(test.ab_test_id, sticky_key(question))
    return CHALLENGER if place < test.share else CHAMPION


def model_of(live: Live, variant: Variant) -> LoadedModel:
    """Return the model behind ``variant``, which `variant_of` has chosen."""
    model = live.challenger if variant == CHALLENGER else live.champion
    if model is None:
        raise ValueError(f"no model is live as {variant}")
    return model
