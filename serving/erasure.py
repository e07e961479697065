"""Rows of one client out of the spool's files: ``tagkeeper erase``."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from include.errors import RetryLaterError
from include.store.copy_text import copy_line
from include.store.erasure import DataSubject
from serving.row_store import FEEDBACK, PREDICTION
from serving.set_aside import SetAside, joined, replace_file
from serving.spool import adopted, segment_paths
from serving.spool_records import Contents, Line, decoded

DRAIN_TIMEOUT_S: Final = 60.0
"""Longest wait for the service to move its open segments to PostgreSQL."""
_KEY_COLUMN: Final = {PREDICTION: 15, FEEDBACK: 5}
_CLIENT_COLUMN: Final = 14
_ANSWER_COLUMN: Final = 11


def erase_from_spool(
    folder: Path, subject: DataSubject, *, dry_run: bool, timeout_s: float = DRAIN_TIMEOUT_S
) -> int:
    """
    Remove the rows of ``subject`` from the spool's files; return how many.

    Files of dead workers, and what was refused or damaged, are written anew without them. Those of
    running workers are waited for, as the service moves them to PostgreSQL within seconds.

    Parameters
    ----------
    folder : Path
        The spool's.
    subject : DataSubject
    dry_run : bool
        Only count, also in the files of running workers.
    timeout_s : float
        Longest wait for running workers.

    Raises
    ------
    RetryLaterError
        If the service does not empty its files in time.
    """
    if not folder.exists():
        return 0
    if dry_run:
        return count_in_spool(folder, subject)
    deadline = time.monotonic() + timeout_s
    removed = sum(_erase_segment(path, subject, deadline) for path in segment_paths(folder))
    with SetAside(folder).rewritten() as contents:
        for name, held in contents.items():
            contents[name] = without(held, subject)
            removed += _size(held) - _size(contents[name])
    return removed


def count_in_spool(folder: Path, subject: DataSubject) -> int:
    """Return how many rows of ``subject`` the spool's files hold now, damaged ones included."""
    found = 0
    for path in (*segment_paths(folder), *SetAside(folder).paths()):
        try:
            held = decoded(path.read_bytes())
        except FileNotFoundError:  # drained meanwhile
            continue
        found += _size(held) - _size(without(held, subject))
    return found


def without(held: Contents, subject: DataSubject) -> Contents:
    """Return ``held`` without the rows of ``subject``, and without damage that mentions it."""
    matches = _matcher(subject)
    return Contents(
        [line for line in held.lines if not matches(line)],
        [part for part in held.damaged if _needle(subject) not in part],
    )


def _size(held: Contents) -> int:
    return len(held.lines) + len(held.damaged)


def _erase_segment(path: Path, subject: DataSubject, deadline: float) -> int:
    """Rewrite a segment that no worker holds; wait until a worker has drained one that it holds."""
    while path.exists():
        segment = adopted(path)
        if segment is None:
            if time.monotonic() > deadline:
                raise RetryLaterError(
                    f"the service has not moved {path.name} to PostgreSQL yet: see /readyz for why"
                )
            time.sleep(0.1)
            continue
        try:
            held = decoded(path.read_bytes())
            kept = without(held, subject)
            if removed := _size(held) - _size(kept):
                replace_file(path, joined(kept))
            return removed
        finally:
            segment.close()
    return 0


def _matcher(subject: DataSubject) -> Callable[[Line], bool]:
    """Return whether a row of the spool is of ``subject``."""
    wanted = _needle(subject)

    def matches(line: Line) -> bool:
        kind, row = line
        fields: Sequence[bytes] = row.split(b"\t")
        if subject.key_name is not None:
            column = _KEY_COLUMN.get(kind, -1)
            return 0 <= column < len(fields) and fields[column] == wanted
        if subject.client is not None:
            return kind == PREDICTION and fields[_CLIENT_COLUMN] == wanted
        if kind == FEEDBACK:
            return fields[1] == wanted
        return fields[0] == wanted or fields[_ANSWER_COLUMN] == wanted

    return matches


def _needle(subject: DataSubject) -> bytes:
    """Return what stands for ``subject`` in a row, as COPY writes it."""
    return copy_line([str(subject.prediction_id or subject.client or subject.key_name)])
