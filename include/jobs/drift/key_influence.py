"""What a single API key may do to a check of recent predictions: nothing on its own. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from include.store.drift_references import AnsweredQuestion

MIN_SHARE: Final = 0.02
"""A key with a smaller share of the questions cannot be the reason of an alarm."""


def capped_per_key(
    answered: Sequence[AnsweredQuestion], limit: int, trusted: frozenset[str]
) -> list[AnsweredQuestion]:
    """
    Return the questions, in order, with at most the latest ``limit`` of each untrusted key.

    Questions of a service without keys (``key_name`` None) are all kept.
    """
    left: Counter[str] = Counter()
    kept = []
    for row in reversed(answered):
        if row.key_name is not None and row.key_name not in trusted:
            left[row.key_name] += 1
            if left[row.key_name] > limit:
                continue
        kept.append(row)
    return kept[::-1]


def driving_key(
    answered: Sequence[AnsweredQuestion],
    trusted: frozenset[str],
    is_drift: Callable[[Sequence[AnsweredQuestion]], bool],
) -> str | None:
    """
    Return the API key without whose questions there would be no alarm, None if there is none.

    Parameters
    ----------
    answered : sequence of AnsweredQuestion
        The questions of a check that raised an alarm.
    trusted : frozenset of str
        Keys that may raise an alarm alone.
    is_drift : callable
        Whether a check of the given questions raises an alarm; False if there are too few.
    """
    counts = Counter(row.key_name for row in answered if row.key_name is not None)
    for key, count in counts.most_common():
        if key in trusted or count < MIN_SHARE * len(answered):
            continue
        if not is_drift([row for row in answered if row.key_name != key]):
            return key
    return None
