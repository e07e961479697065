"""Files of a saved candidate: JSON for metadata, npy for arrays; never pickle."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.errors import ModelUnusableError


def write_json(folder: Path, name: str, value: Any) -> None:
    """Write ``value`` to ``folder/name``, keys sorted so that equal models give equal files."""
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    (folder / name).write_text(text + "\n", encoding="utf-8")


def read_json(folder: Path, name: str) -> Any:
    """Return what ``write_json`` wrote; ModelUnusableError names the faulty file."""
    try:
        return json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnusableError(f"{folder / name} cannot be read: {error}") from error


def write_array(folder: Path, name: str, array: NDArray[Any]) -> None:
    """Write ``array`` to ``folder/name``, an npy file without objects."""
    np.save(folder / name, np.ascontiguousarray(array), allow_pickle=False)


def read_array(folder: Path, name: str, *, mapped: bool = False) -> NDArray[Any]:
    """
    Return what ``write_array`` wrote.

    Parameters
    ----------
    folder : Path
    name : str
        Ends in ``.npy``.
    mapped : bool, default=False
        Memory-map the file: processes share its pages, and only accessed rows are read.

    Raises
    ------
    ModelUnusableError
        If the file is absent, truncated, or contains objects.
    """
    try:
        array: NDArray[Any] = np.load(
            folder / name, mmap_mode="r" if mapped else None, allow_pickle=False
        )
    except (OSError, ValueError, EOFError) as error:
        raise ModelUnusableError(f"{folder / name} cannot be read: {error}") from error
    # As a plain array over the mapped pages: an access to numpy's memmap takes microseconds more.
    return np.asarray(array)
