"""Monthly models, their answers on every later month, and stability reports, in PostgreSQL."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import Any, Final, overload

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row

from include import names
from include.evaluation.metrics import DEPTH, QuestionScores
from include.evaluation.refits import Refit
from include.evaluation.refreshes import RefreshedMonth
from include.evaluation.year import MonthFit
from include.months import month_range
from include.store.arrays import Arrays, pack, unpack
from include.store.queries import query

_RANKS: Final = 1 << np.arange(DEPTH)


@dataclass(frozen=True, slots=True)
class Study:
    """
    Everything that determines a study's figures besides the stored questions.

    Parameters
    ----------
    study_id : str
        Hash of the rest.
    site, candidate : str
    parameters : mapping
        Where they differ from the family's defaults.
    window_months : int or None
        Length of the training window in months; None for all months before.
    min_tag_count : int
    encoder : str
        As in the settings (``bert_model``), empty for the bundled one.
    code_version : str
    """

    study_id: str
    site: str
    candidate: str
    parameters: Mapping[str, Any]
    window_months: int | None
    min_tag_count: int
    encoder: str
    code_version: str


@dataclass(frozen=True, slots=True, eq=False)
class ModelMonth:
    """
    A month of a study: its model, and its test questions.

    Parameters
    ----------
    month, run_id, experiment_id, dataset_id, test_id : str
        Run and experiment are MLflow's; the others are hashes of the training and test data.
    question_ids : tuple of int, length n
        Oldest first.
    slices : mapping of str to ndarray of bool, shape (n,)
    unknown_words : float
        Share of the questions' distinct words that are not in the training window, in [0, 1].
    """

    month: str
    run_id: str
    experiment_id: str
    dataset_id: str
    test_id: str
    question_ids: tuple[int, ...]
    slices: Mapping[str, NDArray[np.bool_]]
    unknown_words: float


@dataclass(frozen=True, slots=True, eq=False)
class StoredMonth:
    """
    A `ModelMonth` as read, with the training window and the vocabulary of its model.

    ``fit`` says what the model learned from; None where it is not recorded.
    """

    model: ModelMonth
    finished: bool
    train_first: str
    train_last: str
    vocabulary: tuple[str, ...]
    fit: MonthFit | None


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """
    Answers of a model on a month, parallel to the month's ``question_ids``.

    Parameters
    ----------
    scores : QuestionScores
    suggested : sequence of tuples of str
        Best first. A list, or `StoredSuggestions` that are read when they are needed.
    """

    scores: QuestionScores
    suggested: Sequence[tuple[str, ...]]


class StoredSuggestions(Sequence[tuple[str, ...]]):
    """
    Suggestions of a pair of months that are read at their first use.

    Parameters
    ----------
    read : callable
        Returns ranks of tags, shape (n, depth): positions in ``vocabulary``, -1 for none.
    vocabulary : sequence of str
    count : int
        Number of questions, n.
    """

    def __init__(
        self, read: Callable[[], NDArray[np.int32]], vocabulary: Sequence[str], count: int
    ) -> None:
        self._read = read
        self._vocabulary = vocabulary
        self._count = count

    def __len__(self) -> int:
        """Return the number of questions."""
        return self._count

    @overload
    def __getitem__(self, index: int) -> tuple[str, ...]: ...

    @overload
    def __getitem__(self, index: slice) -> list[tuple[str, ...]]: ...

    def __getitem__(self, index: int | slice) -> tuple[str, ...] | list[tuple[str, ...]]:
        """Return the tags suggested for a question, best first, or for some."""
        if isinstance(index, slice):
            return [self._tags(row) for row in self._ranks[index].tolist()]
        return self._tags(self._ranks[index].tolist())

    @cached_property
    def _ranks(self) -> NDArray[np.int32]:
        return self._read()

    def _tags(self, row: list[int]) -> tuple[str, ...]:
        return tuple(self._vocabulary[column] for column in row if column >= 0)


@dataclass(frozen=True, slots=True)
class DisplayedQuestion:
    """A question for display; author and licence are empty if not known."""

    question_id: int
    asked_at: datetime
    title: str
    link: str
    author: str
    licence: str


@dataclass(frozen=True, slots=True)
class StoredStabilityReport:
    """A stability report, without its page."""

    study_id: str
    candidate: str
    parameters: dict[str, Any]
    window_months: int | None
    first_month: str
    last_month: str
    report: dict[str, Any]
    run_ids: list[str]
    built_at: datetime


def lock_study(connection: Connection, part: str) -> None:
    """Hold an exclusive lock on a piece of work, named ``part``, until the transaction ends."""
    connection.execute(query("lock_stability"), {"key": names.LOCK_STABILITY, "part": part})


def record_study(connection: Connection, study: Study) -> None:
    """Store a study; repeated, it changes nothing."""
    connection.execute(
        query("record_stability_study"),
        {
            "study_id": study.study_id,
            "site": study.site,
            "candidate": study.candidate,
            "parameters": json.dumps(study.parameters, sort_keys=True),
            "window_months": study.window_months,
            "min_tag_count": study.min_tag_count,
            "encoder": study.encoder,
            "code_version": study.code_version,
        },
    )


def record_month(connection: Connection, study_id: str, model: ModelMonth) -> None:
    """Store a month's model and delete an earlier one's answers; repeated, it changes nothing."""
    key = {"study_id": study_id, "month": model.month}
    version = {"run_id": model.run_id, "test_id": model.test_id}
    connection.execute(query("drop_stale_stability_pairs"), key | version)
    connection.execute(query("drop_stale_stability_refreshes"), key | version)
    members = sum(
        (mask.astype(np.int64) << bit for bit, mask in enumerate(model.slices.values())),
        np.zeros(len(model.question_ids), dtype=np.int64),
    )
    connection.execute(
        query("record_stability_month"),
        key
        | version
        | {
            "experiment_id": model.experiment_id,
            "dataset_id": model.dataset_id,
            "question_ids": list(model.question_ids),
            "slices": list(model.slices),
            "slice_members": members.tolist(),
            "unknown_words": model.unknown_words,
        },
    )


def finish_month(connection: Connection, study_id: str, model: ModelMonth) -> None:
    """Mark a month whose model was tested with every other month of its study."""
    connection.execute(
        query("finish_stability_month"),
        {"study_id": study_id, "month": model.month, "run_id": model.run_id},
    )


def reopen_month(connection: Connection, study_id: str, model: ModelMonth) -> None:
    """Unmark a month whose questions have changed: no report uses it until it runs again."""
    connection.execute(
        query("reopen_stability_month"),
        {"study_id": study_id, "month": model.month, "test_id": model.test_id},
    )


def read_months(
    connection: Connection, study_id: str, first_month: str, last_month: str
) -> dict[str, StoredMonth]:
    """Return a study's months from a first to a last, both included, oldest first."""
    rows = connection.execute(
        query("stability_months_of"),
        {"study_id": study_id, "first_month": first_month, "last_month": last_month},
    )
    return {
        row.month: StoredMonth(
            ModelMonth(
                month=row.month,
                run_id=row.run_id,
                experiment_id=row.experiment_id,
                dataset_id=row.dataset_id,
                test_id=row.test_id,
                question_ids=tuple(row.question_ids),
                slices={
                    name: (np.array(row.slice_members, dtype=np.int64) >> bit & 1).astype(bool)
                    for bit, name in enumerate(row.slices)
                },
                unknown_words=row.unknown_words,
            ),
            finished=row.finished,
            train_first=row.train_first,
            train_last=row.train_last,
            vocabulary=tuple(row.vocabulary),
            fit=_fit(row),
        )
        for row in rows
    }


