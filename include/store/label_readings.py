"""Second readings of tags in PostgreSQL: how far they are, and what they say of the first ones."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from include.errors import RetryLaterError
from include.store.queries import query

FIRST_READ_DAYS: Final = 7
"""A first reading that came later after the question saw tags that had settled already."""
AGREEMENT_MONTHS: Final = 6
MIN_AGREEMENT_QUESTIONS: Final = 50
"""Questions that a mean agreement rests on at least."""


@dataclass(frozen=True, slots=True)
class LabelAge:
    """
    How old the tags of some questions were when they were last read, changed or not.

    Parameters
    ----------
    median_days : float
        Median days from asking a question to the last reading of its tags, >= 0.
    young_share : float
        Share of the questions whose tags were last read within `FIRST_READ_DAYS`, in [0, 1].
    """

    median_days: float
    young_share: float


@dataclass(frozen=True, slots=True)
class LabelSums:
    """
    Sums over questions that were read a second time.

    Parameters
    ----------
    questions : int
        Read again.
    compared : int
        Of these, those that were first read soon after they were asked.
    changed : int
        Of the compared, those that have other tags now.
    f1_sum : float
        F1 of the first against the settled tags, over the compared.
    first_age_days, settled_age_days : float
        Days from asking to the first reading of the compared, and to this reading of all.
    """

    questions: int = 0
    compared: int = 0
    changed: int = 0
    f1_sum: float = 0.0
    first_age_days: float = 0.0
    settled_age_days: float = 0.0


@dataclass(frozen=True, slots=True)
class LabelReading:
    """
    A part of a month's second reading.

    Parameters
    ----------
    site : str
    month : str
    start, end : datetime
        Half-open, aware.
    cursor : datetime or None
        All questions before it are read.
    done : bool
    """

    site: str
    month: str
    start: datetime
    end: datetime
    cursor: datetime | None
    done: bool

    @property
    def resume_at(self) -> datetime:
        """Where reading resumes."""
        return self.cursor or self.start


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """
    How well the first and the settled tags of a month agree.

    Parameters
    ----------
    month : str
    question_count : int
        Read a second time.
    compared_count : int
        Of these, those that were first read within `FIRST_READ_DAYS`.
    changed_count : int
        Of the compared, those whose tags are others now.
    mean_f1 : float or None
        F1 of the first against the settled tags, mean over the compared; None if there are none.
    first_age_days, settled_age_days : float or None
        Mean days from asking to the readings.
    request_count : int
    finished_at : datetime
    """

    month: str
    question_count: int
    compared_count: int
    changed_count: int
    mean_f1: float | None
    first_age_days: float | None
    settled_age_days: float | None
    request_count: int
    finished_at: datetime


def plan_label_reading(
    connection: Connection, site: str, month: str, parts: Sequence[tuple[datetime, datetime]]
) -> list[LabelReading]:
    """
    Return the parts of a month's second reading, in order; planned now if it is new.

    Parameters
    ----------
    connection : Connection
    site, month : str
    parts : sequence of (datetime, datetime)
        Half-open, aware; a plan made before, maybe with other parts, is kept.
    """
    binds = {"site": site, "month": month}
    planned = {"starts": [start for start, _ in parts], "ends": [end for _, end in parts]}
    connection.execute(query("plan_label_reading"), binds | planned)
    rows = connection.execute(query("label_reading_parts"), binds)
    return [
        LabelReading(site, month, row.window_start, row.window_end, row.cursor, row.done)
        for row in rows
    ]


def label_changes_so_far(connection: Connection, site: str, month: str) -> tuple[int, int]:
    """Return how many questions a second reading has compared, and how many have other tags."""
    row = connection.execute(query("label_changes_so_far"), {"site": site, "month": month}).one()
    return int(row.compared), int(row.changed)


def drop_label_reading(connection: Connection, site: str, month: str) -> None:
    """Forget a month's second reading; all of it is read again. The first tags are kept."""
    connection.execute(query("drop_label_reading"), {"site": site, "month": month})


def advance_label_reading(
    connection: Connection,
    reading: LabelReading,
    sums: LabelSums,
    *,
    cursor: datetime,
    requests: int = 0,
    read_from: datetime | None = None,
    done: bool = False,
) -> LabelReading:
    """
    Add what was read, and move the cursor, in the transaction that stores the tags.

    ``read_from`` is when it was fetched, None without questions.

    Raises
    ------
    RetryLaterError
        If another process reads the same part.
    """
    binds = asdict(sums) | {
        "site": reading.site,
        "start": reading.start,
        "end": reading.end,
        "old_cursor": reading.cursor,
        "cursor": cursor,
        "requests": requests,
        "read_from": read_from,
        "finished": done,
    }
    if connection.execute(query("advance_label_reading"), binds).one_or_none() is None:
        raise RetryLaterError(
            f"another process reads the tags from {reading.start:%Y-%m-%d} on again"
        )
    return replace(reading, cursor=cursor, done=done)


def read_first_tags(
    connection: Connection, site: str, question_ids: Sequence[int]
) -> dict[int, tuple[tuple[str, ...], datetime]]:
    """Return the first-seen tags of stored questions, and when they were read."""
    binds = {"site": site, "question_ids": list(question_ids)}
    rows = connection.execute(query("first_tags_of"), binds)
    return {row.question_id: (tuple(row.first_tags), row.first_seen_at) for row in rows}


def read_label_agreements(
    connection: Connection, site: str, first_month: str = "0000-00"
) -> list[LabelAgreement]:
    """Return the agreement of each month whose second reading is finished, oldest first."""
    binds = {"site": site, "first_month": first_month}
    rows = connection.execute(query("label_agreements"), binds)
    return [LabelAgreement(**row._mapping) for row in rows]


def read_label_age(
    connection: Connection, site: str, start: datetime, end: datetime
) -> LabelAge | None:
    """Return how old the tags of the questions asked in ``[start, end)`` are; None without any."""
    binds = {"site": site, "start": start, "end": end, "young_days": FIRST_READ_DAYS}
    row = connection.execute(query("label_age"), binds).one()
    return None if row.median_days is None else LabelAge(row.median_days, row.young_share)


def mean_agreement(
    agreements: Sequence[LabelAgreement], *, before: str
) -> tuple[float | None, int]:
    """
    Return the mean F1 of first against settled tags in the latest months before one.

    Parameters
    ----------
    agreements : sequence of LabelAgreement
        Oldest first.
    before : str
        ``YYYY-MM``; it and later months are left out.

    Returns
    -------
    mean : float or None
        Over the questions of at most `AGREEMENT_MONTHS` months, in [0, 1]; None if fewer than
        `MIN_AGREEMENT_QUESTIONS` were compared.
    months : int
        Months that it rests on.
    """
    known = [
        (found.mean_f1, found.compared_count)
        for found in agreements
        if found.month < before and found.mean_f1 is not None
    ][-AGREEMENT_MONTHS:]
    compared = sum(count for _, count in known)
    if compared < MIN_AGREEMENT_QUESTIONS:
        return None, 0
    return sum(mean * count for mean, count in known) / compared, len(known)
