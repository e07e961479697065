"""
The second reading of a month's tags, when people have settled them: the DAG `settle_labels`.

People edit the tags of new questions for some days. What is read once, a day after it was asked,
holds errors that no model can foresee; how often the first and the settled tags agree bounds what
any figure that is measured on first tags can mean.

What is read a second time is learned later, and is no test month any more: a source that fails
meanwhile must not put wrong tags on a whole month.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine

from include.errors import CheckFailedError, FixInputError, MissingDataError
from include.jobs.ingestion.completeness import how_to_fetch, stored_completely
from include.jobs.ingestion.month_ingest import (
    QuestionsAhead,
    QuestionSource,
    api_client,
    split_windows,
)
from include.months import check_month, last_month_before, month_range
from include.questions import Question, first_fetched_at
from include.settings import Settings
from include.sources.api_pages import Page
from include.store.engine import process_engine
from include.store.label_readings import (
    FIRST_READ_DAYS,
    LabelReading,
    LabelSums,
    advance_label_reading,
    drop_label_reading,
    label_changes_so_far,
    plan_label_reading,
    read_first_tags,
    read_label_agreements,
)
from include.store.questions import upsert_questions
from include.store.tag_names import read_tag_names
from include.tag_names import TagNames

log = logging.getLogger(__name__)

SETTLED_DAYS: Final = 14
"""After a month's end: its youngest question has then been edited for two weeks."""
MIN_COMPARED: Final = 20
MAX_CHANGED: Final = 0.5
"""
Of a page, or of the month so far if the page compares fewer than `MIN_COMPARED`: people edit the
tags of single questions. Chosen, not measured: see "Label noise" in docs/quality.md.
"""


@dataclass(frozen=True)
class SettledLabels:
    """
    Reads tags a second time; safe to run again, and resumes where it was interrupted.

    Parameters
    ----------
    engine : Engine
        The platform's database.
    source : QuestionSource
    site : str
        The API's name of the site.
    window_days : int, default=8
        Days of each part.
    check_labels : bool, default=True
        Whether to refuse tags that are others on more than `MAX_CHANGED` of the questions.
    """

    engine: Engine
    source: QuestionSource
    site: str
    window_days: int = 8
    check_labels: bool = True

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build the database engine and the API client of the settings."""
        return cls(
            engine=process_engine(settings.require_database_url()),
            source=api_client(settings),
            site=settings.site,
            window_days=settings.ingest_window_days,
            check_labels=settings.check_labels,
        )

    def read(self, month: str, now: datetime | None = None) -> dict[str, Any]:
        """
        Read a month's tags again and compare them with the first ones.

        The month stays complete meanwhile; what was read already is not read again.

        Parameters
        ----------
        month : str
            ``YYYY-MM``, stored completely, over for `SETTLED_DAYS`.
        now : datetime, optional
            Aware; the current time if not given.

        Returns
        -------
        dict
            ``month``, ``questions``, ``compared``, ``changed``, ``mean_f1``, ``requests``.

        Raises
        ------
        FixInputError
            If the month's tags have not settled yet.
        MissingDataError
            If the month is not stored completely.
        RetryLaterError
            If the site asks to wait, or the day's quota is at its reserve. What was read is kept.
        CheckFailedError
            If most questions have other tags than at first. Those tags are not stored, and the next
            run reads the whole month again.
        """
        start, end = month_range(check_month(month))
        settled_at = end + timedelta(days=SETTLED_DAYS)
        if settled_at > (now or datetime.now(UTC)):
            raise FixInputError(f"the tags of {month} settle until {settled_at:%Y-%m-%d}")
        with self.engine.connect() as connection:
            if stored_completely(connection, self.site, month) is False:
                raise MissingDataError(
                    f"{month} of {self.site} is stored only in part: {how_to_fetch(month)}"
                )
            tag_names = read_tag_names(connection, self.site)
        self._read_parts(month, split_windows(start, end, self.window_days), tag_names)
        with self.engine.connect() as connection:
            found = read_label_agreements(connection, self.site, month)[0]
        log.info(
            "%s: %d of %d questions have other tags than at first",
            *(month, found.changed_count, found.compared_count),
        )
        return {
            "month": month,
            "questions": found.question_count,
            "compared": found.compared_count,
            "changed": found.changed_count,
            "mean_f1": found.mean_f1,
            "requests": found.request_count,
        }

    def _read_parts(
        self, month: str, windows: Sequence[tuple[datetime, datetime]], names: TagNames
    ) -> None:
        """Read what is left of a month; forget the reading if its tags look wrong."""
        with self.engine.begin() as connection:
            parts = plan_label_reading(connection, self.site, month, windows)
        try:
            for part in parts:
                self._read_part(part, names)
        except CheckFailedError:
            with self.engine.begin() as connection:
                drop_label_reading(connection, self.site, month)
            raise

    def _read_part(self, reading: LabelReading, names: TagNames) -> None:
        """Read one part page by page; each page is stored with the part's cursor."""
        if reading.done:
            return
        end = reading.end
        ahead = QuestionsAhead()
        for page in self.source.pages(reading.resume_at, end):
            behind = ahead.passed_by(page)
            with self.engine.begin() as connection:
                reading = self._store(connection, reading, page, behind, names)
        with self.engine.begin() as connection:
            sums = self._compared(connection, ahead.questions, names)
            advance_label_reading(connection, reading, sums, cursor=end, done=True)

    def _store(
        self,
        connection: Connection,
        reading: LabelReading,
        page: Page,
        behind: Sequence[Question],
        names: TagNames,
    ) -> LabelReading:
        sums = self._compared(connection, behind, names)
        if self.check_labels:
            so_far = label_changes_so_far(connection, self.site, reading.month)
            refuse_wrong_tags(sums, so_far, reading.month)
        upsert_questions(connection, page.questions)
        return advance_label_reading(
            connection,
            reading,
            sums,
            cursor=page.cursor,
            requests=page.requests,
            read_from=first_fetched_at(page.questions),
        )

    def _compared(
        self, connection: Connection, questions: Sequence[Question], names: TagNames
    ) -> LabelSums:
        first = read_first_tags(connection, self.site, [q.question_id for q in questions])
        return compare_readings(questions, first, names, datetime.now(UTC))


