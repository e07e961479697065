"""The integers of sparse matrices: 32 bits wherever they suffice, half of the memory of indices."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def narrow_starts(starts: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
    """
    Return the ``indptr`` of a sparse array as int32 if its values allow it.

    scipy gives the indices of a sparse array the wider of both types.
    """
    fits = not len(starts) or int(starts[-1]) <= np.iinfo(np.int32).max
    return starts.astype(np.int32, copy=False) if fits else starts
