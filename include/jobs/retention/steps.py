"""A step of retention: what would be removed, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from include.store.retention import Removal


@dataclass(frozen=True, slots=True)
class RetentionStep:
    """
    One thing to remove.

    Parameters
    ----------
    removal : Removal
    carry_out : callable
        Removes it; safe to repeat.
    """

    removal: Removal
    carry_out: Callable[[], None]
