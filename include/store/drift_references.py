"""Data of drift checks in PostgreSQL: predictions on the reference, and recent predictions."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection

from include.store.queries import query


@dataclass(frozen=True, slots=True)
class ReferenceKey:
    """Key of a reference: a site, a model version and the first and last month."""

    site: str
    model_version: str
    first_month: str
    last_month: str


@dataclass(frozen=True, slots=True)
class ReferenceAnswers:
    """
    Predictions of a reference by models that were not fitted on it.

    Parameters
    ----------
    model_count : int
        Models that predicted, 1 or 2.
    vocabulary : frozenset of str
        Tags that at least one of them can suggest.
    suggested : dict of int to tuple of (str, float)
        Tags and scores, best first, by question id.
    """

    model_count: int
    vocabulary: frozenset[str]
    suggested: dict[int, tuple[tuple[str, float], ...]]


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """
    A question of a request to the service, and its answer.

    ``body`` is HTML; ``key_name`` is the API key that asked, None if the service ran without keys.
    """

    asked_at: datetime
    title: str
    body: str
    suggested: tuple[tuple[str, float], ...]
    key_name: str | None = None


@dataclass(frozen=True, slots=True)
class TaggedQuestion:
    """A stored question; ``body`` is HTML, ``tags`` have canonical names."""

    title: str
    body: str
    tags: tuple[str, ...]


def save_reference(connection: Connection, key: ReferenceKey, answers: ReferenceAnswers) -> None:
    """Store a reference's suggestions; stored ones are not replaced."""
    binds = asdict(key)
    models = {"vocabulary": sorted(answers.vocabulary), "model_count": answers.model_count}
    connection.execute(query("save_drift_reference"), binds | models)
    rows = [
        {
            "question_id": question_id,
            "tags": [tag for tag, _ in suggested],
            "scores": [score for _, score in suggested],
        }
        for question_id, suggested in answers.suggested.items()
    ]
    statement = query("save_drift_reference_answers")
    connection.execute(statement, {**binds, "answers": json.dumps(rows)})


def read_reference(connection: Connection, key: ReferenceKey) -> ReferenceAnswers | None:
    """Return a reference's suggestions, or None if they are not stored."""
    binds = asdict(key)
    models = connection.execute(query("drift_reference"), binds).one_or_none()
    if models is None:
        return None
    rows = connection.execute(query("drift_reference_answers"), binds)
    suggested = {row.question_id: tuple(zip(row.tags, row.scores, strict=True)) for row in rows}
    return ReferenceAnswers(models.model_count, frozenset(models.vocabulary), suggested)


def answered_between(
    connection: Connection, site: str, model_version: str, start: datetime, end: datetime
) -> list[AnsweredQuestion]:
    """Return the answers of a model version in [start, end), each distinct question once."""
    binds = {"site": site, "model_version": model_version, "start": start, "end": end}
    rows = connection.execute(query("answered_between"), binds)
    return [
        AnsweredQuestion(
            row.asked_at,
            row.title,
            row.body,
            tuple((entry["tag"], float(entry["score"])) for entry in row.tags),
            row.key_name,
        )
        for row in rows
    ]


def questions_asked_of_service(
    connection: Connection, site: str, start: datetime, end: datetime, most: int
) -> list[tuple[str, str]]:
    """Return title and body of distinct requests in [start, end), a sample of ``most`` at most."""
    binds = {"site": site, "start": start, "end": end, "most": most}
    rows = connection.execute(query("questions_asked_of_service"), binds)
    return [(row.title, row.body) for row in rows]


def newest_tagged_questions(
    connection: Connection, site: str, end: datetime, most: int
) -> list[TaggedQuestion]:
    """Return the newest ``most`` stored questions that were asked before ``end``, oldest first."""
    binds = {"site": site, "end": end, "most": most}
    rows = connection.execute(query("newest_tagged_questions"), binds)
    return [TaggedQuestion(row.title, row.body_html, tuple(row.tags)) for row in rows]
