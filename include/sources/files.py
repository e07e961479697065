"""Selects the reader of a file of questions by its file name."""

from collections.abc import Iterator
from pathlib import Path

from include.errors import FixInputError
from include.questions import Question
from include.sources.dump import read_dump
from include.sources.jsonl import read_jsonl
from include.sources.sede import read_sede


def read_file(path: Path, site: str | None = None) -> Iterator[Question]:
    """
    Yield the questions of a dump (``.xml``, ``.7z``), an export (``.csv``) or JSON lines.

    Parameters
    ----------
    path : Path
    site : str or None
        Required for dumps and exports. JSON lines contain it: there it filters them.

    Raises
    ------
    FixInputError
        If the suffix is unknown, ``site`` is missing, or the file cannot be read.
    """
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return (q for q in read_jsonl(path) if site is None or q.site == site)
    if path.suffix not in {".xml", ".7z", ".csv"}:
        raise FixInputError(f"{path.name}: expected .jsonl, .jsonl.gz, .xml, .7z or .csv")
    if site is None:
        raise FixInputError(f"{path.name} does not say its site: name it, like 'stackoverflow'")
    return read_sede(path, site) if path.suffix == ".csv" else read_dump(path, site)