def _fit(row: Row[Any]) -> MonthFit | None:
    """Return what the model of a row of ``stability_months_of`` learned from, if that is stored."""
    if row.question_count is None:
        return None
    return MonthFit(
        question_count=row.question_count,
        window_count=row.window_count,
        first_day=f"{row.first_asked_at.astimezone(UTC):%Y-%m-%d}",
        last_day=f"{row.last_asked_at.astimezone(UTC):%Y-%m-%d}",
        seconds=math.nan if row.seconds is None else row.seconds,
    )


def finished_months(connection: Connection, study_id: str) -> list[str]:
    """Return the months whose models were tested with every other month, oldest first."""
    rows = connection.execute(query("stability_months_finished"), {"study_id": study_id})
    return [row.month for row in rows]


def missing_pairs(connection: Connection, study_id: str, month: str) -> list[tuple[str, str]]:
    """Return the untested pairs (model month, test month) that contain ``month``."""
    rows = connection.execute(
        query("missing_stability_pairs"), {"study_id": study_id, "month": month}
    )
    return [(row.model_month, row.test_month) for row in rows]


def record_pair(
    connection: Connection, study_id: str, model: StoredMonth, test: ModelMonth, answers: Answers
) -> None:
    """Store the answers of a model on a month, unless one of the two was replaced meanwhile."""
    connection.execute(
        query("record_stability_pair"),
        {
            "study_id": study_id,
            "model_month": model.model.month,
            "test_month": test.month,
            "run_id": model.model.run_id,
            "test_id": test.test_id,
            "scores": pack(_counts(answers.scores)),
            "suggested": pack({"ranks": _ranks_of(answers.suggested, model.vocabulary)}),
        },
    )


