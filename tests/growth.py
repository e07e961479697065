"""Whether processor time grows faster than the input: a ratio within one run, no limit in seconds."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable

STEP = 4
NOISE_S = 0.03


def processor_s(work: Callable[[], object]) -> float:
    """Return the processor seconds of a call, without garbage collection: it grows with the heap."""
    gc.disable()
    try:
        began = time.process_time()
        work()
        return time.process_time() - began
    finally:
        gc.enable()


def superlinear(
    function: Callable[[str], object], units: Iterable[str], *, count: int, start: str = ""
) -> dict[str, tuple[float, float]]:
    """
    Return the units whose repetition takes ``function`` more than linear time, with both times.

    A text of ``STEP * count`` repetitions may take ``2 * STEP`` times as long as one of ``count``;
    what exceeds that must do so three times. ``{n}`` in a unit is replaced by a running number.
    """
    found = {}
    for unit in units:
        texts = [
            start + "".join(unit.replace("{n}", str(n)) for n in range(size))
            for size in (count, STEP * count)
        ]
        for attempt in range(3):
            # Another text each time: a cache of short texts would make only these fast
            small, large = (
                processor_s(lambda text=f"{text}{attempt}": function(text)) for text in texts
            )
            if large <= 2 * STEP * small + NOISE_S:
                break
        else:
            found[unit] = (small, large)
    return found
