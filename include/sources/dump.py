"""
Questions from a data dump: ``Posts.xml``, or the 7z, zip or gzip archive that contains it.

The file is streamed, so memory does not grow with its size. Questions come in the order of the
file, which is not the order of their ids. The excerpts of tag wikis are posts of the same file and
can be taken in the same pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from include.questions import Question
from include.sources.build_question import BadRecord, RawQuestion, accepted_questions
from include.sources.dump_tags import DumpExcerpts
from include.sources.post_rows import TAG_WIKI_EXCERPT, is_question, raw_post
from include.sources.read_report import ReadReport
from include.sources.xml_rows import xml_rows

_POSTS: Final = "Posts.xml"
_REPORT_EVERY: Final = 10_000


def read_dump(
    path: Path, site: str, report: ReadReport | None = None, excerpts: DumpExcerpts | None = None
) -> Iterator[Question]:
    """
    Yield the questions of ``path``; answers and other posts are skipped.

    Parameters
    ----------
    path : Path
        ``Posts.xml``, or an archive with one such file inside.
    site : str
        The API's name of the site, which the dump does not contain.
    report : ReadReport or None
        Counts what is read; by default nothing may be refused.
    excerpts : DumpExcerpts or None
        Takes the excerpts of tag wikis on the way; complete when the last question was yielded.

    Raises
    ------
    FixInputError
        If the file is missing or broken, or more questions than tolerated cannot be read.
    """
    report = report or ReadReport()
    yield from accepted_questions(_records(path, site, report, excerpts), report)


def read_excerpts(
    path: Path, excerpts: DumpExcerpts, on_read: Callable[[int], None] = lambda _: None
) -> None:
    """
    Take the excerpts of tag wikis of ``path``, and nothing else.

    Parameters
    ----------
    path : Path
        As for `read_dump`.
    excerpts : DumpExcerpts
    on_read : callable, optional
        Called with the number of rows read so far, now and then.

    Raises
    ------
    FixInputError
        If the file is missing or broken.
    """
    number = 0
    for number, row in enumerate(xml_rows(path, _POSTS, Counter()), start=1):
        if row.get("PostTypeId") == TAG_WIKI_EXCERPT:
            excerpts.take(row)
        if number % _REPORT_EVERY == 0:
            on_read(number)
    on_read(number)


def _records(
    path: Path, site: str, report: ReadReport, excerpts: DumpExcerpts | None
) -> Iterator[RawQuestion | BadRecord]:
    for row in xml_rows(path, _POSTS, report.repairs):
        report.records += 1
        post_type = row.get("PostTypeId")
        if post_type is None:
            yield BadRecord(f"{path.name}, row {report.records}", "PostTypeId is missing")
        elif is_question(post_type):
            columns = {str(column): str(value) for column, value in row.attrib.items()}
            place = f"{path.name}, row {report.records} (post {columns.get('Id', '?'):.20})"
            yield raw_post(columns, site, place)
        elif excerpts is not None and post_type == TAG_WIKI_EXCERPT:
            excerpts.take(row)