def compare_readings(
    questions: Sequence[Question],
    first: Mapping[int, tuple[tuple[str, ...], datetime]],
    names: TagNames,
    now: datetime,
) -> LabelSums:
    """
    Compare the tags of questions with those that were read first, by canonical names.

    Parameters
    ----------
    questions : sequence of Question
        As read now.
    first : mapping of int to (tuple of str, datetime)
        First tags of the stored ones, and when they were read. Questions that were first read more
        than `FIRST_READ_DAYS` after they were asked, or only now, are not compared.
    names : TagNames
        A rename of a tag is no change.
    now : datetime
        Aware; when questions were read that do not say it.
    """
    compared = changed = 0
    f1_sum = first_days = settled_days = 0.0
    for question in questions:
        settled_days += _days(question.asked_at, question.fetched_at or now)
        if question.question_id not in first:
            continue
        tags, read_at = first[question.question_id]
        age = _days(question.asked_at, read_at)
        if age > FIRST_READ_DAYS:
            continue
        score = tag_f1(names.of_all(tags), names.of_all(question.tags))
        compared += 1
        changed += score < 1
        f1_sum += score
        first_days += age
    return LabelSums(len(questions), compared, changed, f1_sum, first_days, settled_days)


def refuse_wrong_tags(page: LabelSums, so_far: tuple[int, int], month: str) -> None:
    """
    Refuse a page if more questions have other tags than people can have edited.

    Parameters
    ----------
    page : LabelSums
    so_far : tuple of int
        Compared before the page, and changed: they count if the page alone says too little.
    month : str
        For the message.

    Raises
    ------
    CheckFailedError
    """
    compared, changed = page.compared, page.changed
    if compared < MIN_COMPARED:
        compared, changed = compared + so_far[0], changed + so_far[1]
    if compared >= MIN_COMPARED and changed > MAX_CHANGED * compared:
        raise CheckFailedError(
            f"{changed} of {compared} questions of {month} have other tags than at first, so they "
            "were not stored. Compare some with the site, and clear settle_labels to read the "
            "month again. If the tags are right, set CHECK_LABELS=false"
        )


def tag_f1(first: Sequence[str], settled: Sequence[str]) -> float:
    """
    Return F1 of one set of tags against another, in [0, 1].

    Examples
    --------
    >>> tag_f1(["python", "pandas"], ["pandas", "python"])
    1.0
    >>> tag_f1(["python", "pandas"], ["pandas"])
    0.6666666666666666
    """
    if not first and not settled:
        return 1.0
    return 2 * len(set(first) & set(settled)) / (len(set(first)) + len(set(settled)))


def month_to_settle(due_at: datetime | None) -> str:
    """
    Return the last month whose tags had settled when a run was due; now, for a manual run.

    Examples
    --------
    >>> month_to_settle(datetime(2024, 3, 15, 2, tzinfo=UTC))
    '2024-02'
    >>> month_to_settle(datetime(2024, 3, 14, tzinfo=UTC))
    '2024-01'
    """
    moment = (due_at or datetime.now(UTC)) - timedelta(days=SETTLED_DAYS)
    return last_month_before(moment)


def _days(asked_at: datetime, read_at: datetime) -> float:
    return (read_at - asked_at) / timedelta(days=1)
