"""Datasets, evaluations and the ledger of promotions in PostgreSQL."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row
from sqlalchemy.exc import OperationalError

from include import names
from include.errors import RetryLaterError
from include.store.queries import query

LOCK_WAIT_S: Final = 30
PromotionKind = Literal["first", "promotion", "rollback", "challenger", "withdrawal"]


@dataclass(frozen=True, slots=True)
class StoredDataset:
    """
    A training data set: the questions of a range of months.

    Parameters
    ----------
    dataset_id : str
        Hash of the content.
    site, first_month, last_month : str
        Both months included.
    question_count, min_tag_count : int
    least_uses : int
        Uses from which a tag is in the vocabulary, at least ``min_tag_count``.
    vocabulary : tuple of str
        Sorted.
    learned_until : datetime
        Aware: every question asked before it is contained; the end of ``last_month``, or a day of
        the month after.
    """

    dataset_id: str
    site: str
    first_month: str
    last_month: str
    question_count: int
    min_tag_count: int
    least_uses: int
    vocabulary: tuple[str, ...]
    learned_until: datetime


@dataclass(frozen=True, slots=True)
class StoredFit:
    """
    What a model learned from.

    Parameters
    ----------
    run_id : str
        The MLflow run of the training.
    dataset_id, candidate : str
    question_count : int
        The latest questions of the dataset, from which it learned.
    window_count : int
        All questions of the dataset.
    first_asked_at, last_asked_at : datetime
        Of the questions learned from; aware, UTC.
    tag_count : int
        Tags with as many uses among these questions as put one in the vocabulary.
    seconds : float
        That the fit took by the clock, without waiting for memory.
    """

    run_id: str
    dataset_id: str
    candidate: str
    question_count: int
    window_count: int
    first_asked_at: datetime
    last_asked_at: datetime
    tag_count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class EvaluationKey:
    """
    The key of an evaluation: a model and the month that it was evaluated on.

    Parameters
    ----------
    site, candidate : str
    model_version : str
        The registry's version, or the run's id if the model is not registered.
    run_id : str
        The MLflow run of the evaluation.
    train_first, train_last, test_month : str
    test_from, test_until : str or None
        ``YYYY-MM-DD``, half-open, if it was evaluated on days and not on the whole month.
    """

    site: str
    candidate: str
    model_version: str
    run_id: str
    train_first: str
    train_last: str
    test_month: str
    test_from: str | None = None
    test_until: str | None = None


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One metric's value over ``question_count`` questions of a slice."""

    slice: str
    metric: str
    value: float
    question_count: int


@dataclass(frozen=True, slots=True)
class Promotion:
    """
    A row of the ledger of promotions.

    Parameters
    ----------
    promotion_id : int
    promoted_at : datetime
        Aware, UTC.
    alias : str
    from_version : str or None
        The version that had the alias before, if any.
    to_version : str
        The version that has the alias afterwards; for a ``withdrawal`` the one that lost it.
    kind : str
        ``first``, ``promotion``, ``rollback``, ``challenger`` or ``withdrawal``.
    actor : str
        A person's name or a DAG run's id.
    reason : str
    figures : dict
        The metrics behind the decision.
    artifact_sha256 : str or None
    """

    promotion_id: int
    promoted_at: datetime
    alias: str
    from_version: str | None
    to_version: str
    kind: PromotionKind
    actor: str
    reason: str
    figures: dict[str, Any]
    artifact_sha256: str | None


def record_dataset(connection: Connection, dataset: StoredDataset) -> None:
    """Store a dataset; idempotent."""
    connection.execute(
        query("record_dataset"),
        {
            "dataset_id": dataset.dataset_id,
            "site": dataset.site,
            "first_month": dataset.first_month,
            "last_month": dataset.last_month,
            "question_count": dataset.question_count,
            "min_tag_count": dataset.min_tag_count,
            "least_uses": dataset.least_uses,
            "vocabulary": list(dataset.vocabulary),
            "learned_until": dataset.learned_until,
        },
    )


def record_fit(connection: Connection, fit: StoredFit) -> None:
    """Store what a model learned from; its dataset is stored already; idempotent."""
    connection.execute(query("record_fit"), asdict(fit))


def record_evaluations(
    connection: Connection, model: EvaluationKey, figures: Sequence[MetricValue]
) -> int:
    """Store a model's finite metrics on a month and return how many."""
    kept = [figure for figure in figures if math.isfinite(figure.value)]
    connection.execute(
        query("record_evaluations"),
        {
            "site": model.site,
            "candidate": model.candidate,
            "model_version": model.model_version,
            "run_id": model.run_id,
            "train_first": model.train_first,
            "train_last": model.train_last,
            "test_month": model.test_month,
            "test_from": model.test_from,
            "test_until": model.test_until,
            "slices": [figure.slice for figure in kept],
            "metrics": [figure.metric for figure in kept],
            "values": [figure.value for figure in kept],
            "question_counts": [figure.question_count for figure in kept],
        },
    )
    return len(kept)


def lock_promotion(connection: Connection, wait_s: int = LOCK_WAIT_S) -> None:
    """
    Take the exclusive lock on moving aliases until the caller's transaction ends.

    Raises
    ------
    RetryLaterError
        If another session holds the lock for longer than ``wait_s`` seconds.
    """
    try:
        connection.execute(
            query("lock_promotion"), {"key": names.LOCK_PROMOTION, "wait_ms": f"{wait_s}s"}
        )
    except OperationalError as error:
        raise RetryLaterError("another process is moving an alias") from error


def record_promotion(
    connection: Connection,
    *,
    alias: str,
    from_version: str | None,
    to_version: str,
    kind: PromotionKind,
    actor: str,
    reason: str,
    figures: Mapping[str, Any],
    artifact_sha256: str | None,
) -> Promotion:
    """Add a row to the ledger, in the caller's transaction; see `Promotion` for the fields."""
    row = connection.execute(
        query("record_promotion"),
        {
            "alias": alias,
            "from_version": from_version,
            "to_version": to_version,
            "kind": kind,
            "actor": actor,
            "reason": reason,
            "figures": json.dumps(figures),
            "artifact_sha256": artifact_sha256,
        },
    ).one()
    return _promotion(row)


def latest_promotion(connection: Connection, alias: str = names.CHAMPION) -> Promotion | None:
    """Return the ledger's latest row of ``alias``, or None if there is none."""
    row = connection.execute(query("latest_promotion"), {"alias": alias}).one_or_none()
    return _promotion(row) if row else None


def promotion_to(connection: Connection, alias: str, version: str) -> Promotion | None:
    """Return the latest promotion (not rollback) of ``version`` to ``alias``, or None."""
    row = connection.execute(
        query("promotion_to_version"), {"alias": alias, "to_version": version}
    ).one_or_none()
    return _promotion(row) if row else None


def promoted_hash(connection: Connection, version: str) -> str | None:
    """Return the SHA-256 of ``version`` as the ledger first recorded it, or None."""
    found = connection.execute(query("promoted_hash"), {"to_version": version})
    return found.scalar_one_or_none()


def list_promotions(connection: Connection, alias: str, limit: int = 20) -> list[Promotion]:
    """Return the ledger's latest ``limit`` rows of ``alias``, newest first."""
    rows = connection.execute(query("promotions_of_alias"), {"alias": alias, "row_limit": limit})
    return [_promotion(row) for row in rows]


def _promotion(row: Row[Any]) -> Promotion:
    """Convert a row."""
    return Promotion(**row._mapping)
