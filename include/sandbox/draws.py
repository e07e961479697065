"""Random draws for the simulator: numpy read in blocks, so that single draws are cheap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 8192


class Draws:
    """
    A stream of draws that depends on its key alone.

    Parameters
    ----------
    *key : int
        All >= 0. Streams of different keys are independent; the same key gives the same stream.
    """

    def __init__(self, *key: int) -> None:
        self.generator = np.random.default_rng(key)
        self._block: list[float] = []

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        if not self._block:
            self._block = self.generator.random(_BLOCK).tolist()
        return self._block.pop()

    def below(self, n: int) -> int:
        """Return an integer in [0, n), all alike; n >= 1."""
        return int(self.unit() * n)

    def chance(self, probability: float) -> bool:
        """Return True with ``probability``."""
        return self.unit() < probability

    def pick(self, values: Sequence[T]) -> T:
        """Return one of ``values``, all alike; there is at least one."""
        return values[int(self.unit() * len(values))]

    def pick_early(self, values: Sequence[T]) -> T:
        """Return one of ``values``, the earlier ones more often (the square of a uniform draw)."""
        unit = self.unit()
        return values[int(unit * unit * len(values))]

    def weighted(self, cumulative: Sequence[float]) -> int:
        """Return an index by its weight; ``cumulative`` is as ``cumulated`` returns it."""
        return bisect_right(cumulative, self.unit() * cumulative[-1], 0, len(cumulative) - 1)

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return ``values`` in a random order."""
        return [values[index] for index in self.generator.permutation(len(values))]


def cumulated(weights: Sequence[float]) -> tuple[float, ...]:
    """
    Return the running sums of ``weights``, which are >= 0 and not all 0.

    Examples
    --------
    >>> cumulated([1.0, 0.0, 2.0])
    (1.0, 1.0, 3.0)
    """
    return tuple(accumulate(weights))
