"""Random numbers for the simulator, drawn from numpy in blocks, so that single draws are fast."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import numpy as np

T = TypeVar("T")
_BLOCK = 8192


class RandomStream:
    """
    A stream of random numbers that depends on its key alone.

    Parameters
    ----------
    *key : int
        All >= 0. Streams of different keys are independent; the same key gives the same stream.
    """

    def __init__(self, *key: int) -> None:
        self.generator = np.random.default_rng(key)
        self._block: list[float] = []

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        if not self._block:
            self._block = self.generator.random(_BLOCK).tolist()
        return self._block.pop()

    def integer(self, n: int) -> int:
        """Return an integer in [0, n), uniform; n >= 1."""
        return int(self.uniform() * n)

    def bernoulli(self, probability: float) -> bool:
        """Return True with ``probability``."""
        return self.uniform() < probability

    def choice(self, values: Sequence[T]) -> T:
        """Return one of ``values``, uniform; there is at least one."""
        return values[int(self.uniform() * len(values))]

    def skewed_choice(self, values: Sequence[T]) -> T:
        """Return one of ``values``, earlier ones more often (the index is a squared uniform)."""
        uniform = self.uniform()
        return values[int(uniform * uniform * len(values))]

    def weighted_index(self, cumulative: Sequence[float]) -> int:
        """Return an index by its weight; ``cumulative`` is from `cumulative_sums`."""
        return bisect_right(cumulative, self.uniform() * cumulative[-1], 0, len(cumulative) - 1)

    def shuffled(self, values: Sequence[T]) -> list[T]:
        """Return ``values`` in a random order."""
        return [values[index] for index in self.generator.permutation(len(values))]


def cumulative_sums(weights: Sequence[float]) -> tuple[float, ...]:
    """
    Return the cumulative sums of ``weights``, which are >= 0 and not all 0.

    Examples
    --------
    >>> cumulative_sums([1.0, 0.0, 2.0])
    (1.0, 1.0, 3.0)
    """
    return tuple(accumulate(weights))
