"""Selects the reader of a file of questions by its file name."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from include.errors import FixInputError
from include.questions import Question
from include.sources.dump import read_dump
from include.sources.dump_tags import DumpExcerpts
from include.sources.jsonl import read_jsonl
from include.sources.read_report import ReadReport
from include.sources.sede import read_sede

_DUMP_SUFFIXES: Final = (".xml", ".xml.gz", ".7z", ".zip")


def is_dump(path: Path) -> bool:
    """Return whether the name is that of a data dump, which holds a site from its beginning."""
    return path.name.lower().endswith(_DUMP_SUFFIXES)


def read_file(
    path: Path,
    site: str | None = None,
    report: ReadReport | None = None,
    excerpts: DumpExcerpts | None = None,
) -> Iterator[Question]:
    """
    Yield the questions of a dump (``.xml``, ``.7z``, ``.zip``), a ``.csv`` or a ``.jsonl``.

    Parameters
    ----------
    path : Path
        ``.xml``, ``.csv`` and ``.jsonl`` may be gzipped (``.gz``).
    site : str or None
        Required for dumps and exports. JSON lines contain it: there it filters them.
    report : ReadReport or None
        Counts what is read; by default nothing may be refused.
    excerpts : DumpExcerpts or None
        Takes the excerpts of tag wikis of a dump; see `read_dump`.

    Raises
    ------
    FixInputError
        If the suffix is unknown, ``site`` is missing, or the file cannot be read.
    """
    name = path.name.lower()
    if name.endswith((".jsonl", ".jsonl.gz")):
        return read_jsonl(path, site, report)
    if not is_dump(path) and not name.endswith((".csv", ".csv.gz")):
        raise FixInputError(f"{path.name}: expected .jsonl, .csv, .xml (each maybe .gz), .7z, .zip")
    if site is None:
        raise FixInputError(f"{path.name} does not say its site: name it, like 'stackoverflow'")
    if is_dump(path):
        return read_dump(path, site, report, excerpts)
    return read_sede(path, site, report)
