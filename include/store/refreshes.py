"""Refreshes of the champion in PostgreSQL, and what decides on the next one."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from include.store.queries import query


@dataclass(frozen=True, slots=True)
class RefreshRecord:
    """
    A refresh that was judged.

    Parameters
    ----------
    site : str
    learned_until, test_from : datetime
        Aware midnights: it was judged on the questions between them, and learned all before
        ``learned_until`` if it was promoted.
    cause : {"due", "surge", "requested"}
    reason : str
        Why it was made.
    champion_version : str
        That it was judged against.
    training_run_id : str
        Of MLflow.
    version : str or None
        None if the gate refused it.
    decision : str
        The gate's sentence.
    new_tags : sequence of str
        Used often since the champion learned, which it could not suggest.
    """

    site: str
    learned_until: datetime
    test_from: datetime
    cause: str
    reason: str
    champion_version: str
    training_run_id: str
    version: str | None
    decision: str
    new_tags: Sequence[str]


def record_refresh(connection: Connection, refresh: RefreshRecord) -> None:
    """Store a judged refresh; one that went up to the same day is replaced."""
    binds = asdict(refresh) | {"new_tags": list(refresh.new_tags)}
    connection.execute(query("record_refresh"), binds)


def last_refresh_until(connection: Connection, site: str) -> datetime | None:
    """Return up to when the site's last refresh went, promoted or not; None if there was none."""
    found: datetime | None = connection.execute(
        query("last_refresh_until"), {"site": site}
    ).scalar_one()
    return found


def tagged_questions_per_day(
    connection: Connection, site: str, start: datetime, end: datetime
) -> dict[datetime, int]:
    """Return the number of questions with a tag by the start of their UTC day, in [start, end)."""
    binds = {"site": site, "start": start, "end": end}
    rows = connection.execute(query("tagged_questions_per_day"), binds)
    return {row.day: row.question_count for row in rows}


@dataclass(frozen=True)
class DatasetVocabulary:
    """
    The vocabulary of a stored dataset.

    Parameters
    ----------
    tags : frozenset of str
        What a model of the dataset can suggest, by their names when it was trained.
    least_uses : int or None
        Uses in the window from which a tag is among them; None if that was not recorded.
    """

    tags: frozenset[str]
    least_uses: int | None


def dataset_vocabulary(connection: Connection, dataset_id: str) -> DatasetVocabulary | None:
    """Return the vocabulary of a dataset, None if the dataset is not stored."""
    row = connection.execute(query("dataset_vocabulary"), {"dataset_id": dataset_id}).one_or_none()
    return None if row is None else DatasetVocabulary(frozenset(row.vocabulary), row.least_uses)