def read_pairs(
    engine: Engine, study_id: str, first_month: str, last_month: str
) -> dict[tuple[str, str], Answers]:
    """
    Return the answers of the models of a range of months on the months of the same range.

    Scores take 21 bytes a question; suggestions are read pair by pair, when they are needed.
    """
    period = {"study_id": study_id, "first_month": first_month, "last_month": last_month}
    with engine.connect() as connection:
        rows = connection.execute(query("stability_pairs_between"), period).all()
        vocabularies = {
            month: stored.vocabulary
            for month, stored in read_months(connection, study_id, first_month, last_month).items()
        }
    answers = {}
    for row in rows:
        scores = _scores(unpack(row.scores))
        read = partial(_read_ranks, engine, study_id, row.model_month, row.test_month)
        suggested = StoredSuggestions(read, vocabularies[row.model_month], len(scores))
        answers[row.model_month, row.test_month] = Answers(scores, suggested)
    return answers


def record_refreshed_month(
    connection: Connection, study_id: str, test: ModelMonth, rule: str, refreshed: RefreshedMonth
) -> None:
    """Store how a month was answered with a rule's refreshes, unless it was replaced meanwhile."""
    binds = {
        "study_id": study_id,
        "month": test.month,
        "rule": rule,
        "test_id": test.test_id,
        "trainings": refreshed.trainings,
        "seconds": refreshed.seconds,
        "scores": pack(_counts(refreshed.scores)),
    }
    connection.execute(query("record_stability_refresh"), binds)


def read_refreshed_months(
    connection: Connection, study_id: str, first_month: str, last_month: str
) -> dict[str, dict[str, RefreshedMonth]]:
    """Return the months of a range that were studied with refreshes, by rule, oldest first."""
    binds = {"study_id": study_id, "first_month": first_month, "last_month": last_month}
    rows = connection.execute(query("stability_refreshes_between"), binds)
    found: dict[str, dict[str, RefreshedMonth]] = {}
    for row in rows:
        seconds = math.nan if row.seconds is None else row.seconds
        month = RefreshedMonth(_scores(unpack(row.scores)), row.trainings, seconds)
        found.setdefault(row.rule, {})[row.month] = month
    return found


def record_refit(
    connection: Connection, study_id: str, test: ModelMonth, day: str, refit: Refit
) -> None:
    """Store a model that was refitted within a month, unless the month was replaced meanwhile."""
    binds = {
        "study_id": study_id,
        "month": test.month,
        "refitted_on": day,
        "test_id": test.test_id,
        "seconds": refit.seconds,
        "scores": pack(_counts(refit.scores)),
    }
    connection.execute(query("record_stability_refit"), binds)


def read_refits(
    connection: Connection, study_id: str, first_month: str, last_month: str
) -> dict[str, dict[str, Refit]]:
    """Return the models that were refitted within a range of months, by month and day, in order."""
    binds = {"study_id": study_id, "first_month": first_month, "last_month": last_month}
    found: dict[str, dict[str, Refit]] = {}
    for row in connection.execute(query("stability_refits_between"), binds):
        refit = Refit(_scores(unpack(row.scores)), row.seconds)
        found.setdefault(row.month, {})[row.refitted_on.isoformat()] = refit
    return found


