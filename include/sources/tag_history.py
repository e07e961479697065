"""
The history of tags in a data dump: ``PostHistory.xml``, beside ``Posts.xml`` or in its archive.

``Posts.xml`` has the tags of the day of the dump. The history has a row for each list of tags that
a question ever had: when it was asked, at each edit, and at each edit that was undone. The Data
Explorer's table ``PostHistory`` has the same columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from include.errors import FixInputError
from include.questions import TagRevision
from include.sources.fields import FieldError, parse_time
from include.sources.read_report import Repair
from include.sources.tag_lists import parse_tags
from include.sources.xml_rows import xml_rows

HISTORY_FILE: Final = "PostHistory.xml"
TAG_EVENTS: Final = frozenset({"3", "6", "9"})
"""PostHistoryTypeId of the first tags, of edited ones, and of those that came back by rollback."""

_MAX_ID: Final = 2**63 - 1


@dataclass(slots=True)
class HistoryReport:
    """
    Counts of one pass over a history.

    Parameters
    ----------
    rows : int
        Of all kinds of events.
    revisions : int
        Lists of tags among them that can be read.
    unreadable : int
        Lists of tags that were left out: no question's number, no time, or no tags.
    """

    rows: int = 0
    revisions: int = 0
    unreadable: int = 0


def read_tag_history(path: Path, report: HistoryReport) -> Iterator[TagRevision]:
    """
    Yield the lists of tags, in the order of the file, which is mostly that of time; streamed.

    Parameters
    ----------
    path : Path
        ``PostHistory.xml``, or an archive with one such file inside.
    report : HistoryReport

    Raises
    ------
    FixInputError
        If the file is missing, broken or another table.
    """
    latest = datetime.now(UTC) + timedelta(days=1)
    repairs: Counter[Repair] = Counter()
    for row in xml_rows(path, HISTORY_FILE, repairs):
        report.rows += 1
        kind = row.get("PostHistoryTypeId")
        if kind is None:
            raise FixInputError(
                f"{path.name}, row {report.rows}: PostHistoryTypeId is missing; is it the dump's "
                f"{HISTORY_FILE}?"
            )
        if kind not in TAG_EVENTS:
            continue
        post_id = row.get("PostId") or ""
        try:
            tags = parse_tags(row.get("Text"), repairs, as_text=True)
            moment = parse_time(row.get("CreationDate"), repairs, latest)
        except FieldError:
            tags = ()
        if not tags or not (post_id.isascii() and post_id.isdecimal() and int(post_id) <= _MAX_ID):
            report.unreadable += 1
            continue
        report.revisions += 1
        yield TagRevision(int(post_id), moment, tags)
