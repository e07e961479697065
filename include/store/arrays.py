"""Arrays as compressed bytes, for columns of type bytea."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def text_array(values: Sequence[str]) -> NDArray[np.uint8]:
    """
    Return strings without line breaks as an array of bytes.

    Examples
    --------
    >>> texts_of(text_array(["a", "é"]))
    ['a', 'é']
    """
    return np.frombuffer("\n".join(values).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def texts_of(content: NDArray[Any]) -> list[str]:
    """Return the strings of ``text_array``; one empty string for none."""
    return content.tobytes().decode("utf-8", "surrogatepass").split("\n")


def pack(arrays: Arrays) -> bytes:
    """
    Return arrays as compressed bytes, in numpy's npz format within zlib's.

    Examples
    --------
    >>> unpack(pack({"a": np.arange(3)}))["a"].tolist()
    [0, 1, 2]
    """
    content = BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    return zlib.compress(content.getbuffer(), 1)


def unpack(content: bytes | memoryview) -> dict[str, NDArray[Any]]:
    """Return the arrays that ``pack`` packed."""
    with np.load(BytesIO(zlib.decompress(content)), allow_pickle=False) as arrays:
        return dict(arrays)
