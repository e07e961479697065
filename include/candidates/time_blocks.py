"""
Blocks of the latest questions, each with the number of questions that were known before it.

A model that answers in service knows nothing of the questions of the last days. What learns from
its scores must see scores made under the same condition: each block is scored from the questions
before it, less a gap.
"""

from __future__ import annotations

from typing import Final, NamedTuple

_MIN_BLOCK: Final = 20
_BLOCKS: Final = 100
"""Blocks of a window at most: each is a hundredth of it, a day or two of a year's questions."""
_WARM_UP: Final = 3
"""The first third of a window has too few questions before it to be scored from."""


class Block(NamedTuple):
    """Questions ``start`` to ``stop``, to be scored from the first ``known`` questions."""

    start: int
    stop: int
    known: int


def latest_blocks(question_count: int, max_scored: int) -> tuple[Block, ...]:
    """
    Return blocks of the latest questions in order, without gaps between them, up to the last.

    Parameters
    ----------
    question_count : int
        >= 1, in order of time.
    max_scored : int
        Questions in all blocks together at most, >= 1.

    Examples
    --------
    >>> latest_blocks(90, 50)
    (Block(start=40, stop=60, known=30), Block(start=60, stop=80, known=50), \
Block(start=80, stop=90, known=70))
    """
    size = max(_MIN_BLOCK, question_count // _BLOCKS)
    first = max(question_count - max_scored, question_count // _WARM_UP)
    return tuple(
        Block(start, min(start + size, question_count), max(0, start - size // 2))
        for start in range(first, question_count, size)
    )