def _counts(scores: QuestionScores) -> dict[str, NDArray[np.uint8]]:
    """Return scores as arrays of bytes, as `_scores` reads them."""
    return {
        "found": (scores.found @ _RANKS).astype(np.uint8),
        "true_count": scores.true_count.astype(np.uint8),
        "reachable_count": scores.reachable_count.astype(np.uint8),
    }


def _scores(arrays: Arrays) -> QuestionScores:
    return QuestionScores(
        found=(arrays["found"].astype(np.int64)[:, None] & _RANKS).astype(bool),
        true_count=arrays["true_count"].astype(np.int64),
        reachable_count=arrays["reachable_count"].astype(np.int64),
    )


def _ranks_of(suggested: Sequence[tuple[str, ...]], vocabulary: Sequence[str]) -> NDArray[np.int32]:
    """Return the suggested tags as positions in the vocabulary, -1 beyond the last one."""
    column = {tag: number for number, tag in enumerate(vocabulary)}
    ranks = np.full((len(suggested), max(map(len, suggested), default=0)), -1, dtype=np.int32)
    for row, tags in zip(ranks, suggested, strict=True):
        row[: len(tags)] = [column[tag] for tag in tags]
    return ranks


def _read_ranks(
    engine: Engine, study_id: str, model_month: str, test_month: str
) -> NDArray[np.int32]:
    key = {"study_id": study_id, "model_month": model_month, "test_month": test_month}
    with engine.connect() as connection:
        row = connection.execute(query("stability_pair_suggestions"), key).one()
    return unpack(row.suggested)["ranks"]


def read_check(connection: Connection, check_id: str) -> tuple[bool, str] | None:
    """Return whether a drift check raised an alarm, and its reason; None if it is not stored."""
    row = connection.execute(query("stability_check"), {"check_id": check_id}).one_or_none()
    return (row.alarmed, row.reason) if row else None


def record_check(
    connection: Connection, check_id: str, study_id: str, month: str, alarmed: bool, reason: str
) -> None:
    """Store a drift check; repeated, it changes nothing."""
    connection.execute(
        query("record_stability_check"),
        {
            "check_id": check_id,
            "study_id": study_id,
            "month": month,
            "alarmed": alarmed,
            "reason": reason,
        },
    )


def report_source(
    connection: Connection, study_id: str, first_month: str, last_month: str
) -> str | None:
    """Return the source hash of the report on exactly these months, None if there is none."""
    row = connection.execute(
        query("stability_report_source"),
        {"study_id": study_id, "first_month": first_month, "last_month": last_month},
    ).one_or_none()
    return row.source_id if row else None


def save_report(
    connection: Connection,
    study: Study,
    report: str,
    *,
    first_month: str,
    last_month: str,
    source_id: str,
    html: str,
    run_ids: Sequence[str],
) -> None:
    """Store a report, JSON text, in the bit of all of the study's that share a month with it."""
    period = {
        "study_id": study.study_id,
        "first_month": first_month,
        "last_month": last_month,
    }
    connection.execute(query("drop_overlapping_stability_reports"), period)
    connection.execute(
        query("record_stability_report"),
        period
        | {
            "site": study.site,
            "candidate": study.candidate,
            "source_id": source_id,
            "report": report,
            "html": html,
            "run_ids": list(run_ids),
        },
    )


def read_reports(connection: Connection, site: str) -> list[StoredStabilityReport]:
    """Return a site's reports, newest first."""
    rows = connection.execute(query("stability_reports_of"), {"site": site})
    return [StoredStabilityReport(**row._mapping) for row in rows]


def read_report_page(connection: Connection, study_id: str, month: str) -> str | None:
    """Return the page (HTML) of the report that covers ``month``, None if there is none."""
    row = connection.execute(
        query("stability_report_page"), {"study_id": study_id, "month": month}
    ).one_or_none()
    return row.html if row else None


def read_displayed_questions(
    connection: Connection, site: str, question_ids: Sequence[int], months: tuple[str, str]
) -> list[DisplayedQuestion]:
    """Return questions for display by id, asked from a first to a last month."""
    first, last = months
    rows = connection.execute(
        query("questions_of_ids"),
        {
            "site": site,
            "question_ids": list(question_ids),
            "start": month_range(first)[0],
            "end": month_range(last)[1],
        },
    )
    return [DisplayedQuestion(**row._mapping) for row in rows]
